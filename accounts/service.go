package accounts

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"mailhint/settings"
	"mailhint/untrusted"
)

// Service is what the API, the page and the commands call: it proves who acts, manages accounts, tokens and sessions, and writes the audit
// trail. Its methods may be called by several goroutines at once. Those that take a Principal return ErrDenied if that may not do it.
type Service struct {
	store    Store
	hasher   *hasher
	throttle *throttle
	metrics  *metrics
	refusals refusals
	Options
}

// Options of a Service. The zero value stands for the defaults.
type Options struct {
	// Hashes is how many passwords are checked at the same time, each in 19 MiB: by default one per processor, at most four.
	Hashes int
	// Queue is how many more may wait for that: 64 by default. Others get a *TryLaterError.
	Queue int
	// SessionIdle and SessionMax are after how long without a request, and in any case, a session ends: 2 hours and 12 hours by default.
	SessionIdle, SessionMax time.Duration
	// External returns what a person may do now whom an identity provider vouches for: role, domains and profiles may have changed since the
	// sign-in. ok is false for nothing: the session ends. Without it there are no such people.
	External func(External) (e External, ok bool)
	// Now is the clock; time.Now by default.
	Now func() time.Time
}

// New returns a service for the records of a store.
func New(store Store, o Options) *Service {
	defaultTo(&o.Hashes, min(4, runtime.GOMAXPROCS(0)))
	defaultTo(&o.Queue, 64)
	defaultTo(&o.SessionIdle, 2*time.Hour)
	defaultTo(&o.SessionMax, 12*time.Hour)
	if o.Now == nil {
		o.Now = time.Now
	}
	hasher := newHasher(o.Hashes, o.Queue)
	return &Service{store: store, hasher: hasher, throttle: newThrottle(o.Now), metrics: newMetrics(hasher), Options: o}
}

func defaultTo[T comparable](option *T, value T) {
	var zero T
	if *option == zero {
		*option = value
	}
}

// second is the time to the second, which is easier to read in a file.
func (s *Service) second() time.Time { return s.Now().UTC().Truncate(time.Second) }

// Client is where a request comes from.
type Client struct {
	Address netip.Addr
	// UserAgent is what the client calls itself.
	UserAgent string
}

// Errors that callers act on.
var (
	// ErrWrong means that name, password or code are wrong. It does not say which.
	ErrWrong = errors.New("wrong name, password or code")
	// ErrSignedOut means that a session or token is not valid, or not any more: sign in again.
	ErrSignedOut = errors.New("not signed in")
	// ErrDenied means that somebody may not do this.
	ErrDenied = errors.New("not permitted")
	// ErrLastOperator means that nobody could manage accounts any more except on the command line.
	ErrLastOperator = errors.New("this is the last account with the role operator that is not disabled")
)

// TryLaterError means that a sign-in was not checked, because there were too many wrong ones or there are too many at the moment.
type TryLaterError struct {
	After time.Duration // after which it can be tried again
}

func (e *TryLaterError) Error() string {
	return fmt.Sprintf("too many sign-ins; try again in %v", max(time.Second, e.After.Round(time.Second)))
}

// InvalidError means that a value is not acceptable.
type InvalidError struct {
	Field string // "name", "role", "domains", "profiles", "password", "expires", "code"
	Text  string // what is wrong, and how to write it
}

func (e *InvalidError) Error() string { return e.Field + ": " + e.Text }

var nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._@+-]{0,63}$`)

// CheckName says why a name cannot be that of an account or token; nil if it can. Names are in lower case, so that no two look alike.
func CheckName(name string) error {
	if !nameForm.MatchString(name) {
		return &InvalidError{"name", fmt.Sprintf("%q is not a valid name; use at most 64 of the characters a-z 0-9 . _ @ + -, and begin with a letter or digit", untrusted.Clip(name, 80))}
	}
	return nil
}

// Bounds of what one account or token may have.
const maxNames = 10_000

// CheckGrant says why a role cannot have these domains and profiles; nil if it can. It brings the domains into the form that Account has.
func CheckGrant(role Role, domains, profiles []string) (normal []string, err error) {
	switch {
	case !slices.Contains(Roles, role):
		return nil, &InvalidError{"role", fmt.Sprintf("%q is not a role; use operator, domain-admin, provisioner or viewer", untrusted.Clip(string(role), 40))}
	case role == Operator && len(domains) > 0:
		return nil, &InvalidError{"domains", "an operator may change all domains; use the role domain-admin for some"}
	case role != Provisioner && len(profiles) > 0:
		return nil, &InvalidError{"profiles", "only a provisioner has profiles"}
	case role == Provisioner && len(profiles) == 0:
		return nil, &InvalidError{"profiles", "a provisioner needs the profiles on which it may add and remove domains, or * for all of them"}
	case len(domains) > maxNames, len(profiles) > maxNames:
		return nil, &InvalidError{"domains", fmt.Sprintf("too many names; use at most %d", maxNames)}
	}
	for _, profile := range profiles {
		if profile == "" || untrusted.Printable(profile) != profile {
			return nil, &InvalidError{"profiles", fmt.Sprintf("%q is not a valid name of a profile", untrusted.Clip(profile, 80))}
		}
	}
	for _, name := range domains {
		rest, wildcard := strings.CutPrefix(name, "*.")
		domain, err := settings.ParseDomain(rest)
		if err != nil {
			return nil, &InvalidError{"domains", fmt.Sprintf("%q: %v", untrusted.Clip(name, 80), err)}
		}
		name = string(domain)
		if wildcard {
			name = "*." + name
		}
		normal = append(normal, name)
	}
	slices.Sort(normal)
	return slices.Compact(normal), nil
}

// HasOperator reports whether there is an account that may manage the others. Without one, the page says how to add it.
func (s *Service) HasOperator(ctx context.Context) (bool, error) {
	all, err := s.store.Accounts(ctx)
	return slices.ContainsFunc(all, isOperator), err
}

func isOperator(a Account) bool { return a.Role == Operator && !a.Disabled }

// Record adds an event to the audit trail. Who has done it, with which token, from which address and when is taken from the Principal and
// the clock, whatever the event says. Of very many refused attempts, the trail has only the first ones and how many more there were: see refusals.go.
func (s *Service) Record(ctx context.Context, p Principal, e Event) error {
	e.Actor, e.Token, e.Address, e.Time = untrusted.Clip(p.Name, 200), p.Token, p.Address, s.Now()
	e.Action, e.Domain, e.Subject = untrusted.Clip(e.Action, 100), untrusted.Clip(e.Domain, 300), untrusted.Clip(e.Subject, 200)
	e.Revision, e.Detail = untrusted.Clip(e.Revision, 200), untrusted.Clip(e.Detail, 1000)
	if e.Refused && !strings.HasPrefix(p.Name, commandPrefix) {
		listed, first := s.refusals.isListed(p, e)
		if first {
			time.AfterFunc(refusalWindow, func() { _ = s.Close() }) // if that fails, the metric still has them
		}
		if !listed {
			s.metrics.unlisted.Inc()
			return nil
		}
	}
	return s.store.Append(ctx, e)
}

// Audit returns events of the audit trail, the newest first: to those who do not see everything, only what they have done.
func (s *Service) Audit(ctx context.Context, p Principal, q AuditQuery) ([]Event, error) {
	if !p.May(ViewAudit, Target{}) {
		if !p.May(ViewAudit, Target{Account: p.Name}) || q.Actor != "" && q.Actor != p.Name {
			return nil, ErrDenied
		}
		q.Actor = p.Name
	}
	return s.store.Audit(ctx, q)
}

// First reports whether a fact is recorded for the first time, so that what must happen once does not happen twice, in whichever process.
func (s *Service) First(ctx context.Context, fact string, until time.Time) (bool, error) {
	return s.store.Remember(ctx, fact, until)
}

// Health returns the error of the store; nil if it works.
func (s *Service) Health(ctx context.Context) error { return s.store.Health(ctx) }
