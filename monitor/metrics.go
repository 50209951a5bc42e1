package monitor

import "github.com/prometheus/client_golang/prometheus"

// Collector returns the metrics of the mail servers for Prometheus. No label names a server.
func (m *Monitor) Collector() prometheus.Collector { return collector{m} }

type collector struct{ monitor *Monitor }

var (
	serversDesc = prometheus.NewDesc("mailhint_probe_servers",
		"Advertised mail servers by the result of the last probe: good, or what is wrong.", []string{"state"}, nil)
	tooManyDesc = prometheus.NewDesc("mailhint_probe_too_many", "1 if there are too many hosts to probe them all.", nil, nil)
	lastDesc    = prometheus.NewDesc("mailhint_probe_last_timestamp_seconds", "When the last probe of a mail server ended.", nil, nil)
	expiryDesc  = prometheus.NewDesc("mailhint_probe_certificate_expiry_timestamp_seconds",
		"When the first of the mail servers' certificates expires.", nil, nil)
)

func (m collector) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{serversDesc, tooManyDesc, lastDesc, expiryDesc} {
		descs <- d
	}
}

func (m collector) Collect(metrics chan<- prometheus.Metric) {
	s := m.monitor.Summary()
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	for _, state := range states {
		gauge(serversDesc, float64(s.Servers[state]), string(state))
	}
	tooMany := 0.0
	if s.TooMany {
		tooMany = 1
	}
	gauge(tooManyDesc, tooMany)
	if !s.Last.IsZero() {
		gauge(lastDesc, float64(s.Last.Unix()))
	}
	if !s.Certificate.IsZero() {
		gauge(expiryDesc, float64(s.Certificate.Unix()))
	}
}
