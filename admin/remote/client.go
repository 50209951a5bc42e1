package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"mailhint/admin/api"
	"mailhint/domains"
	"mailhint/edits"
	"mailhint/untrusted"
)

// config reads the configuration that answers for the records of a set.
func config(answer api.Outcome) (*domains.Snapshot, error) {
	const name = "answer"
	text := answer.Config
	if text == "" { // nothing is answered for any more, which a configuration cannot say without a domain
		text = "[domains.\"mailhint.invalid\"]\nenabled = false\nimap = \"mailhint.invalid\"\nsmtp = \"mailhint.invalid\"\n"
	}
	source, err := domains.Read(name, map[string][]byte{name: []byte(text)})
	if err != nil {
		return nil, fmt.Errorf("the change is saved, but the answer of the server cannot be read: %w", err)
	}
	return source.Snapshot, nil
}

func changesOf(list []api.Change) []edits.Change {
	all := make([]edits.Change, len(list))
	for i, c := range list {
		all[i] = changeOf(c)
	}
	return all
}

func changeOf(c api.Change) edits.Change {
	return edits.Change{Number: c.Number, Time: c.Time, Actor: c.Actor, Via: edits.Via(c.Via), Action: c.Action, Ref: edits.Ref{Kind: edits.Kind(c.Kind), Name: c.Name},
		Reason: c.Reason, Before: stateOf(c.Before), After: stateOf(c.After), Undoes: c.Undoes, Summary: (*edits.ListSummary)(c.Summary)}
}

func stateOf(s *api.State) *edits.State {
	if s == nil {
		return nil
	}
	return &edits.State{Values: edits.Values(s.Values), ManagedBy: edits.ManagedBy(s.ManagedBy), Profile: s.Profile, List: s.List, Revision: edits.Revision(s.Revision), Text: s.Text, File: s.File}
}

// History implements edits.Store.
func (s *Store) History(ctx context.Context, q edits.HistoryQuery) ([]edits.Change, error) {
	var all []edits.Change
	for {
		limit := api.MaxPage
		if q.Limit > 0 {
			limit = min(limit, q.Limit-len(all))
		}
		query := url.Values{"limit": {strconv.Itoa(limit)}}
		if q.Ref != (edits.Ref{}) {
			query.Set("kind", string(q.Ref.Kind))
			query.Set("name", q.Ref.Name)
		}
		if !q.Since.IsZero() {
			query.Set("since", q.Since.Format(time.RFC3339Nano))
		}
		if q.Before > 0 {
			query.Set("before", strconv.FormatInt(q.Before, 10))
		}
		changes, err := s.history(ctx, q.Ref, query)
		if err != nil {
			return nil, err
		}
		all = append(all, changes...)
		if len(changes) < limit || q.Limit > 0 && len(all) >= q.Limit {
			return all, nil
		}
		q.Before = changes[len(changes)-1].Number
	}
}

// history reads one page: of all changes or, with a token that may not read these, of a record's.
func (s *Store) history(ctx context.Context, ref edits.Ref, query url.Values) ([]edits.Change, error) {
	var answer struct {
		Changes []api.Change `json:"changes"`
	}
	err := s.do(ctx, http.MethodGet, "/changes", query, nil, &answer)
	var failed *Error
	if errors.As(err, &failed) && failed.Problem.Status == http.StatusForbidden && ref != (edits.Ref{}) {
		query.Del("kind")
		query.Del("name")
		query.Del("since")
		err = s.do(ctx, http.MethodGet, pathOf(ref)+"/history", query, nil, &answer)
	}
	return changesOf(answer.Changes), err
}

// Watch implements edits.Store.
func (s *Store) Watch(ctx context.Context, since int64) iter.Seq2[edits.Event, error] {
	return func(yield func(edits.Event, error) bool) {
		for ctx.Err() == nil {
			var answer struct {
				Events []api.Event `json:"events"`
			}
			const wait = 30 // seconds
			query := url.Values{"after": {strconv.FormatInt(since, 10)}, "wait": {strconv.Itoa(wait)}}
			err := s.do(ctx, http.MethodGet, "/events", query, nil, &answer)
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				yield(edits.Event{}, err)
				return
			}
			for _, e := range answer.Events {
				event := edits.Event{Number: e.Number}
				for _, ref := range e.Refs {
					event.Refs = append(event.Refs, edits.Ref{Kind: edits.Kind(ref.Kind), Name: ref.Name})
				}
				if ctx.Err() != nil || !yield(event, nil) {
					return
				}
				since = e.Number
			}
		}
	}
}

// Health implements edits.Store.
func (s *Store) Health(ctx context.Context) error {
	var answer struct {
		OK      bool   `json:"ok"`
		Problem string `json:"problem"`
	}
	if err := s.do(ctx, http.MethodGet, "/status", nil, nil, &answer); err != nil {
		return err
	}
	if !answer.OK {
		return fmt.Errorf("the server cannot use its configuration: %s", untrusted.Printable(answer.Problem))
	}
	return nil
}

