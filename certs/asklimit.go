package certs

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// AskLimit bounds the names below wildcards for which another program may order certificates, as this package bounds its own orders: a
// proxy that orders when a client first asks would otherwise order for every name that a stranger makes up. It allows a fifth of the
// hour's orders, ten new names an hour below each registered domain, and 100 names in all. A name that has been allowed stays so, until
// nothing has asked for it for a week. Create it with NewAskLimit.
type AskLimit struct {
	perHour int
	refused atomic.Int64

	mu    sync.Mutex
	names map[string]*allowedName
}

type allowedName struct {
	domain       string
	first, asked time.Time
}

// defaultUnlisted is how many names that are not listed may have a certificate.
const defaultUnlisted = 100

// NewAskLimit makes a limit. perHour is how many certificates may be ordered in an hour in all; 0 means 100.
func NewAskLimit(perHour int) *AskLimit {
	if perHour <= 0 {
		perHour = defaultPerHour
	}
	return &AskLimit{perHour: perHour, names: make(map[string]*allowedName)}
}

// Allow reports whether a certificate may be ordered for a name that is below a wildcard, and counts the name if so.
func (l *AskLimit) Allow(name string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known := l.names[name]; known != nil && now.Sub(known.asked) <= forgetAfter {
		known.asked = now
		return true
	}
	domain := registeredDomain(name)
	inHour, below := 0, 0
	for other, known := range l.names {
		switch {
		case now.Sub(known.asked) > forgetAfter:
			delete(l.names, other)
		case now.Sub(known.first) < time.Hour:
			if inHour++; known.domain == domain {
				below++
			}
		}
	}
	if len(l.names) >= defaultUnlisted || inHour >= unlistedShare(l.perHour) || below >= unlistedPerDomain {
		l.refused.Add(1)
		return false
	}
	l.names[name] = &allowedName{domain: domain, first: now, asked: now}
	return true
}

var askRefusedDesc = prometheus.NewDesc("mailhint_tls_ask_refused_total",
	"Names below wildcards that a proxy asked for and that were refused because of a limit.", nil, nil)

// Describe and Collect make AskLimit a prometheus.Collector.
func (l *AskLimit) Describe(descs chan<- *prometheus.Desc) { descs <- askRefusedDesc }

// Collect sends how many names were refused.
func (l *AskLimit) Collect(metrics chan<- prometheus.Metric) {
	metrics <- prometheus.MustNewConstMetric(askRefusedDesc, prometheus.CounterValue, float64(l.refused.Load()))
}
