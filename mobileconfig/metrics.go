package mobileconfig

import "github.com/prometheus/client_golang/prometheus"

// Collector returns the metrics of the profiles for Prometheus.
func (h *Handler) Collector() prometheus.Collector {
	return prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "mailhint_profiles_refused_total", Help: "Requests refused with status 429 because one client requested too many profiles.",
	}, func() float64 { return float64(h.budget.Refused()) })
}
