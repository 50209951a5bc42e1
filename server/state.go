package server

import (
	"errors"
	"fmt"
	"time"

	"mailhint/domains"
)

// Outcome is how a reading of the configuration ended. The log, /-/readyz, the metrics and systemd use these words.
type Outcome string

const (
	Loaded    Outcome = "loaded"    // it is served now
	Unchanged Outcome = "unchanged" // it says the same as what is served already
	Refused   Outcome = "refused"   // it cannot be used; still serving the previous configuration
)

// State is what the server serves, and how the last reading of the configuration ended. It is never changed, only replaced.
type State struct {
	Domains *domains.Snapshot // what is served; nil before the first configuration is loaded
	Since   time.Time         // when it was loaded
	Outcome Outcome           // of the last reading
	Read    time.Time         // when that was
	Reason  error             // why it was refused; nil otherwise
}

// next is the state after another reading, which has come to d or to an error.
func (s State) next(d *domains.Snapshot, err error, now time.Time) State {
	s.Read, s.Reason = now, err
	switch {
	case err != nil:
		s.Outcome = Refused
	case d.SameAs(s.Domains):
		s.Outcome = Unchanged
	default:
		s.Domains, s.Since, s.Outcome = d, now, Loaded
	}
	return s
}

// summary is the state in one line, for systemctl status.
func (s State) summary() string {
	text := fmt.Sprintf("Serving %d domains", s.Domains.Domains())
	if s.Outcome == Refused {
		text += "; the configuration on disk was refused, see the log"
	}
	return text
}

// lines are the state for /-/readyz.
func (s State) lines() string {
	text := ""
	if s.Domains != nil {
		text = fmt.Sprintf("domains: %d\nprofiles: %d\nconfiguration: loaded %s", s.Domains.Domains(), s.Domains.Profiles, stamp(s.Since))
		if s.Read != s.Since {
			text += fmt.Sprintf("; read again %s: %s", stamp(s.Read), s.Outcome)
		}
		text += "\n"
	}
	if s.Outcome == Refused {
		text += fmt.Sprintf("still serving the previous configuration, because the one on disk cannot be used:\n%v\n", s.Reason)
	}
	return text
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// State returns what the server serves now.
func (s *Server) State() State {
	if state := s.state.Load(); state != nil {
		return *state
	}
	return State{}
}

// Configure takes what reading the configuration has come to: domains to serve from now on, or the reason why there are none. The first
// domains make the server ready. When the configuration is unchanged or refused, the server keeps serving what it has. How it ended is
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
	if state.Outcome == Refused {
		s.log.Error("the configuration on disk cannot be used; still serving the previous one", "outcome", state.Outcome, "error", err)
	} else {
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
