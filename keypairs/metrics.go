package keypairs

import "github.com/prometheus/client_golang/prometheus"

var expiryDesc = prometheus.NewDesc("mailhint_certificate_expiry_timestamp_seconds", "When the first of the certificates in use expires.", nil, nil)

// Describe and Collect make Pairs a prometheus.Collector.
func (p *Pairs) Describe(descs chan<- *prometheus.Desc) { descs <- expiryDesc }

// Collect sends when the first of the certificates expires.
func (p *Pairs) Collect(metrics chan<- prometheus.Metric) {
	metrics <- prometheus.MustNewConstMetric(expiryDesc, prometheus.GaugeValue, float64(p.FirstExpiry().Unix()))
}
