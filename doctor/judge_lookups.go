package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"mailhint/logins"
	"mailhint/settings"
)

// LookUp asks a look-up of the configuration for the login name of a person, as package logins' Try does.
type LookUp func(ctx context.Context, lookup string, q settings.PersonQuestion) (login string, took time.Duration, err error)

// lookedUp is how a look-up has answered.
type lookedUp struct {
	login string
	took  time.Duration
	err   error
}

// gatherLogins asks the look-ups of the settings for the postmaster's login name, which the answers have that are compared next.
func (s *session) gatherLogins(ctx context.Context, o *observations) {
	if s.LookUp == nil || len(o.Found.Lookups) == 0 {
		return
	}
	o.lookups = make(map[string]lookedUp)
	var names []string
	for _, lookup := range o.Found.Lookups {
		q := settings.PersonQuestion{Address: o.postmaster(), Primary: o.Primary}
		var l lookedUp
		l.login, l.took, l.err = s.LookUp(ctx, lookup, q)
		o.lookups[lookup] = l
		names = append(names, l.login)
	}
	o.Found = o.Found.WithNames(names)
}

// judgeLookups finds look-ups that fail, or are slower than a request waits.
func (j *judgement) judgeLookups() {
	for _, name := range j.Found.Lookups {
		l, asked := j.lookups[name]
		subject := "lookups." + name
		const meanwhile = "; people get the login name for unknown addresses"
		switch {
		case !asked, l.err == nil, errors.Is(l.err, logins.ErrUnknown), errors.Is(l.err, logins.ErrUnclear): // it has answered
			if asked && l.took > logins.Deadline {
				j.add(newFinding(LoginLookup, Warning, subject, fmt.Sprintf("the look-up %s takes %s, and requests wait for %s only%s", name, l.took.Round(10*time.Millisecond), logins.Deadline, meanwhile),
					"Make it faster, for example with an index for what it searches for; this shows how long it takes:", "mailhint show "+j.postmaster().String()))
			}
		case errors.Is(l.err, fs.ErrPermission): // it may be different for the user that serve runs as
			j.couldNotCheck("the look-up %s: %s", name, reason(l.err))
		default:
			j.add(newFinding(LoginLookup, Problem, subject, fmt.Sprintf("the look-up %s fails: %s%s", name, reason(l.err), meanwhile),
				"Correct [lookups."+name+"] in domains.toml, or what it asks; this asks it again:", "mailhint show "+j.postmaster().String()))
		}
	}
}
