// Package compare says what would change, and for whom, if this configuration took the place of another server: each mail client asks the
// old server as it does, takes what it would take from the answers, and so it does with the answers of the configuration.
//
// The core is pure: Compare compares two sets of Answers. The rules of the clients are in package choices.
//
// Where to start reading:
//   - compare.go: changes, and how they are found; outcome.go and subjects.go: what each client gets; purpose.go: what is different on purpose
//   - answers.go: the answers of a server, place by place, and those of the configuration
//   - server.go, questions.go, request.go and redirect.go: the edge, which asks the old server
//   - targets.go and run.go: many domains at a time
//   - summary.go and print.go: results as text and JSON
package compare

import (
	"slices"
	"strings"

	"mailhint/settings"
)

// Kind is a kind of change.
type Kind string

// The kinds, in the order of the summary.
const (
	Lost     Kind = "lost"     // a client that got settings would get none
	Gained   Kind = "gained"   // a client that got none would get settings
	Protocol Kind = "protocol" // IMAP, POP3 or EWS
	Host     Kind = "host"
	Port     Kind = "port"
	TLS      Kind = "TLS"
	Login    Kind = "login"   // the form of the login name
	SignIn   Kind = "sign-in" // the login method
	URL      Kind = "URL"     // of a service, or of another provider's Autodiscover
)

// Kinds lists all kinds.
var Kinds = []Kind{Lost, Gained, Protocol, Host, Port, TLS, Login, SignIn, URL}

// Change is something that clients would get differently.
type Change struct {
	// Clients are those that it concerns.
	Clients []string `json:"clients"`
	// What changes: "incoming server", "outgoing server", "login name", "sign-in", or a service.
	What string `json:"what"`
	// Kinds says in which respects.
	Kinds []Kind `json:"kinds"`
	// Old and New are what a client gets from the old server and from this configuration, such as "imap.example.com:993 implicit TLS".
	Old string `json:"old"`
	New string `json:"new"`
	// Purpose says why it is different on purpose; empty if it is not.
	Purpose string `json:"on_purpose,omitempty"`
}

// Result is the comparison for one domain.
type Result struct {
	Domain  settings.Domain `json:"domain"`
	Changes []Change        `json:"changes"`
	// Unchecked says for which clients nothing is known, and why.
	Unchecked []string `json:"unchecked"`
	// OwnName is true if the old server answers for the domain only under its own name.
	OwnName bool `json:"own_name,omitempty"`
	// SameAs is an earlier domain with the same changes; empty if there is none.
	SameAs settings.Domain `json:"same_as,omitempty"`
}

// Compare compares what each client would get from two sets of answers for a person.
func Compare(old, configured Answers, who settings.Address) Result {
	r := Result{Domain: who.Domain, Changes: []Change{}, Unchecked: []string{}, OwnName: old.ownName()}
	redirects := configured.redirects()
	for _, s := range subjects {
		before, after := s.outcome(s, old, who, redirects), s.outcome(s, configured, who, redirects)
		if before.unknown != "" {
			r.Unchecked = append(r.Unchecked, s.name+": "+before.unknown)
			continue
		}
		for _, c := range changes(before, after) {
			c.Clients = []string{s.name}
			c.Purpose = purpose(s, before, after, c)
			r.add(c)
		}
	}
	if all := together(r.Unchecked); len(all) == 1 && len(r.Unchecked) == len(subjects) {
		_, why, _ := strings.Cut(all[0], ": ")
		r.Unchecked = []string{why}
	} else {
		r.Unchecked = all
	}
	return r
}

// add adds a change, or the client to the same change for others.
func (r *Result) add(c Change) {
	for i, other := range r.Changes {
		if other.What == c.What && other.Old == c.Old && other.New == c.New && other.Purpose == c.Purpose {
			r.Changes[i].Clients = append(other.Clients, c.Clients...)
			return
		}
	}
	r.Changes = append(r.Changes, c)
}

// together joins the clients for which the same is unknown.
func together(unchecked []string) []string {
	joined := []string{}
	for _, line := range unchecked {
		client, why, _ := strings.Cut(line, ": ")
		i := slices.IndexFunc(joined, func(other string) bool { return strings.HasSuffix(other, ": "+why) })
		if i < 0 {
			joined = append(joined, line)
			continue
		}
		joined[i] = strings.TrimSuffix(joined[i], ": "+why) + ", " + client + ": " + why
	}
	return joined
}

// changes are the differences between two outcomes for one client.
func changes(old, configured outcome) []Change {
	switch {
	case old.is(configured):
		return nil
	case old.isNothing():
		return []Change{{What: configured.what(), Kinds: []Kind{Gained}, Old: old.String(), New: configured.String()}}
	case configured.isNothing():
		return []Change{{What: old.what(), Kinds: []Kind{Lost}, Old: old.String(), New: configured.String()}}
	case old.url != "" || configured.url != "":
		return []Change{{What: old.what(), Kinds: []Kind{URL}, Old: old.String(), New: configured.String()}}
	}
	return slices.Concat(serverChanges("incoming", old.incoming, configured.incoming), serverChanges("outgoing", old.outgoing, configured.outgoing))
}

// serverChanges are the differences between two servers; either may be missing.
func serverChanges(way string, old, configured *server) []Change {
	if old == nil && configured == nil {
		return nil
	}
	what := way + " server"
	if old == nil || configured == nil {
		kind := Gained
		if configured == nil {
			kind = Lost
		}
		return []Change{{What: what, Kinds: []Kind{kind}, Old: old.String(), New: configured.String()}}
	}
	var all []Change
	var kinds []Kind
	for kind, differs := range map[Kind]bool{
		Protocol: old.kind != configured.kind, Host: old.host != configured.host,
		Port: old.port != configured.port, TLS: old.security != configured.security,
	} {
		if differs {
			kinds = append(kinds, kind)
		}
	}
	if len(kinds) > 0 {
		sortKinds(kinds)
		all = append(all, Change{What: what, Kinds: kinds, Old: old.String(), New: configured.String()})
	}
	if old.login != configured.login {
		all = append(all, Change{What: way + " login name", Kinds: []Kind{Login}, Old: old.login, New: configured.login})
	}
	if old.auth != configured.auth {
		all = append(all, Change{What: way + " sign-in", Kinds: []Kind{SignIn}, Old: string(old.auth), New: string(configured.auth)})
	}
	return all
}

func sortKinds(kinds []Kind) {
	slices.SortFunc(kinds, func(a, b Kind) int { return slices.Index(Kinds, a) - slices.Index(Kinds, b) })
}
