package certs

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Collector returns the metrics of the certificates for Prometheus. No label names a domain.
func (c *Certificates) Collector() prometheus.Collector { return collector{c} }

type collector struct{ certificates *Certificates }

var (
	namesDesc  = prometheus.NewDesc("mailhint_certificates", "Names by the state of their certificate: valid, due, missing (listed names only) or expired.", []string{"state"}, nil)
	expiryDesc = prometheus.NewDesc("mailhint_certificate_expiry_timestamp_seconds", "When the first of the certificates in use expires.", nil, nil)
	queueDesc  = prometheus.NewDesc("mailhint_certificates_waiting", "Names waiting for an order, or being ordered.", nil, nil)
	ordersDesc = prometheus.NewDesc("mailhint_acme_orders_total",
		"Orders by result: ok, refused, declined, limited, unreachable when the CA could not be reached, or storage when our own storage failed.", []string{"result"}, nil)
	budgetDesc  = prometheus.NewDesc("mailhint_acme_orders_left", "Orders that may still be placed this hour.", []string{"ca"}, nil)
	storageDesc = prometheus.NewDesc("mailhint_certificates_storage_up", "0 while certificates cannot be saved, and so none are ordered.", nil, nil)
	unsavedDesc = prometheus.NewDesc("mailhint_certificates_unsaved", "Certificates served from memory because they cannot be saved.", nil, nil)
	heldDesc    = prometheus.NewDesc("mailhint_certificates_held", "Names not ordered because their own files or lock cannot be used.", nil, nil)
	refusedDesc = prometheus.NewDesc("mailhint_certificate_handshakes_refused_total",
		"Handshakes for names of ours that got no certificate, by reason: failed, waiting, unlisted or challenge.", []string{"reason"}, nil)
	upDesc = prometheus.NewDesc("mailhint_acme_up", "0 while the CA cannot be reached or accepts no orders.", []string{"ca"}, nil)
)

func (m collector) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{namesDesc, expiryDesc, queueDesc, ordersDesc, budgetDesc, upDesc, storageDesc, unsavedDesc, heldDesc, refusedDesc} {
		descs <- d
	}
}

func (m collector) Collect(metrics chan<- prometheus.Metric) {
	s := m.certificates.Status()
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	for _, state := range states {
		gauge(namesDesc, float64(s.Names[state]), string(state))
	}
	if expiry := m.certificates.firstExpiry(s); !expiry.IsZero() {
		gauge(expiryDesc, float64(expiry.Unix()))
	}
	gauge(queueDesc, float64(s.Waiting))
	for result, n := range s.Orders {
		metrics <- prometheus.MustNewConstMetric(ordersDesc, prometheus.CounterValue, float64(n), result)
	}
	storage := 1.0
	if s.StorageError != "" {
		storage = 0
	}
	gauge(storageDesc, storage)
	gauge(unsavedDesc, float64(s.Unsaved))
	gauge(heldDesc, float64(len(s.Held)))
	for reason, n := range s.Refused {
		metrics <- prometheus.MustNewConstMetric(refusedDesc, prometheus.CounterValue, float64(n), reason)
	}
	for _, a := range s.Accounts {
		up := 1.0
		if a.Fault != "" {
			up = 0
		}
		gauge(budgetDesc, float64(a.PerHour-a.Orders), a.CA)
		gauge(upDesc, up, a.CA)
	}
}

// firstExpiry returns when the first of all the server's certificates expires; zero if there are none.
func (c *Certificates) firstExpiry(s Status) time.Time {
	first := s.FirstExpiry
	if c.config.FirstExpiry == nil {
		return first
	}
	if other := c.config.FirstExpiry(); first.IsZero() || !other.IsZero() && other.Before(first) {
		first = other
	}
	return first
}
