package accounts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"mailhint/spelling"
)

// A stranger, or a token in the wrong hands, can be refused as often as it likes. So that this does not push everything else out of the audit
// trail, which is bounded, only the first refused attempts of a source within refusalWindow have a line of their own. The others are counted, and
// get one line when that time is over.
const (
	refusalWindow = 10 * time.Minute
	// refusalsListed is how many attempts of one source have a line.
	refusalsListed = 20
	// strangersListed is how many attempts of all strangers together have one: there can be any number of them, from any number of networks.
	strangersListed = 100
	// strangersCounted is how many sources of strangers get a line at the end, those with the most attempts; the others share one.
	strangersCounted = 20
	// maxSources is how many sources are counted separately when there are strangers among them.
	maxSources = 1000
)

// source is who is refused: somebody who has signed in, whatever the token or the address; or a stranger from a network, who tries an account.
type source struct {
	actor    string
	stranger bool
	network  netip.Prefix // of a stranger
}

// refusals counts the refused attempts of a window.
type refusals struct {
	mutex     sync.Mutex
	began     time.Time // zero while there are none
	of        map[source]*refusal
	strangers int     // lines of strangers
	others    refusal // of strangers that are not in of
}

// refusal is the attempts of a source.
type refusal struct {
	listed, unlisted int
	last             Event
}

// isListed counts a refused attempt, and reports whether it gets a line. first is true for the first one of a window.
func (r *refusals) isListed(p Principal, e Event) (listed, first bool) {
	from := source{actor: e.Actor, stranger: p.Role == ""}
	if from.stranger {
		from.network = region(p.Address)
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if first = r.began.IsZero(); first {
		r.began, r.of = e.Time, make(map[source]*refusal)
	}
	of := r.of[from]
	switch {
	case of != nil:
	case from.stranger && len(r.of) >= maxSources:
		of = &r.others
	default:
		of = new(refusal)
		r.of[from] = of
	}
	of.last = e
	if of == &r.others || of.listed >= refusalsListed || from.stranger && r.strangers >= strangersListed {
		of.unlisted++
		return false, first
	}
	of.listed++
	if from.stranger {
		r.strangers++
	}
	return true, first
}

// end ends the window, and returns the lines for the attempts that have none.
func (r *refusals) end(now time.Time) []Event {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	since := r.began
	line := func(n int, last Event) Event {
		last.Time, last.Revision, last.Domain, last.Subject = now, "", "", ""
		last.Detail = fmt.Sprintf("%s not listed since %s; the last was: %s", spelling.Count(n, "more refused attempt"), since.UTC().Format(time.DateTime), last.Action)
		last.Action = "refused attempts"
		return last
	}
	var lines []Event
	strangers := 0
	for _, from := range slices.SortedFunc(maps.Keys(r.of), func(a, b source) int {
		return cmp.Or(cmp.Compare(r.of[b].unlisted, r.of[a].unlisted), strings.Compare(a.actor, b.actor), a.network.Compare(b.network))
	}) {
		of := r.of[from]
		switch {
		case of.unlisted == 0:
		case from.stranger && strangers >= strangersCounted:
			r.others.unlisted, r.others.last = r.others.unlisted+of.unlisted, of.last
		default:
			if from.stranger {
				strangers++
			}
			lines = append(lines, line(of.unlisted, of.last))
		}
	}
	if r.others.unlisted > 0 {
		last := r.others.last
		last.Actor, last.Token, last.Address = "unknown", "", netip.Addr{}
		lines = append(lines, line(r.others.unlisted, last))
	}
	r.began, r.of, r.strangers, r.others = time.Time{}, nil, 0, refusal{}
	return lines
}

// listRefusals ends the window, and writes what was not listed in it.
func (s *Service) listRefusals(ctx context.Context) error {
	var errs []error
	for _, e := range s.refusals.end(s.Now()) {
		errs = append(errs, s.store.Append(ctx, e))
	}
	return errors.Join(errs...)
}

// closeTime bounds Close, and the writing at the end of each window: a database that does not answer must not keep the program from ending.
const closeTime = 5 * time.Second

// Close writes what the audit trail does not have yet: how many refused attempts were not listed one by one. It takes five seconds at most.
func (s *Service) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	return s.listRefusals(ctx)
}
