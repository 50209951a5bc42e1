package api

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// Handler answers the requests of the API. It is a collector of metrics as well.
type Handler struct {
	http.Handler
	metrics *metrics
}

// Describe implements prometheus.Collector.
func (h *Handler) Describe(descs chan<- *prometheus.Desc) {
	h.metrics.requests.Describe(descs)
	h.metrics.refused.Describe(descs)
}

// Collect implements prometheus.Collector.
func (h *Handler) Collect(all chan<- prometheus.Metric) {
	h.metrics.requests.Collect(all)
	h.metrics.refused.Collect(all)
}

// metrics count requests.
type metrics struct {
	requests *prometheus.CounterVec
	refused  *prometheus.CounterVec
}

// The reasons for which a request is refused because of a limit.
const (
	refusedRate   = "rate"   // the account has sent too many
	refusedTokens = "tokens" // too many without a valid token from one network
	refusedBusy   = "busy"   // too many at the same time
	refusedBody   = "body"   // the body is too large
)

func newMetrics() *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "mailhint_api_requests_total", Help: "Requests to the API, by method and status."}, []string{"method", "status"}),
		refused:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "mailhint_api_requests_refused_total", Help: "Requests to the API that were refused because of a limit."}, []string{"reason"}),
	}
	for _, reason := range []string{refusedRate, refusedTokens, refusedBusy, refusedBody} {
		m.refused.WithLabelValues(reason)
	}
	return m
}

// methodLabels are the methods that have a label; a client can choose others.
var methodLabels = map[string]bool{http.MethodGet: true, http.MethodHead: true, http.MethodPut: true, http.MethodPatch: true, http.MethodPost: true, http.MethodDelete: true}

// count counts requests by how they end.
func (m *metrics) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		counted := &statusWriter{ResponseWriter: w}
		defer func() {
			method := r.Method
			if !methodLabels[method] {
				method = "other"
			}
			m.requests.WithLabelValues(method, strconv.Itoa(max(counted.status, http.StatusOK))).Inc()
		}()
		next.ServeHTTP(counted, r)
	})
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
