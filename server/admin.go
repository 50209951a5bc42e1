package server

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// adminHandler serves health and metrics, and tells a proxy which names are ours. It is on a listener of its own, on loopback unless
// the admin says otherwise: what it tells is for the people who run the server.
func (s *Server) adminHandler() http.Handler {
	r := mux.NewRouter().SkipClean(true)
	r.HandleFunc("/-/healthz", s.healthz).Methods(http.MethodGet, http.MethodHead)
	r.HandleFunc("/-/readyz", s.readyz).Methods(http.MethodGet, http.MethodHead)
	r.Handle("/-/metrics", promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{})).Methods(http.MethodGet, http.MethodHead)
	r.HandleFunc("/-/tls-ask", s.tlsAsk).Methods(http.MethodGet, http.MethodHead)
	r.NotFoundHandler = http.HandlerFunc(adminNotFound)
	r.MethodNotAllowedHandler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { methodNotAllowed(w, strings.Join(read, ", ")) })
	return r
}

// healthz says that the process runs. Whoever restarts it if not must not ask readyz: a restart mends no bad file.
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
		io.WriteString(text, "ready\n") // to a strings.Builder, as below: it cannot fail
	}
	if a := s.answers.Load(); a != nil {
		fmt.Fprintf(text, "domains: %d\nprofiles: %d\n", a.Domains, a.Profiles)
	}
	if problem := s.problem.Load(); problem != nil {
		fmt.Fprintf(text, "the file on disk is bad, what was loaded before is serving:\n%s\n", *problem)
	}
	if s.certificates != nil {
		for _, fault := range s.certificates.Faults() {
			fmt.Fprintf(text, "a certificate on disk is bad, the one read before is serving:\n%s\n", fault)
		}
	}
	s.writeParts(text)
	plain(w, status, text.String())
}

// tlsAsk tells a proxy that orders certificates when they are first needed (Caddy's on_demand_tls) whether to order one for a name.
func (s *Server) tlsAsk(w http.ResponseWriter, r *http.Request) {
	a := s.answers.Load()
	if a == nil || a.Covers == nil || !a.Covers(lower(r.URL.Query().Get("domain"))) {
		nothing(w, r)
		return
	}
	plain(w, http.StatusOK, "yes\n")
}

func adminNotFound(w http.ResponseWriter, _ *http.Request) {
	plain(w, http.StatusNotFound, "There is nothing here. There are /-/healthz, /-/readyz, /-/metrics and /-/tls-ask?domain=NAME.\n")
}
