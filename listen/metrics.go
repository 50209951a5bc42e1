package listen

import "github.com/prometheus/client_golang/prometheus"

var (
	connectionsDesc = prometheus.NewDesc("mailhint_connections", "Connections open at the public listeners.", nil, nil)
	evictedDesc     = prometheus.NewDesc("mailhint_connections_evicted_total",
		"Connections closed to make room because one client, or all clients together, had too many.", nil, nil)
)

// Describe and Collect make Listeners a prometheus.Collector.
func (l *Listeners) Describe(descs chan<- *prometheus.Desc) {
	descs <- connectionsDesc
	descs <- evictedDesc
}

// Collect sends the number of open connections and of those that had to make room.
func (l *Listeners) Collect(metrics chan<- prometheus.Metric) {
	metrics <- prometheus.MustNewConstMetric(connectionsDesc, prometheus.GaugeValue, float64(l.tracker.size()))
	metrics <- prometheus.MustNewConstMetric(evictedDesc, prometheus.CounterValue, float64(l.tracker.evicted.Load()))
}
