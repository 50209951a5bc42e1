package storetest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"mailhint/domains"
	"mailhint/edits"
	"mailhint/settings"
)

// Memory is an edits.Store in memory, for tests of what uses stores. Nothing of it survives the process. A domains_file is
// not read: the lists of profiles are in memory as well.
type Memory struct {
	mutex   sync.Mutex
	records map[edits.Ref]record
	history []edits.Change
	changed chan struct{} // closed at the next change
}

// record is what is kept of a record.
type record struct {
	values   edits.Values
	list     string
	revision edits.Revision
}

var _ edits.Store = (*Memory)(nil)

// NewMemory returns a store with the records of Initial and no history.
func NewMemory() *Memory {
	m := &Memory{records: make(map[edits.Ref]record), changed: make(chan struct{})}
	for i, e := range Initial() {
		m.records[e.Ref] = record{e.Values, e.List, edits.Revision(fmt.Sprint("initial ", i))}
	}
	return m
}

// Get implements edits.Store.
func (m *Memory) Get(_ context.Context, ref edits.Ref) (edits.Record, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	r, ok := m.records[ref]
	if !ok {
		return edits.Record{}, edits.ErrNotFound
	}
	return r.record(ref), nil
}

func (r record) record(ref edits.Ref) edits.Record {
	result := edits.Record{Ref: ref, Values: copyOf(r.values), ManagedBy: edits.ByStore, List: r.list, Profile: r.list, Enabled: r.values["enabled"] != false, Revision: r.revision}
	if ref.Kind == edits.Domain && len(r.values) == 0 && r.list != "" {
		result.ManagedBy = edits.ByList
	}
	if profile, ok := r.values["profile"].(string); ok && ref.Kind == edits.Domain {
		result.Profile = profile
	}
	return result
}

// copyOf copies values, so that a caller that changes them does not change the store.
func copyOf(v edits.Values) edits.Values {
	if v == nil {
		return nil
	}
	text, err := json.Marshal(v)
	var copied edits.Values
	if err == nil {
		err = json.Unmarshal(text, &copied)
	}
	if err != nil {
		panic(err) // Apply has encoded it before
	}
	return copied
}

// List implements edits.Store.
func (m *Memory) List(_ context.Context, q edits.Query) (edits.Page, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if q.Kind == "" {
		q.Kind = edits.Domain
	}
	var page edits.Page
	for _, ref := range slices.SortedFunc(maps.Keys(m.records), func(a, b edits.Ref) int { return strings.Compare(a.Name, b.Name) }) {
		r := m.records[ref].record(ref)
		if ref.Kind != q.Kind || q.Profile != "" && r.Profile != q.Profile || q.ManagedBy != "" && r.ManagedBy != q.ManagedBy || !q.Among.Has(r) || !found(r, q.Search) {
			continue
		}
		page.Total++
		switch {
		case ref.Name <= q.After:
		case q.Limit > 0 && len(page.Records) == q.Limit:
			page.More = true
		default:
			page.Records = append(page.Records, r)
		}
	}
	return page, nil
}

// found reports whether a search finds a record.
func found(r edits.Record, search string) bool {
	search = strings.ToLower(search)
	texts := []string{search}
	if d, err := settings.ParseDomain(search); err == nil {
		texts = append(texts, string(d))
	}
	names := append(edits.Aliases(r.Values), strings.ToLower(r.Name), strings.ToLower(r.Shown()))
	return slices.ContainsFunc(names, func(name string) bool {
		return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(name, text) })
	})
}

// Apply implements edits.Store.
func (m *Memory) Apply(_ context.Context, set edits.ChangeSet) (edits.Result, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	after, now := maps.Clone(m.records), time.Now()
	var result edits.Result
	seen := make(map[edits.Ref]bool)
	for _, e := range set.Edits {
		if seen[e.Ref] {
			return edits.Result{}, fmt.Errorf("%s is changed twice in one set", e.Ref)
		}
		seen[e.Ref] = true
		before, exists := m.records[e.Ref]
		if err := m.expect(e, before, exists); err != nil {
			return edits.Result{}, err
		}
		if !exists && e.Values == nil || exists && before.values.Equal(e.Values) && before.list == e.List {
			continue
		}
		c := edits.Change{Time: now, Actor: set.Actor, Via: set.Via, Action: e.Action, Ref: e.Ref, Reason: set.Reason, Undoes: e.Undoes}
		if exists {
			c.Before = state(before.record(e.Ref))
		}
		delete(after, e.Ref)
		if e.Values != nil {
			next := record{copyOf(e.Values), e.List, revisionOf(before, e)}
			after[e.Ref] = next
			c.After = state(next.record(e.Ref))
		}
		result.Changes = append(result.Changes, c)
	}
	config, err := check(after, set.Edits)
	if err != nil {
		return edits.Result{}, err
	}
	result.Diff = edits.Diff(result.Changes)
	if len(result.Changes) > 0 {
		result.Config = config
	}
	if set.DryRun || len(result.Changes) == 0 {
		return result, nil
	}
	for i := range result.Changes {
		result.Changes[i].Number = int64(len(m.history) + i + 1)
	}
	m.records, m.history = after, append(m.history, result.Changes...)
	close(m.changed)
	m.changed = make(chan struct{})
	return result, nil
}

