// Package remote is edits.Store over the API of another server, for commands that change the configuration with --server.
//
// The server decides who makes a change, by the token, and how: the actor and the way of a ChangeSet are not sent.
package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"mailhint/admin/api"
	"mailhint/domains"
	"mailhint/edits"
	"mailhint/secretfile"
	"mailhint/untrusted"
)

// Store is the configuration of a server. Its methods may be called by several goroutines at once.
type Store struct {
	base   *url.URL
	secret string
	client *http.Client
}

// Open returns the store of the server at a URL, such as https://admin.example.com or http://127.0.0.1:8081, with the secret of a token. A secret is
// not sent over an unencrypted connection, except to this machine. It sends nothing yet.
func Open(server, secret string) (*Store, error) {
	u, err := url.Parse(server)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%q is not the URL of a server; write it like https://admin.example.com", untrusted.Clip(server, 200))
	}
	if u.Scheme == "http" && !isLoopback(u.Hostname()) {
		return nil, fmt.Errorf("%q would send the token unencrypted; write https://", untrusted.Clip(server, 200))
	}
	if secret = strings.TrimSpace(secret); secret == "" || strings.ContainsAny(secret, " \t\r\n") {
		return nil, errors.New("the token is not one word; mailhint token add prints it")
	}
	u.Path = strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), api.Prefix)
	client := &http.Client{Timeout: 5 * time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &Store{u, secret, client}, nil
}

// OpenFile is Open with a token that is read from a file, which no other user may read.
func OpenFile(server, tokenFile string) (*Store, error) {
	secret, err := secretfile.Read(tokenFile)
	if err != nil {
		return nil, fmt.Errorf("the token cannot be read: %w", err)
	}
	return Open(server, secret)
}

// isLoopback reports whether a host is this machine.
func isLoopback(host string) bool {
	return host == "localhost" || strings.HasPrefix(host, "127.") || host == "::1"
}

// Get implements edits.Store.
func (s *Store) Get(ctx context.Context, ref edits.Ref) (edits.Record, error) {
	var v api.View
	if err := s.do(ctx, http.MethodGet, pathOf(ref), nil, nil, &v); err != nil {
		return edits.Record{}, err
	}
	return recordOf(v.Record), nil
}

// pathOf is the path of a record.
func pathOf(ref edits.Ref) string {
	if ref.Kind == edits.Profile {
		return "/profiles/" + url.PathEscape(ref.Name)
	}
	return "/domains/" + url.PathEscape(ref.Name)
}

func recordOf(r api.Record) edits.Record {
	of := edits.Record{Ref: edits.Ref{Kind: edits.Kind(r.Kind), Name: r.Name}, Values: edits.Values(r.Values), ManagedBy: edits.ManagedBy(r.ManagedBy), Profile: r.Profile,
		List: r.List, Enabled: r.Enabled, Revision: edits.Revision(r.Revision), Text: r.Text}
	if r.Where != nil {
		of.Where = domains.Position{File: r.Where.File, Line: r.Where.Line}
	}
	return of
}

// List implements edits.Store. What the API cannot select is selected here.
func (s *Store) List(ctx context.Context, q edits.Query) (edits.Page, error) {
	switch {
	case q.Kind == edits.Profile:
		all, err := s.profiles(ctx)
		return selected(all, q), err
	case q.Among != nil:
		all, err := s.list(ctx, edits.Query{Search: q.Search, Profile: q.Profile, ManagedBy: q.ManagedBy})
		return selected(all.Records, q), err
	}
	return s.list(ctx, q)
}

// list lists domains.
func (s *Store) list(ctx context.Context, q edits.Query) (page edits.Page, err error) {
	for {
		limit := api.MaxPage
		if q.Limit > 0 {
			limit = min(limit, q.Limit-len(page.Records))
		}
		query := url.Values{"limit": {strconv.Itoa(limit)}}
		for name, value := range map[string]string{"search": q.Search, "profile": q.Profile, "managed_by": string(q.ManagedBy), "after": q.After} {
			if value != "" {
				query.Set(name, value)
			}
		}
		var answer struct {
			Domains []api.Row `json:"domains"`
			Next    string    `json:"next"`
			Total   *int      `json:"total"`
		}
		if err := s.do(ctx, http.MethodGet, "/domains", query, nil, &answer); err != nil {
			return edits.Page{}, err
		}
		for _, row := range answer.Domains {
			page.Records = append(page.Records, recordOf(row.Record))
		}
		page.Total, page.More, q.After = len(page.Records), answer.Next != "", answer.Next
		if answer.Total != nil {
			page.Total = *answer.Total
		}
		if !page.More || q.Limit > 0 && len(page.Records) >= q.Limit {
			return page, nil
		}
	}
}

// profiles lists all profiles.
func (s *Store) profiles(ctx context.Context) ([]edits.Record, error) {
	var answer struct {
		Profiles []api.ProfileRow `json:"profiles"`
	}
	if err := s.do(ctx, http.MethodGet, "/profiles", nil, nil, &answer); err != nil {
		return nil, err
	}
	var all []edits.Record
	for _, row := range answer.Profiles {
		all = append(all, recordOf(row.Record))
	}
	return all, nil
}