// Error is an answer of the server that is not one of the errors of package edits.
type Error struct{ Problem api.Problem }

func (e *Error) Error() string {
	text := e.Problem.Detail
	for _, flaw := range e.Problem.Errors {
		if line := strings.TrimPrefix(flaw.Field+": "+flaw.Text, ": "); !strings.Contains(text, flaw.Text) {
			text += "\n" + line
		}
	}
	return printable(text)
}

// printable makes the lines of a text from a server safe to show.
func printable(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = untrusted.Printable(lines[i])
	}
	return strings.Join(lines, "\n")
}

// maxAnswer limits the size of an answer, in octets.
const maxAnswer = 1 << 30

// do sends a request, and decodes the answer.
func (s *Store) do(ctx context.Context, method, path string, query url.Values, body, answer any) error {
	var content io.Reader
	kind := "application/json"
	if snapshot, ok := body.(ndjson); ok {
		content, kind = bytes.NewReader(snapshot), "application/x-ndjson"
	} else if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(text)
	}
	target := strings.TrimSuffix(s.base.String(), "/") + api.Prefix + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, method, target, content)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+s.secret)
	r.Header.Set("Accept", "application/json")
	if body != nil {
		r.Header.Set("Content-Type", kind)
	}
	for {
		got, err := s.client.Do(r)
		if err != nil {
			return fmt.Errorf("the server does not answer: %w", err)
		}
		text, err := io.ReadAll(io.LimitReader(got.Body, maxAnswer))
		got.Body.Close() // it was only read
		if err != nil {
			return fmt.Errorf("only part of the server's answer arrived: %w", err)
		}
		if got.StatusCode == http.StatusTooManyRequests && sleep(ctx, got.Header.Get("Retry-After")) {
			if r.GetBody != nil {
				if r.Body, err = r.GetBody(); err != nil {
					return err
				}
			}
			continue
		}
		if got.StatusCode >= 300 {
			return problemOf(got, text)
		}
		if err := json.Unmarshal(text, answer); err != nil {
			return fmt.Errorf("the server at %s does not answer as mailhint does: %w", s.base.Host, err)
		}
		return nil
	}
}

// sleep waits as long as a server asks for, and reports false if that is too long, or ctx is done.
func sleep(ctx context.Context, header string) bool {
	const longest = 10
	seconds, err := strconv.Atoi(header)
	if err != nil || seconds < 0 || seconds > longest {
		return false
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(time.Duration(seconds) * time.Second):
		return true
	}
}

// problemOf is the error that an answer stands for.
func problemOf(got *http.Response, text []byte) error {
	var p api.Problem
	if err := json.Unmarshal(text, &p); err != nil || p.Code == "" {
		return fmt.Errorf("the server at %s answers %s, and not as mailhint does; name its admin listener or its admin_name", got.Request.URL.Host, got.Status)
	}
	switch p.Code {
	case edits.RefusedInvalid:
		problems := make(domains.Problems, 0, len(p.Errors))
		for _, flaw := range p.Errors {
			problems = append(problems, domains.Problem{Key: flaw.Field, Text: printable(flaw.Text)})
		}
		if len(problems) == 0 {
			problems = append(problems, domains.Problem{Text: printable(p.Detail)})
		}
		return problems
	case edits.RefusedConflict:
		e := &edits.ConflictError{Ref: refOf(p)}
		if p.Current != nil {
			e.Current = api.Revision(*p.Current)
		}
		if p.By != nil {
			by := changeOf(*p.By)
			e.By = &by
		}
		return e
	case edits.RefusedRemovals:
		if p.Removals != nil {
			return &edits.RemovalsError{Removed: p.Removals.Removed, Before: p.Removals.Before, Allowed: p.Removals.Allowed, Hourly: p.Removals.Hourly}
		}
	case edits.RefusedReadOnly, edits.RefusedUnsafe:
		why := edits.ErrReadOnly
		if p.Code == edits.RefusedUnsafe {
			why = edits.ErrUnsafe
		}
		return &edits.NotWrittenError{File: got.Request.URL.Host, Err: fmt.Errorf("%w: %s", why, printable(p.Detail)), Diff: p.Diff}
	case edits.RefusedNotFound:
		if strings.Contains(p.Detail, edits.ErrNoHistory.Error()) {
			return fmt.Errorf("%w: %s", edits.ErrNoHistory, printable(p.Detail))
		}
		return edits.ErrNotFound
	case edits.RefusedExists:
		return fmt.Errorf("%w: %s", edits.ErrExists, printable(p.Detail))
	}
	return &Error{p}
}

// refOf is the record that a conflict is about.
func refOf(p api.Problem) edits.Ref {
	if p.Record == nil {
		return edits.Ref{Kind: edits.Domain}
	}
	return edits.Ref{Kind: edits.Kind(p.Record.Kind), Name: p.Record.Name}
}
