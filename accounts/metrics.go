package accounts

import "github.com/prometheus/client_golang/prometheus"

// What a sign-in ended with, for the metrics. Those that succeed are counted when their session begins.
const (
	succeeded = "good"
	refused   = "wrong"
	slowed    = "slowed" // not checked, because there were too many wrong ones
	busy      = "busy"   // not checked, because too many were being checked
)

// metrics counts sign-ins. No label names an account.
type metrics struct {
	signIns  *prometheus.CounterVec
	checking prometheus.GaugeFunc
	unlisted prometheus.Counter
}

func newMetrics(h *hasher) *metrics {
	m := &metrics{
		signIns: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "mailhint_sign_ins_total",
			Help: "Sign-ins to the admin page by result: good, wrong, slowed (after too many wrong ones) or busy (too many at once)."}, []string{"result"}),
		checking: prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "mailhint_passwords_checking",
			Help: "Passwords that are being checked, or wait for that."}, func() float64 { return float64(len(h.waiting)) }),
		unlisted: prometheus.NewCounter(prometheus.CounterOpts{Name: "mailhint_audit_refusals_unlisted_total",
			Help: "Refused attempts that the audit trail only counts, because there were too many."}),
	}
	for _, result := range []string{succeeded, refused, slowed, busy} {
		m.signIns.WithLabelValues(result)
	}
	return m
}

func (m *metrics) signIn(result string) { m.signIns.WithLabelValues(result).Inc() }

// Collector returns the metrics for Prometheus.
func (s *Service) Collector() prometheus.Collector { return s.metrics }

// Describe implements prometheus.Collector.
func (m *metrics) Describe(descs chan<- *prometheus.Desc) {
	m.signIns.Describe(descs)
	m.checking.Describe(descs)
	m.unlisted.Describe(descs)
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(values chan<- prometheus.Metric) {
	m.signIns.Collect(values)
	m.checking.Collect(values)
	m.unlisted.Collect(values)
}
