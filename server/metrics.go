package server

import (
	"log/slog"
	"runtime"
	"strconv"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// metrics are what /-/metrics shows. No label holds anything that a client can choose: routes, clients and statuses come from short lists,
// and domains do not appear.
type metrics struct {
	registry  *prometheus.Registry
	requests  *prometheus.CounterVec   // route, status, client
	durations *prometheus.HistogramVec // route
	inFlight  atomic.Int64
	panics    prometheus.Counter
	reloads   *prometheus.CounterVec // result
}

// newMetrics makes metrics that show a state besides.
func newMetrics(state func() State) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "mailhint_requests_total", Help: "Requests answered, by route, status and family of client.",
		}, []string{"route", "status", "client"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "mailhint_request_duration_seconds", Help: "Time from the end of a request's header to the end of its answer.",
			Buckets: []float64{.0001, .0005, .001, .005, .01, .05, .1, .5, 1, 5, 10},
		}, []string{"route"}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "mailhint_panics_total", Help: "Bugs in mailhint that a request has triggered; the log has the stacks.",
		}),
		reloads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "mailhint_reloads_total", Help: "Readings of the configuration after the first, by result: loaded, unchanged, refused, or held back.",
		}, []string{"result"}),
	}
	for _, outcome := range []Outcome{Loaded, Unchanged, Refused, HeldBack} {
		m.reloads.WithLabelValues(string(outcome)) // shown from the start, so that the first one is seen as an increase
	}
	m.registry.MustRegister(m.requests, m.durations, m.panics, m.reloads, stateCollector(state),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "mailhint_requests_in_flight", Help: "Requests being answered now.",
	}, func() float64 { return float64(m.inFlight.Load()) }))
	return m
}

// built adds the usual constant with the version as a label.
func (m *metrics) built(version string) {
	g := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "mailhint_build_info", Help: "Always 1; the labels are the versions of mailhint and Go.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	})
	g.Set(1)
	m.registry.MustRegister(g)
}

// stateCollector shows the State that it returns.
type stateCollector func() State

var (
	domainsDesc  = prometheus.NewDesc("mailhint_domains", "Domains that the server answers for.", nil, nil)
	profilesDesc = prometheus.NewDesc("mailhint_profiles", "Profiles that the domains share.", nil, nil)
	sinceDesc    = prometheus.NewDesc("mailhint_config_loaded_timestamp_seconds", "When the configuration that is served was loaded.", nil, nil)
	refusedDesc  = prometheus.NewDesc("mailhint_config_refused", "1 while the configuration on disk cannot be used and the previous one is served.", nil, nil)
)

func (c stateCollector) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{domainsDesc, profilesDesc, sinceDesc, refusedDesc} {
		descs <- d
	}
}

func (c stateCollector) Collect(metrics chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64) {
		metrics <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value)
	}
	s := c()
	if s.Domains != nil {
		gauge(domainsDesc, float64(s.Domains.Domains()))
		gauge(profilesDesc, float64(s.Domains.Profiles))
		gauge(sinceDesc, float64(s.Since.Unix()))
	}
	refused := 0.0
	if s.Outcome == Refused {
		refused = 1
	}
	gauge(refusedDesc, refused)
}

// collector shows how many lines were dropped.
func (w *LogWriter) collector() prometheus.Collector {
	return prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "mailhint_log_lines_dropped_total", Help: "Log lines dropped because whatever reads the log had stalled, or because they could not be written.",
	}, func() float64 { return float64(w.dropped.Load()) })
}

// collector shows how many requests were refused.
func (p *repeats) collector() prometheus.Collector {
	return prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "mailhint_requests_repeated_total", Help: "Requests refused with status 429 because one client repeated them too often.",
	}, func() float64 { return float64(p.refused.Load()) })
}

// statuses are those with a label of their own.
var statuses = [...]int{200, 204, 301, 302, 303, 304, 307, 308, 400, 403, 404, 405, 408, 412, 413, 415, 429, 500, 503}

// statusIndex returns a status's place in statuses, or the place behind the last, which is labelled "other".
func statusIndex(status int) int {
	for i, s := range statuses {
		if s == status {
			return i
		}
	}
	return len(statuses)
}

// serviceMetrics are the metrics of one service.
type serviceMetrics struct {
	name     string
	requests *prometheus.CounterVec
	duration prometheus.Observer
	handler  slog.Handler
	outcomes [len(statuses) + 1][clientCount]atomic.Pointer[outcome]
}

// outcome is where requests that ended in one way are counted and logged, with every label and common attribute already in
// place: looking them up each time would be most of the cost.
type outcome struct {
	counter prometheus.Counter
	handler slog.Handler
	short   *LogHandler // if the log goes there
	fixed   string      // for short
}

func (m *metrics) of(service string, log *slog.Logger) *serviceMetrics {
	return &serviceMetrics{name: service, requests: m.requests, duration: m.durations.WithLabelValues(service), handler: log.Handler()}
}

// outcome returns that of a status and a client, and makes it the first time.
func (m *serviceMetrics) outcome(status int, c client) *outcome {
	i := statusIndex(status)
	if o := m.outcomes[i][c].Load(); o != nil {
		return o
	}
	label := "other"
	if i < len(statuses) {
		label = strconv.Itoa(status)
	}
	o := &outcome{
		counter: m.requests.WithLabelValues(m.name, label, c.String()),
		handler: m.handler.WithAttrs([]slog.Attr{slog.String("route", m.name), slog.String("client", c.String())}),
	}
	if short, ok := m.handler.(*LogHandler); ok {
		o.short, o.fixed = short, short.fixedPart(m.name, c.String())
	}
	m.outcomes[i][c].Store(o)
	return o
}
