package certs

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// AskLimit bounds the names below wildcards for which another program may order certificates, as this package bounds its own orders: a
// proxy that orders when a client first asks would otherwise order for every name that a stranger makes up. In an hour it allows a fifth of
// the hour's orders, and ten new names below each registered domain. At any time it allows 100 names in all, and ten below each registered
// domain. A name that has been allowed stays so until nothing has asked for it for a week, or until it gives way: when 100 are allowed, a
// domain that has none takes the place of the domain that has most. Create it with NewAskLimit.
type AskLimit struct {
	perHour int
	refused atomic.Int64

	mu     sync.Mutex
	names  places
	recent []place // names that were new in the last hour, also those that have given way since
}

// NewAskLimit makes a limit. perHour is how many certificates may be ordered in an hour in all; 0 means 100.
func NewAskLimit(perHour int) *AskLimit {
	if perHour <= 0 {
		perHour = defaultPerHour
	}
	return &AskLimit{perHour: perHour, names: make(places)}
}

// Allow reports whether a certificate may be ordered for a name that is below a wildcard, and counts the name if so.
func (l *AskLimit) Allow(name string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.DeleteFunc(l.names, func(_ string, holder placeHolder) bool { return now.Sub(holder.asked) > forgetAfter })
	if holder, known := l.names[name]; known {
		holder.asked = now
		l.names[name] = holder
		return true
	}
	domain := registeredDomain(name)
	l.recent = slices.DeleteFunc(l.recent, func(p place) bool { return now.Sub(p.at) >= time.Hour })
	all, below := countUnlistedPlaces(l.recent, now, domain)
	evicted, err := l.names.room(domain, defaultUnlisted)
	if err != nil || all >= unlistedShare(l.perHour) || below >= unlistedPerDomain {
		l.refused.Add(1)
		return false
	}
	delete(l.names, evicted)
	l.names[name] = placeHolder{domain, now}
	l.recent = append(l.recent, place{at: now, domain: domain})
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
