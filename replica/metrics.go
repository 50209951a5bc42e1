package replica

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	stateDesc    = prometheus.NewDesc("mailhint_store_state", "Whether the database is followed: 1 for the state that it is in.", []string{"state"}, nil)
	sequenceDesc = prometheus.NewDesc("mailhint_store_sequence", "Number of the latest change of the database that this replica has.", nil, nil)
	ageDesc      = prometheus.NewDesc("mailhint_store_age_seconds", "Time since this replica was last known to have what the database has.", nil, nil)
	namesDesc    = prometheus.NewDesc("mailhint_store_domains", "Names of the database that are answered, with aliases and wildcards.", nil, nil)
	refusedDesc  = prometheus.NewDesc("mailhint_store_refused_records", "Records of the database whose newest form is not served, because it does not check.", nil, nil)
	octetsDesc   = prometheus.NewDesc("mailhint_store_copy_bytes", "Memory of the copy of the database.", nil, nil)
	savedDesc    = prometheus.NewDesc("mailhint_store_copy_saved", "1 if the copy in state_dir has everything, 0 if it cannot be saved.", nil, nil)
)

// collector shows the status as metrics.
type collector struct{ replica *Replica }

// Collector returns the metrics of a Replica.
func (r *Replica) Collector() prometheus.Collector { return collector{r} }

// Describe is that of prometheus.Collector.
func (c collector) Describe(to chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, to) }

// Collect is that of prometheus.Collector.
func (c collector) Collect(to chan<- prometheus.Metric) {
	s := c.replica.Status()
	gauge := func(desc *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, v, labels...)
	}
	for _, state := range []State{Copying, Following, Away, HeldBack} {
		v := 0.0
		if s.State == state {
			v = 1
		}
		gauge(stateDesc, v, string(state))
	}
	gauge(sequenceDesc, float64(s.Sequence))
	if !s.InStep.IsZero() {
		gauge(ageDesc, time.Since(s.InStep).Seconds())
	}
	gauge(namesDesc, float64(s.Names))
	gauge(refusedDesc, float64(s.Refused))
	gauge(octetsDesc, float64(s.Octets))
	saved := 1.0
	if s.SaveErr != nil {
		saved = 0
	}
	gauge(savedDesc, saved)
}
