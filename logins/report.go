package logins

import (
	"fmt"
	"time"
)

// lastFailure is the last failure of a Source.
type lastFailure struct {
	err error // nil if the last question was answered
	at  time.Time
}

// report remembers how a question ended.
func (l *lookup) report(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = lastFailure{err, time.Now()}
}

// reportBreaker logs that the Source is left alone from now on, or no longer.
func (l *lookup) reportBreaker(err error) {
	switch {
	case !l.breaker.isOpen():
		l.log.Info("a look-up of login names works again", "lookup", l.name)
	case err != nil:
		l.log.Error("a look-up of login names fails; answers have the login name for unknown addresses until it works", "lookup", l.name, "error", err)
	default:
		l.log.Error("a look-up of login names is too slow; answers have the login name for unknown addresses until it is faster", "lookup", l.name, "limit", Deadline)
	}
}

// Lines returns a line for each look-up, for /-/readyz.
func (ls *Logins) Lines() []string {
	var lines []string
	for _, l := range ls.lookups() {
		lines = append(lines, l.line())
	}
	return lines
}

func (l *lookup) line() string {
	l.mu.Lock()
	last := l.last
	l.mu.Unlock()
	state := "ok"
	switch {
	case l.breaker.isOpen() && (last.err == nil || last.err == errSilent):
		state = "too slow, not waited for"
	case l.breaker.isOpen():
		state = fmt.Sprintf("fails, not waited for: %v", last.err)
	case last.err != nil:
		state = fmt.Sprintf("failed %s ago: %v", time.Since(last.at).Round(time.Second), last.err)
	case last.at.IsZero():
		state = "not asked yet"
	}
	return fmt.Sprintf("login names from %s: %s", l.name, state)
}
