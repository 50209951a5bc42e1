package server

import (
	"errors"
	"fmt"
	"reflect"
	"sync/atomic"
	"time"

	"mailhint/domains"
	"mailhint/spelling"
)

// Outcome is how a reading of the configuration ended. The log, /-/readyz, the metrics and systemd use these words.
type Outcome string

const (
	Loaded    Outcome = "loaded"    // it is served now
	Unchanged Outcome = "unchanged" // it says the same as what is served already
	Refused   Outcome = "refused"   // it cannot be used; still serving the previous configuration
	HeldBack  Outcome = "held back" // it would drop many domains, so somebody must accept it; still serving the previous configuration
)

// State is what the server serves, and how the last reading of the configuration ended. It is never changed, only replaced.
type State struct {
	Domains *domains.Snapshot // what is served; nil before the first configuration is loaded
	Since   time.Time         // when it was loaded
	Outcome Outcome           // of the last reading
	Read    time.Time         // when that was
	Reason  error             // why it was refused or held back; nil otherwise
	Digest  string            // of the files that were read last
}

// next is the state after another reading, which has come to d or to an error.
func (s State) next(d *domains.Snapshot, err error, now time.Time) State {
	s.Read, s.Reason, s.Digest = now, err, domains.DigestOf(err)
	if d != nil {
		s.Digest = d.Digest()
	}
	switch {
	case errors.Is(err, domains.ErrHeldBack):
		s.Outcome = HeldBack
	case err != nil:
		s.Outcome = Refused
	case d.SameAs(s.Domains):
		s.Outcome = Unchanged
	default:
		s.Domains, s.Since, s.Outcome = d, now, Loaded
	}
	return s
}

// restartNeeded is a line for /-/readyz if the [server] table that was loaded is not the one that the server was started with.
func (s *Server) restartNeeded() string {
	d := s.state.domains()
	if d == nil || reflect.DeepEqual(d.Server, s.config) {
		return ""
	}
	return "the [server] table has changed; restart mailhint to apply it\n"
}

// summary is the state in one line, for systemctl status.
func (s State) summary() string {
	text := "Serving " + spelling.Count(s.Domains.Domains(), "domain")
	switch s.Outcome {
	case Refused:
		text += "; the configuration on disk was refused, see the log"
	case HeldBack:
		text += fmt.Sprintf("; held back: %v", s.Reason)
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
	switch s.Outcome {
	case HeldBack:
		text += fmt.Sprintf("still serving the previous configuration, because the one on disk would drop many domains:\n%v\n", s.Reason)
	case Refused:
		text += fmt.Sprintf("still serving the previous configuration, because the one on disk cannot be used:\n%v\n", s.Reason)
	}
	return text
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// current is the State that requests see. It holds nil before the first configuration is read.
type current struct{ atomic.Pointer[State] }

func (c *current) get() State {
	if s := c.Load(); s != nil {
		return *s
	}
	return State{}
}

// domains returns what is served; nil before there is anything.
func (c *current) domains() *domains.Snapshot {
	if s := c.Load(); s != nil {
		return s.Domains
	}
	return nil
}
