// Package admin is what an account may do with the domains, for the API and the admin page alike. It knows no HTTP.
//
// A Service puts permissions in front of an edits.Store: every method takes the accounts.Principal for whom it acts, and shows and changes only
// what that account may see and change. A domain that an account may not see is the same to it as one that does not exist: the error is
// ErrNotFound, with the same text.
//
// The files, in the order in which they are best read:
//
//   - admin.go: the Service and what it needs; errors.go: its errors
//   - access.go: what an account may do with one record; claims.go: which names it may take; outside.go: what it sees
//   - list.go, domain.go, profiles.go: reading
//   - change.go: changing; removals.go, apply.go: changing many; rates.go: how often; history.go: what was changed, and going back
//   - preview.go, probe.go, doctor.go, dns.go: what clients, mail servers and DNS make of it; metrics.go
package admin

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"mailhint/accounts"
	"mailhint/doctor"
	"mailhint/domains"
	"mailhint/edits"
	"mailhint/probe"
	"mailhint/settings"
)

// Service does what accounts may do. Its fields must not be changed once it is in use; those without a comment are required.
type Service struct {
	Store edits.Store
	// Current returns the configuration that is served.
	Current func() *domains.Snapshot
	// Accounts has the accounts, their tokens and the audit trail.
	Accounts *accounts.Service
	// Saved makes the server serve a change that was saved, and returns when it does; nil does nothing.
	Saved func(context.Context, edits.Result)
	// Prober looks at mail servers; nil refuses to. Outside, which OutsideOnly makes, looks at those that somebody has named who is not an operator.
	Prober, Outside Prober
	// Examiner examines a domain of a configuration; nil refuses to.
	Examiner func(*domains.Snapshot) *doctor.Doctor
	// Resolver looks up published records and the names that a search for servers needs; nil refuses to.
	Resolver Resolver
	// Seen returns what the background probe has last seen of a server, a state of package monitor, and when; nil if there is no such probe.
	Seen func(host string, server settings.Server) (state string, at time.Time)
	// Log gets what others do not see; nil for none.
	Log *slog.Logger
	// Now is the clock; nil for time.Now.
	Now func() time.Time

	budgets budgets
}

// Prober looks at mail servers: a *probe.Prober.
type Prober interface {
	Look(ctx context.Context, host string, ports ...probe.Port) probe.Host
	LookURL(ctx context.Context, q probe.Request) probe.Web
	Find(ctx context.Context, what probe.Search) (*probe.Finding, error)
}

// Resolver asks name servers: a *resolver.Resolver.
type Resolver interface {
	doctor.Resolver
	probe.DNS
	Host(ctx context.Context, name string) (addresses []netip.Addr, canonical string, err error)
}

func (s *Service) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}
