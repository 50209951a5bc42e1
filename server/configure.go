package server

import (
	"errors"
	"time"

	"mailhint/domains"
)

// State returns what the server serves now.
func (s *Server) State() State { return s.state.get() }

// Configure takes what reading the configuration has come to: domains to serve from now on, or the reason why there are none. The first
// domains make the server ready. When the configuration is unchanged, refused or held back, the server keeps serving what it has. How it ended is
// logged, counted, shown by /-/readyz and systemctl status, and returned.
func (s *Server) Configure(d *domains.Snapshot, err error) State {
	s.configuring.Lock()
	defer s.configuring.Unlock()
	state := s.State()
	first := state.Domains == nil
	state = state.next(d, err, time.Now())
	s.state.Store(&state)
	if first {
		s.systemd.loaded(s.log, state)
		return state
	}
	s.metrics.reloads.WithLabelValues(string(state.Outcome)).Inc()
	switch state.Outcome {
	case HeldBack:
		s.log.Warn("the configuration on disk would drop many domains and is held back; still serving the previous one", "outcome", state.Outcome, "reason", err)
	case Refused:
		s.log.Error("the configuration on disk cannot be used; still serving the previous one", "outcome", state.Outcome, "error", err)
	default:
		s.log.Info("configuration read again", "outcome", state.Outcome, "domains", state.Domains.Domains(), "profiles", state.Domains.Profiles)
	}
	s.systemd.loaded(s.log, state)
	return state
}

// Reload reads certificate files and configuration again because somebody asks for it. read must end with a call of Configure. For
// systemd the service is reloading until then.
func (s *Server) Reload(read func()) {
	s.systemd.reloading(s.log)
	var errs []error
	for _, p := range s.allPairs() {
		errs = append(errs, p.Reload())
	}
	if err := errors.Join(errs...); err != nil {
		s.log.Error("a certificate cannot be used; still serving the previous one", "error", err)
	}
	read()
}
