package help

import "github.com/prometheus/client_golang/prometheus"

// Describe implements prometheus.Collector.
func (h *Handler) Describe(descs chan<- *prometheus.Desc) { prometheus.DescribeByCollect(h, descs) }

// Collect implements prometheus.Collector: how often pages were prepared, which are kept, and refused.
func (h *Handler) Collect(metrics chan<- prometheus.Metric) {
	metrics <- prometheus.MustNewConstMetric(preparedDesc, prometheus.CounterValue, float64(h.prepared.Load()))
	metrics <- prometheus.MustNewConstMetric(keptDesc, prometheus.GaugeValue, float64(h.pages.Len()))
	metrics <- prometheus.MustNewConstMetric(refusedDesc, prometheus.CounterValue, float64(h.budget.Refused()))
}

var (
	preparedDesc = prometheus.NewDesc("mailhint_pages_prepared_total", "Pages for people that were not in the cache and were prepared.", nil, nil)
	keptDesc     = prometheus.NewDesc("mailhint_pages_kept", "Prepared pages for people in the cache.", nil, nil)
	refusedDesc  = prometheus.NewDesc("mailhint_pages_refused_total", "Requests refused with status 429 because one client requested too many different pages.", nil, nil)

	codesDesc = prometheus.NewDesc("mailhint_page_codes_kept", "QR codes of pages in the cache.", nil, nil)
)

// Describe implements prometheus.Collector.
func (a *Assets) Describe(descs chan<- *prometheus.Desc) { prometheus.DescribeByCollect(a, descs) }

// Collect implements prometheus.Collector: how many QR codes are kept.
func (a *Assets) Collect(metrics chan<- prometheus.Metric) {
	metrics <- prometheus.MustNewConstMetric(codesDesc, prometheus.GaugeValue, float64(a.codes.Len()))
}