// expect reports whether a record has the expected revision.
func (m *Memory) expect(e edits.Edit, r record, exists bool) error {
	switch {
	case e.If == edits.Any, exists && e.If == r.revision, !exists && e.If == edits.Absent:
		return nil
	}
	conflict := &edits.ConflictError{Ref: e.Ref, Current: r.revision}
	for _, c := range slices.Backward(m.history) {
		if c.Ref == e.Ref {
			conflict.By = &c
			break
		}
	}
	return conflict
}

// revisionOf returns the revision that follows on one. It depends on the one before, so that a record that changes there and back does not get an
// earlier one again.
func revisionOf(before record, e edits.Edit) edits.Revision {
	text, err := json.Marshal([]any{before.revision, e.Values, e.List})
	if err != nil {
		panic(err) // copyOf has encoded it before
	}
	sum := sha256.Sum256(text)
	return edits.Revision(hex.EncodeToString(sum[:8]))
}

func state(r edits.Record) *edits.State {
	return &edits.State{Values: r.Values, ManagedBy: r.ManagedBy, Profile: r.Profile, List: r.List, Revision: r.Revision}
}

// check returns the configuration after a change, and what is wrong with it, as domains would say.
func check(records map[edits.Ref]record, changed []edits.Edit) (*domains.Snapshot, error) {
	const name = "memory.toml"
	var problems domains.Problems
	note := func(ref edits.Ref, format string, args ...any) {
		problems = append(problems, domains.Problem{Position: domains.Position{File: name}, Key: ref.String(), Text: fmt.Sprintf(format, args...)})
	}
	for _, e := range changed {
		if _, has := e.Values["domains"]; has && e.Kind == edits.Profile {
			note(e.Ref, "the list of a profile is changed one domain at a time")
		}
	}
	for ref, r := range records {
		if _, ok := records[edits.Ref{Kind: edits.Profile, Name: r.list}]; r.list != "" && !ok {
			note(ref, "there is no profile %q", r.list)
		}
	}
	lists := make(map[string][]any)
	for ref, r := range records {
		if r.list != "" {
			lists[r.list] = append(lists[r.list], ref.Name)
		}
	}
	var text strings.Builder
	for ref, r := range records {
		if ref.Kind == edits.Domain && len(r.values) == 0 && r.list != "" {
			continue
		}
		values := copyOf(r.values)
		if ref.Kind == edits.Profile {
			delete(values, "domains_file")
			if list := lists[ref.Name]; list != nil {
				values["domains"] = list
			}
		}
		text.WriteString(edits.TOML(ref, values))
	}
	source, err := domains.Read(name, map[string][]byte{name: []byte(text.String())})
	var read domains.Problems
	errors.As(err, &read) // Read returns nothing else
	problems = append(problems, read...)
	for _, e := range changed {
		if r, ok := source.Record(domains.RecordKind(e.Kind), e.Name); ok && r.LeftOver {
			note(e.Ref, "has no settings; add imap and smtp, or a profile")
		}
	}
	if problems != nil {
		return nil, problems
	}
	return source.Snapshot, nil
}

// History implements edits.Store.
func (m *Memory) History(_ context.Context, q edits.HistoryQuery) ([]edits.Change, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	var list []edits.Change
	for _, c := range slices.Backward(m.history) {
		switch {
		case q.Ref != (edits.Ref{}) && c.Ref != q.Ref, c.Time.Before(q.Since), q.Before > 0 && c.Number >= q.Before:
		case q.Limit > 0 && len(list) == q.Limit:
			return list, nil
		default:
			list = append(list, c)
		}
	}
	return list, nil
}

// Watch implements edits.Store.
func (m *Memory) Watch(ctx context.Context, since int64) iter.Seq2[edits.Event, error] {
	return func(yield func(edits.Event, error) bool) {
		for {
			m.mutex.Lock()
			news, changed := slices.Clone(m.history[min(since, int64(len(m.history))):]), m.changed
			m.mutex.Unlock()
			for _, c := range news {
				if ctx.Err() != nil || !yield(edits.Event{Number: c.Number, Refs: []edits.Ref{c.Ref}}, nil) {
					return
				}
				since = c.Number
			}
			select {
			case <-ctx.Done():
				return
			case <-changed:
			}
		}
	}
}

// Health implements edits.Store.
func (m *Memory) Health(context.Context) error { return nil }
