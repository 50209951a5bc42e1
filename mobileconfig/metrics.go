package mobileconfig

import "github.com/prometheus/client_golang/prometheus"

// Collector returns the metrics of the profiles for Prometheus.
func (h *Handler) Collector() prometheus.Collector {
	return prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "mailhint_profiles_refused_total", Help: "Profiles that were not signed, because the client had had too many.",
	}, func() float64 { return float64(h.limits.refused.Load()) })
}