// selected returns the page of a query from records that are ordered by name.
func selected(all []edits.Record, q edits.Query) edits.Page {
	var page edits.Page
	for _, r := range all {
		if q.Kind == edits.Profile && (q.Profile != "" || q.ManagedBy != "" && r.ManagedBy != q.ManagedBy || !strings.Contains(strings.ToLower(r.Name), strings.ToLower(q.Search))) || !q.Among.Has(r) {
			continue
		}
		page.Total++
		switch {
		case r.Name <= q.After:
		case q.Limit > 0 && len(page.Records) == q.Limit:
			page.More = true
		default:
			page.Records = append(page.Records, r)
		}
	}
	return page
}

// ApplySnapshot brings the server to a wanted state, as edits.PlanApply and Apply do, in one step there: so that no change of somebody else gets in
// between. The edits of the plan say only which records they are of.
func (s *Store) ApplySnapshot(ctx context.Context, wanted []edits.Wanted, allowed int, reason string, dryRun bool) (edits.Plan, edits.Result, error) {
	var text bytes.Buffer
	if err := edits.Write(&text, "json", wanted); err != nil {
		return edits.Plan{}, edits.Result{}, err
	}
	query := url.Values{"allow_removals": {strconv.Itoa(allowed)}, "dry_run": {strconv.FormatBool(dryRun)}}
	if reason != "" {
		query.Set("reason", reason)
	}
	var answer api.Outcome
	if err := s.do(ctx, http.MethodPost, "/apply", query, ndjson(text.Bytes()), &answer); err != nil {
		return edits.Plan{}, edits.Result{}, err
	}
	result := edits.Result{Changes: changesOf(answer.Changes), Diff: answer.Diff, Files: answer.Files}
	plan := edits.Plan{}
	if c := answer.Counts; c != nil {
		plan.Added, plan.Changed, plan.Removed, plan.Same = c.Added, c.Changed, c.Removed, c.Same
	}
	for _, c := range result.Changes {
		plan.Edits = append(plan.Edits, edits.Edit{Ref: c.Ref, Action: c.Action})
	}
	return plan, result, nil
}

// ndjson is a body that is a snapshot.
type ndjson []byte

// attempts is how often an edit of whatever state a record has is tried, if others keep changing the record.
const attempts = 20

// Apply implements edits.Store.
func (s *Store) Apply(ctx context.Context, set edits.ChangeSet) (edits.Result, error) {
	for try := 1; ; try++ {
		result, err := s.apply(ctx, set)
		if err == nil || try == attempts || !errors.Is(err, edits.ErrConflict) || !isAny(set, err) {
			return result, err
		}
	}
}

// isAny reports whether a conflict is about a record that may have any state.
func isAny(set edits.ChangeSet, err error) bool {
	var conflict *edits.ConflictError
	if !errors.As(err, &conflict) {
		return false
	}
	for _, e := range set.Edits {
		if e.Ref == conflict.Ref {
			return e.If == edits.Any
		}
	}
	return false
}

func (s *Store) apply(ctx context.Context, set edits.ChangeSet) (edits.Result, error) {
	var body struct {
		Edits  []api.Edit `json:"edits"`
		Reason string     `json:"reason,omitempty"`
	}
	body.Edits, body.Reason = []api.Edit{}, set.Reason
	seen := make(map[edits.Ref]bool)
	for _, e := range set.Edits {
		if seen[e.Ref] {
			return edits.Result{}, fmt.Errorf("%s is changed twice in one set", e.Ref)
		}
		seen[e.Ref] = true
		if e.If == edits.Any { // the API wants to know which
			switch r, err := s.Get(ctx, e.Ref); {
			case err == nil:
				e.If = r.Revision
			case errors.Is(err, edits.ErrNotFound) && e.Values == nil:
				continue // it is gone already
			case errors.Is(err, edits.ErrNotFound):
				e.If = edits.Absent
			default:
				return edits.Result{}, err
			}
		}
		when := string(e.If)
		one := api.Edit{Kind: string(e.Kind), Name: e.Name, If: &when, Action: e.Action, List: e.List, Text: e.Text, File: e.File, Undoes: e.Undoes}
		if e.Values != nil {
			values := api.Values(e.Values)
			one.Values = &values
		}
		body.Edits = append(body.Edits, one)
	}
	query := url.Values{"config": {"true"}}
	if set.DryRun {
		query.Set("dry_run", "true")
	}
	var answer api.Outcome
	if err := s.do(ctx, http.MethodPost, "/changes", query, body, &answer); err != nil {
		return edits.Result{}, err
	}
	result := edits.Result{Diff: answer.Diff, Files: answer.Files, Changes: changesOf(answer.Changes)}
	if len(result.Changes) > 0 {
		var err error
		if result.Config, err = config(answer); err != nil {
			return edits.Result{}, err
		}
	}
	return result, nil
}
