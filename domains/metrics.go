package domains

import "github.com/prometheus/client_golang/prometheus"

// Collector returns metrics of the configuration on disk.
func (f *File) Collector() prometheus.Collector { return collector{f} }

type collector struct{ *File }

var (
	skippedDesc = prometheus.NewDesc("mailhint_list_lines_skipped", "Lines of the files named by domains_file that are skipped because they are not a domain or repeat another line.", nil, nil)
	heldDesc    = prometheus.NewDesc("mailhint_config_held_back", "1 while a change that would drop many domains waits for SIGHUP, else 0.", nil, nil)
)

func (c collector) Describe(descs chan<- *prometheus.Desc) {
	descs <- skippedDesc
	descs <- heldDesc
}

func (c collector) Collect(metrics chan<- prometheus.Metric) {
	held := 0.0
	if c.held.Load() {
		held = 1
	}
	metrics <- prometheus.MustNewConstMetric(heldDesc, prometheus.GaugeValue, held)
	metrics <- prometheus.MustNewConstMetric(skippedDesc, prometheus.GaugeValue, float64(c.Current().SkippedLines))
}
