package admin

import (
	"context"
	"time"

	"mailhint/accounts"
	"mailhint/edits"
	"mailhint/settings"
)

// Query selects the domains of a list.
type Query struct {
	Search    string          // only names and aliases that contain this; empty for all
	Profile   string          // only domains that inherit from this profile; empty for all
	ManagedBy edits.ManagedBy // only domains managed by this; empty for all
	State     string          // only domains in this state of the background probe, see Row.State; empty for all
	After     string          // only names after this one; empty for the first page
	Limit     int             // at most so many; 0 for DefaultPage
}

// The sizes of pages.
const (
	DefaultPage = 50
	MaxPage     = 1000
)

// Row is a domain in a list.
type Row struct {
	edits.Record
	// State is the worst that the background probe has last seen of the domain's mail servers, as package monitor names it; empty without such
	// a probe. Seen is when.
	State string    `json:"state,omitempty"`
	Seen  time.Time `json:"seen,omitzero"`
}

// Page is a part of a list.
type Page struct {
	Rows []Row
	// More is true if there are further domains, after the last of Rows.
	More bool
	// Total counts the domains on all pages; -1 if that is not known.
	Total int
}

// Domains lists the domains that an account may see, ordered by name.
func (s *Service) Domains(ctx context.Context, p accounts.Principal, q Query) (Page, error) {
	if q.Limit <= 0 {
		q.Limit = DefaultPage
	}
	q.Limit = min(q.Limit, MaxPage)
	query := edits.Query{Kind: edits.Domain, Search: q.Search, Profile: q.Profile, ManagedBy: q.ManagedBy, After: q.After, Limit: q.Limit, Among: visible(p)}
	if q.State != "" || !p.SeesAll() && (query.Among == nil || query.Among.Profiles == nil) {
		query.After, query.Limit = "", 0 // to count those that match
	}
	page := Page{Rows: []Row{}}
	known := make(knownStates)
	for {
		found, err := s.Store.List(ctx, query)
		if err != nil {
			return Page{}, s.inside(p, err)
		}
		page.Total = found.Total
		hidden := s.add(&page, p, q, found.Records, known)
		switch {
		case query.Limit == 0:
			page.Total = found.Total - hidden
			return page, nil
		case hidden > 0:
			page.Total = -1
		}
		if len(page.Rows) >= q.Limit || !found.More {
			page.More = page.More || found.More
			return page, nil
		}
		query.After = found.Records[len(found.Records)-1].Name
	}
}

// add adds records to a page, as far as they belong to it, and returns how many of them the account may not see, or are in another state.
func (s *Service) add(page *Page, p accounts.Principal, q Query, records []edits.Record, known knownStates) (hidden int) {
	seesAll := p.SeesAll()
	for _, r := range records {
		if !seesAll && !p.May(accounts.View, target(r)) {
			hidden++
			continue
		}
		belongs := r.Name > q.After
		if q.State == "" && !belongs {
			continue
		}
		row := Row{Record: access{who: p, record: r}.seen()}
		row.State, row.Seen = s.state(r, known)
		switch {
		case q.State != "" && row.State != q.State:
			hidden++
		case !belongs:
		case len(page.Rows) >= q.Limit:
			page.More = true
		default:
			page.Rows = append(page.Rows, row)
		}
	}
	return hidden
}

// states are those of the background probe, the worst last; package monitor explains them. States that are not among them count as the first.
var states = []string{"unknown", "good", "warning", "login", "ipv6", "certificate", "tls", "closed", "address"}

// knownStates are the states of settings that many domains share, so that each is looked up once for a list.
type knownStates map[*settings.Settings]knownState

type knownState struct {
	state string
	at    time.Time
}

// state returns the worst state of a domain's mail servers.
func (s *Service) state(r edits.Record, known knownStates) (state string, at time.Time) {
	current := s.Current()
	if s.Seen == nil || current == nil || !r.Enabled {
		return "", time.Time{}
	}
	found, err := current.Lookup(context.Background(), settings.Question{Host: settings.Domain(sampleName(r.Name, current))})
	if err != nil {
		return "", time.Time{}
	}
	if shared, ok := known[found.Settings]; ok {
		return shared.state, shared.at
	}
	worst, isShared := -1, true
	for _, server := range found.Servers {
		host := server.Host.Expand(string(found.Domain), string(found.Primary))
		isShared = isShared && host == string(server.Host)
		seen, when := s.Seen(host, server)
		for i, known := range states {
			if known == seen && i > worst {
				worst, state, at = i, seen, when
			}
		}
	}
	if isShared {
		known[found.Settings] = knownState{state, at}
	}
	return state, at
}
