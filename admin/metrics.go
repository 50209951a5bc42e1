package admin

import "github.com/prometheus/client_golang/prometheus"

// Collector returns the metrics of a Service.
func (s *Service) Collector() prometheus.Collector {
	return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "mailhint_admin_looks_refused_total",
		Help: "Looks at mail servers and name servers for accounts that were refused because of a limit."},
		func() float64 {
			s.budgets.mu.Lock()
			defer s.budgets.mu.Unlock()
			return float64(s.budgets.refused)
		})
}
