package server

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// adminHandler serves health and metrics, and answers a proxy that asks which names are ours. It is on a listener of its own, on loopback
// by default: what it shows is for the people who run the server.
func (s *Server) adminHandler() http.Handler {
	r := mux.NewRouter().SkipClean(true)
	r.HandleFunc("/-/healthz", s.healthz).Methods(http.MethodGet, http.MethodHead)
	r.HandleFunc("/-/readyz", s.readyz).Methods(http.MethodGet, http.MethodHead)
	r.Handle("/-/metrics", promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{})).Methods(http.MethodGet, http.MethodHead)
	r.HandleFunc("/-/config", s.showReading).Methods(http.MethodGet, http.MethodHead, http.MethodPost)
	r.HandleFunc("/-/tls-ask", s.tlsAsk).Methods(http.MethodGet, http.MethodHead)
	r.NotFoundHandler = http.HandlerFunc(adminNotFound)
	if s.admin != nil {
		r.NotFoundHandler = http.HandlerFunc(s.adminOrNotFound)
	}
	r.MethodNotAllowedHandler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { methodNotAllowed(w, strings.Join(read, ", ")) })
	return s.adminHosts().onlyOwnHosts(r)
}

// healthz says that the process runs. What restarts it when it does not must not ask readyz: a restart does not fix a bad file.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	plain(w, http.StatusOK, "ok\n")
}

// readyz says whether to send requests here, and what an admin should know.
func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) {
	status, text := http.StatusOK, new(strings.Builder)
	if err := s.ready(); err != nil {
		status = http.StatusServiceUnavailable
		fmt.Fprintf(text, "not ready: %v\n", err)
	} else {
		io.WriteString(text, "ready\n") // writing to a strings.Builder cannot fail
	}
	text.WriteString(s.state.get().lines())
	text.WriteString(s.restartNeeded())
	if s.certificates != nil {
		for _, fault := range s.certificates.Faults() {
			fmt.Fprintf(text, "still serving the previous certificate, because the one on disk cannot be used:\n%s\n", fault)
		}
	}
	s.parts.write(text)
	plain(w, status, text.String())
}

// tlsAsk answers a proxy that orders certificates when they are first needed (Caddy's on_demand_tls): may it order one for this name?
func (s *Server) tlsAsk(w http.ResponseWriter, r *http.Request) {
	d, name := s.state.domains(), lower(r.URL.Query().Get("domain"))
	if d == nil || !d.Covers(name) {
		nothing(w, r)
		return
	}
	if !d.Lists(name) && !s.asks.Allow(name, time.Now()) {
		plain(w, http.StatusTooManyRequests, "no: too many names below wildcards; list the ones you need in the configuration\n")
		return
	}
	plain(w, http.StatusOK, "yes\n")
}

// adminOrNotFound answers with the admin page or the API, whose paths do not begin with /-/.
func (s *Server) adminOrNotFound(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/-/") {
		adminNotFound(w, r)
		return
	}
	s.admin.ServeHTTP(w, r)
}

func adminNotFound(w http.ResponseWriter, _ *http.Request) {
	plain(w, http.StatusNotFound, "There is nothing here. The paths are /-/healthz, /-/readyz, /-/config, /-/metrics and /-/tls-ask?domain=NAME.\n")
}

// ShowLines makes /-/readyz show what another part of the program has to say to the people who run the server. The status of the answer
// does not depend on it. At most 30 lines of 300 characters are shown, without control characters. It must be called before Run.
func (s *Server) ShowLines(lines func() []string) { s.parts = append(s.parts, lines) }

// Metrics is where other parts of the program register what /-/metrics shows of them. A label must not hold anything that a client can
// choose.
func (s *Server) Metrics() prometheus.Registerer { return s.metrics.registry }
