package exchangers

import "github.com/prometheus/client_golang/prometheus"

// Collector returns the metrics of the look-ups for Prometheus. No label names a domain.
func (c *Cache) Collector() prometheus.Collector { return collector{c} }

type collector struct{ cache *Cache }

var (
	lookupsDesc = prometheus.NewDesc("mailhint_fallback_lookups_total",
		"MX look-ups for the fallback by result: ours, others, failed, or dropped because there were too many.", []string{"result"}, nil)
	droppedDesc = prometheus.NewDesc("mailhint_fallback_dropped_total",
		"MX look-ups for the fallback that were not started, by the limit that was reached: client, network, provider, domain, total or queue.",
		[]string{"limit"}, nil)
	silentDesc = prometheus.NewDesc("mailhint_fallback_silent_total",
		"MX look-ups for the fallback that failed while the resolver answered for other names.", nil, nil)
	saveDesc = prometheus.NewDesc("mailhint_fallback_save_failures_total",
		"Failed attempts to save the domains whose mail comes here in state_dir.", nil, nil)
	namesDesc = prometheus.NewDesc("mailhint_fallback_names", "Names whose MX is cached for the fallback.", nil, nil)
)

func (m collector) Describe(descs chan<- *prometheus.Desc) {
	descs <- lookupsDesc
	descs <- droppedDesc
	descs <- silentDesc
	descs <- saveDesc
	descs <- namesDesc
}

func (m collector) Collect(metrics chan<- prometheus.Metric) {
	c := m.cache.currentCounts()
	for result, n := range map[string]uint64{"ours": c.ours, "others": c.others, "failed": c.failed, "dropped": c.dropped} {
		metrics <- prometheus.MustNewConstMetric(lookupsDesc, prometheus.CounterValue, float64(n), result)
	}
	for _, limit := range limits {
		metrics <- prometheus.MustNewConstMetric(droppedDesc, prometheus.CounterValue, float64(c.droppedBy[limit]), limit)
	}
	metrics <- prometheus.MustNewConstMetric(silentDesc, prometheus.CounterValue, float64(c.silent))
	metrics <- prometheus.MustNewConstMetric(saveDesc, prometheus.CounterValue, float64(c.saveFailures))
	metrics <- prometheus.MustNewConstMetric(namesDesc, prometheus.GaugeValue, float64(c.names))
}
