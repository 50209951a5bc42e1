// Package dnsupdate publishes the records of mail domains by dynamic update (RFC 2136), signed with a key that the name server shares with us
// (TSIG, RFC 8945).
//
// It changes only records that package dnsrecords wants for a domain, in zones that the configuration names, at the name server that it
// names, with the key that it names for that zone. A record of another content in their place is left alone unless the caller says that it is
// to be replaced. An update contains everything it relies on as prerequisites, so that a change in the meantime makes it fail as a whole, and
// the name server is asked afterwards whether it has the records. An answer counts only if it is signed.
//
// For certificates it also publishes the TXT record with which a CA verifies a name (DNS-01, RFC 8555 section 8.4).
//
// Read dnsupdate.go first, then plan.go (what to change, a pure function), state.go (what a name server has), update.go (changing it),
// challenge.go (DNS-01), exchange.go and key.go (one signed question and answer), and print.go.
package dnsupdate

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"mailhint/dnsrecords"
	"mailhint/domains"
	"mailhint/resolver"
)

// Why records cannot be published.
var (
	// ErrNoZone means that no zone of [dns] contains a name. Add the zone, with its key, if it may be changed.
	ErrNoZone = errors.New("no zone in [dns] contains it")
	// ErrConflict means that what the name server has changed after the plan was made. Nothing was changed. Make a new plan.
	ErrConflict = errors.New("the zone was changed at the same time, so nothing was changed; try again")
	// ErrRefused means that the name server does not accept the update, or the key. Its configuration or ours must be corrected.
	ErrRefused = errors.New("the name server refuses it")
	// ErrUnsigned means that an answer is not signed with our key, or wrongly, or at another time: it may be forged, and is not believed.
	ErrUnsigned = errors.New("the answer is not signed with our key")
	// ErrNotPublished means that the name server accepted an update and does not have the records.
	ErrNotPublished = errors.New("the name server accepted the update, but does not have the records")
	// ErrUnreached means that the name server does not answer. It wraps resolver.ErrFailed.
	ErrUnreached = fmt.Errorf("the name server does not answer: %w", resolver.ErrFailed)
)

// Updater publishes records in the zones of [dns]. Its methods may be called at the same time.
type Updater struct {
	// Zones are the zones that may be changed.
	Zones domains.DNS
	// PointsHere reports whether records of a host name, its addresses or its alias, lead to the mailhint server: then they are as good as
	// the wanted alias. If nil, only that alias is.
	PointsHere func(ctx context.Context, records []dnsrecords.Record) bool
	// Timeout is how long the name server may take for one answer; 0 means 5 seconds.
	Timeout time.Duration

	dead sync.Map // error by name server: the others do not wait for it again
}

// Plan is what to change in a zone for a domain, and after Apply what became of it.
type Plan struct {
	dnsrecords.Wanted
	// Place is the zone with its name server.
	Place domains.Zone
	// Key is the name of the key.
	Key string
	// Published is how many of the wanted records are published already.
	Published int
	Add       []dnsrecords.Record
	// Remove are the records that make way for those of Add, or contradict published ones. There are none unless records may be replaced.
	Remove []dnsrecords.Record
	// Left are records that are in the way.
	Left []Obstacle
	// Err is why the plan could not be made, or carried out.
	Err error
	// Done is true if the changes have been made, and the name server has the records.
	Done bool

	prerequisites, updates []rr
}

// Obstacle is a record that is in the way of wanted ones, and is left alone.
type Obstacle struct {
	dnsrecords.Record
	// Kept are the wanted records that are not published because of it.
	Kept []dnsrecords.Record
	// Replaceable is true if the record would be removed if records may be replaced.
	Replaceable bool
}

// Changes returns how many records are to be added or removed.
func (p *Plan) Changes() int { return len(p.Add) + len(p.Remove) }

// domainsAtOnce is how many domains are worked on at a time.
const domainsAtOnce = 8

// Plan finds out what to change for each domain. A domain has one plan for each zone that has some of its records. With replace, records that
// are in the way are removed. After each domain, Plan calls step, never twice at once.
func (u *Updater) Plan(ctx context.Context, all []dnsrecords.Wanted, replace bool, step func()) []Plan {
	found := make([][]Plan, len(all))
	each(len(all), func(i int) { found[i] = u.planDomain(ctx, all[i], replace) }, step)
	var plans []Plan
	for _, list := range found {
		plans = append(plans, list...)
	}
	return plans
}

// Apply makes the changes of the plans and asks the name servers whether they have the records. What it finds out is in the plans. After each
// plan, Apply calls step, never twice at once.
func (u *Updater) Apply(ctx context.Context, plans []Plan, step func()) {
	each(len(plans), func(i int) { u.apply(ctx, &plans[i]) }, step)
}

// each calls do for the numbers below n, several at a time.
func each(n int, do func(int), step func()) {
	next, ended := make(chan int), make(chan bool)
	for range min(domainsAtOnce, n) {
		go func() {
			for i := range next {
				do(i)
				ended <- true
			}
		}()
	}
	go func() {
		for i := range n {
			next <- i
		}
		close(next)
	}()
	for range n {
		<-ended
		step()
	}
}

// planDomain makes the plans of a domain.
func (u *Updater) planDomain(ctx context.Context, want dnsrecords.Wanted, replace bool) (plans []Plan) {
	for _, r := range want.Records {
		place, ok := u.Zones.ZoneOf(r.Name)
		if !ok {
			return []Plan{{Wanted: want, Err: fmt.Errorf("%s: %w", r.Name, ErrNoZone)}}
		}
		if n := len(plans); n == 0 || plans[n-1].Place != place {
			plans = append(plans, Plan{Wanted: dnsrecords.Wanted{Domain: want.Domain, Zone: place.Name}, Place: place})
		}
		p := &plans[len(plans)-1]
		p.Records = append(p.Records, r)
	}
	for i := range plans {
		u.plan(ctx, &plans[i], replace)
	}
	return plans
}

// plan fills in a plan.
func (u *Updater) plan(ctx context.Context, p *Plan, replace bool) {
	s, err := u.open(ctx, p.Place)
	if err != nil {
		p.Err = err
		return
	}
	defer s.close()
	p.Key = s.key.Name()
	has, err := s.read(ctx, p.Records)
	if err != nil {
		p.Err = err
		return
	}
	p.decide(has, replace, u.pointsHere(ctx))
}

func (u *Updater) pointsHere(ctx context.Context) func([]dnsrecords.Record) bool {
	return func(records []dnsrecords.Record) bool { return u.PointsHere != nil && u.PointsHere(ctx, records) }
}
