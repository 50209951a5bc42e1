package logins

import (
	"maps"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// counts are what the metrics of one look-up show.
type counts struct {
	results map[string]*atomic.Uint64 // of requests
	limited map[string]*atomic.Uint64 // by the limit that was reached
	buckets []atomic.Uint64           // of questions by their duration, for durations; the last is for longer ones
	micros  atomic.Uint64             // all durations
}

// durations are the bounds of the histogram, in seconds.
var durations = []float64{0.001, 0.005, 0.02, 0.1, 0.4, Deadline.Seconds(), patience.Seconds()}

func newCounts() *counts {
	c := &counts{results: make(map[string]*atomic.Uint64), limited: make(map[string]*atomic.Uint64), buckets: make([]atomic.Uint64, len(durations)+1)}
	for _, result := range results {
		c.results[result] = new(atomic.Uint64)
	}
	for _, b := range []bound{perClient, perNetwork} {
		c.limited[b.name] = new(atomic.Uint64)
	}
	return c
}

// took counts a question.
func (c *counts) took(d time.Duration) {
	i := 0
	for i < len(durations) && d.Seconds() > durations[i] {
		i++
	}
	c.buckets[i].Add(1)
	c.micros.Add(uint64(d.Microseconds()))
}

// Collector returns the metrics of the look-ups for Prometheus. No label names an address or a domain.
func (ls *Logins) Collector() prometheus.Collector { return collector{ls.lookups} }

type collector struct{ lookups func() []*lookup }

var (
	requestsDesc = prometheus.NewDesc("mailhint_login_requests_total",
		"Requests for login names by look-up and result: found, unknown, unclear, failed, slow, open, busy or limited.", []string{"lookup", "result"}, nil)
	limitedDesc = prometheus.NewDesc("mailhint_login_limited_total",
		"Requests for login names that were not looked up, by look-up and the limit that was reached: client or network.", []string{"lookup", "limit"}, nil)
	durationDesc = prometheus.NewDesc("mailhint_login_lookup_seconds", "Duration of the questions to the source of a look-up.", []string{"lookup"}, nil)
	openDesc     = prometheus.NewDesc("mailhint_login_lookup_failing", "1 while a look-up fails or is slow and no request waits for it, else 0.", []string{"lookup"}, nil)
	cachedDesc   = prometheus.NewDesc("mailhint_login_cached", "Addresses that are remembered, by look-up and whether they were found.", []string{"lookup", "found"}, nil)
)

func (c collector) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{requestsDesc, limitedDesc, durationDesc, openDesc, cachedDesc} {
		descs <- d
	}
}

func (c collector) Collect(metrics chan<- prometheus.Metric) {
	for _, l := range c.lookups() {
		for result, n := range maps.All(l.results) {
			metrics <- prometheus.MustNewConstMetric(requestsDesc, prometheus.CounterValue, float64(n.Load()), l.name, result)
		}
		for limit, n := range maps.All(l.limited) {
			metrics <- prometheus.MustNewConstMetric(limitedDesc, prometheus.CounterValue, float64(n.Load()), l.name, limit)
		}
		buckets, all := make(map[float64]uint64), uint64(0)
		for i, bound := range durations {
			all += l.buckets[i].Load()
			buckets[bound] = all
		}
		all += l.buckets[len(durations)].Load()
		metrics <- prometheus.MustNewConstHistogram(durationDesc, all, float64(l.micros.Load())/1e6, buckets, l.name)
		open := 0.0
		if l.breaker.isOpen() {
			open = 1
		}
		metrics <- prometheus.MustNewConstMetric(openDesc, prometheus.GaugeValue, open, l.name)
		metrics <- prometheus.MustNewConstMetric(cachedDesc, prometheus.GaugeValue, float64(l.cache.hits.Len()), l.name, "yes")
		metrics <- prometheus.MustNewConstMetric(cachedDesc, prometheus.GaugeValue, float64(l.cache.misses.Len()), l.name, "no")
	}
}
