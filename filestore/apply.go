package filestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"syscall"
	"time"

	"mailhint/domains"
	"mailhint/durable"
	"mailhint/edits"
	"mailhint/tomledit"
)

// maxTrying is how long a change is planned again and again because somebody saves files with an editor in the meantime.
const maxTrying = 20 * time.Second

// Apply implements edits.Store.
//
// Under the lock it completes or takes back what a killed process has left, records what has been changed by hand, plans the new texts, checks them, and
// puts them in place if nobody has changed the files in the meantime; otherwise it begins again.
func (s *Store) Apply(ctx context.Context, set edits.ChangeSet) (edits.Result, error) {
	own, err := checked(set)
	if err != nil || len(own.Edits) == 0 {
		return edits.Result{}, err
	}
	return s.applySet(ctx, changeSet{ChangeSet: own})
}

// applySet is Apply for a set with values of its own.
func (s *Store) applySet(ctx context.Context, set changeSet) (edits.Result, error) {
	dir, err := s.stateDir()
	if err != nil {
		return edits.Result{}, err
	}
	if set.DryRun {
		work, err := s.prepare(set, dir, nil)
		return work.result, err
	}
	unlock, err := s.lock(ctx, dir)
	if errors.Is(err, ErrBusy) {
		err = fmt.Errorf("%w; nothing was saved: try again", err)
	}
	if err != nil {
		return edits.Result{}, err
	}
	defer unlock()
	st, err := s.openState(dir)
	if err != nil {
		return s.refuse(set, dir, dir, err)
	}
	defer st.close()
	for end := time.Now().Add(maxTrying); ; {
		result, err := s.apply(ctx, set, st)
		switch {
		case !errors.Is(err, durable.ErrChanged) || ctx.Err() != nil:
			return result, err
		case time.Now().After(end):
			return result, fmt.Errorf("another program keeps saving the file; nothing was saved: try again: %w", err)
		}
		time.Sleep(rand.N(10 * time.Millisecond)) // an editor may be about to save again
	}
}

// checked returns a change set with values of its own.
func checked(set edits.ChangeSet) (edits.ChangeSet, error) {
	set.Edits = slices.Clone(set.Edits)
	seen := make(map[edits.Ref]bool, len(set.Edits))
	for i, e := range set.Edits {
		if seen[e.Ref] {
			return set, fmt.Errorf("%s is changed twice in one set", e.Ref)
		}
		seen[e.Ref] = true
		values, err := copyOf(e.Values)
		if err != nil {
			return set, fmt.Errorf("%s: %w", e.Ref, err)
		}
		set.Edits[i].Values = values
	}
	return set, nil
}

// apply is Apply under the lock.
func (s *Store) apply(ctx context.Context, set changeSet, st *state) (edits.Result, error) {
	done, err := s.recover(st)
	if err != nil {
		return edits.Result{}, err
	}
	work, failed := s.prepare(set, st.dir, &done)
	first := !done.known() && len(work.entries) > 0 // also if it repairs a mistake
	if (work.unbroken || first) && !done.accountsFor(work.before.Files, s.key) {
		if done, err = s.record(st, done, work.before.Files, work.byHand); err != nil {
			return edits.Result{}, err
		}
	}
	if failed != nil {
		return edits.Result{}, failed
	}
	if len(work.entries) == 0 {
		return edits.Result{}, nil
	}
	if err := ctx.Err(); err != nil {
		return edits.Result{}, err
	}
	for i := range work.entries {
		work.entries[i].Number = done.Last + 1 + int64(i)
		work.result.Changes[i].Number = work.entries[i].Number
	}
	if err := s.save(st, done, work); err != nil {
		var unwritable *fileError
		if errors.As(err, &unwritable) && isReadOnly(err) {
			return edits.Result{}, &edits.NotWrittenError{File: unwritable.file, Err: fmt.Errorf("%w: %w", edits.ErrReadOnly, unwritable.err), Diff: work.result.Diff}
		}
		return edits.Result{}, err
	}
	s.remembered.set(work.after)
	return work.result, nil
}

// refuse reports that a file may not be written.
func (s *Store) refuse(set changeSet, dir, file string, err error) (edits.Result, error) {
	if !isReadOnly(err) {
		return edits.Result{}, err
	}
	work, failed := s.prepare(set, dir, nil)
	if failed != nil {
		return edits.Result{}, failed
	}
	return edits.Result{}, &edits.NotWrittenError{File: file, Err: fmt.Errorf("%w: %w", edits.ErrReadOnly, err), Diff: work.result.Diff}
}

// isReadOnly reports whether an error means that a file may not be written here, whoever asks for it.
func isReadOnly(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) || errors.Is(err, syscall.EBUSY)
}

// work is a change set that has been planned and checked.
type work struct {
	before, after view
	texts         map[string]string // of the files that change, by name
	emptied       []emptied
	unbroken      bool    // before has no mistakes, as far as they are looked for
	byHand        []entry // what has been changed by hand before
	entries       []entry // what the history will gain
	result        edits.Result
}

// prepare plans a change set and checks the result. It writes nothing. Without a journal, which only a dry run lacks, nothing is known of changes by hand.
func (s *Store) prepare(set changeSet, dir string, done *journal) (work, error) {
	var w work
	v, broken := s.look() // what comes of it is checked
	if done != nil && done.known() && !done.accountsFor(v.Files, s.key) {
		v, broken = s.read() // changes by hand are recorded only if there are no mistakes
	}
	if broken != nil && (errors.Is(broken, domains.ErrUnread) || !v.isTOML()) {
		return w, broken
	}
	if set.emptied != "" && !slices.Equal(withRecords(v.Files), set.read) {
		return w, ErrFilesChanged
	}
	w.before, w.unbroken = v, broken == nil
	if done != nil && w.unbroken && !done.accountsFor(v.Files, s.key) {
		w.byHand = s.handEdits(*done, v.Files)
	}
	var effective []edits.Edit
	for _, e := range set.emptying(&w) {
		r, exists := v.get(e.Ref)
		if err := s.expect(e, r, exists, dir, w.byHand); err != nil {
			return w, err
		}
		if exists != (e.Values != nil) || exists && (!r.Values.Equal(e.Values) || r.List != e.List || e.Text != "") {
			effective = append(effective, e)
		}
	}
	if len(effective) == 0 && w.emptied == nil {
		return w, nil
	}
	p := newPlanner(v, func(ref edits.Ref, from int64) (past []entry, err error) {
		err = s.history(dir, historyQuery{edits.HistoryQuery{Ref: ref}, from - 1}, func(e entry) bool {
			past = append(past, e)
			return true
		})
		return past, err
	})
	p.empty(w.emptied, effective)
	if err := p.plan(effective); err != nil {
		if errors.Is(err, tomledit.ErrUnsafe) {
			return w, w.unsafe(effective, v, err)
		}
		return w, err
	}
	for file, text := range p.texts {
		if f, _ := v.File(file); f.Content == text {
			delete(p.texts, file)
		}
	}
	w.texts = p.texts
	var err error
	if w.after, err = v.with(w.texts); err != nil {
		return w, err
	}
	if err := withoutSettings(w.after, effective); err != nil {
		return w, err
	}
	if err := verify(v, w.after, effective, w.emptied); err != nil {
		if errors.Is(err, edits.ErrUnsafe) {
			return w, w.unsafe(effective, v, err)
		}
		return w, err
	}
	w.describe(set.ChangeSet, effective, p.restores)
	if w.emptied == nil { // nobody reads the diff of a million names
		w.result.Diff = w.diff()
	}
	return w, nil
}

// isTOML reports whether the files are valid TOML, which editing needs.
func (v view) isTOML() bool {
	for _, l := range v.layouts {
		if !l.valid {
			return false
		}
	}
	return true
}

// expect reports whether a record has the expected revision.
func (s *Store) expect(e edits.Edit, r edits.Record, exists bool, dir string, byHand []entry) error {
	if e.If == edits.Any || exists && e.If == r.Revision || !exists && e.If == edits.Absent {
		return nil
	}
	conflict := &edits.ConflictError{Ref: e.Ref, Current: r.Revision}
	if i := slices.IndexFunc(byHand, func(c entry) bool { return c.Ref == e.Ref }); i >= 0 {
		conflict.By = &byHand[i].Change // gets its number when it is recorded
		return conflict
	}
	err := s.history(dir, historyQuery{HistoryQuery: edits.HistoryQuery{Ref: e.Ref, Limit: 1}}, func(c entry) bool {
		conflict.By = &c.Change
		return false
	})
	if err != nil {
		s.warn(err) // who made the change is not known
	}
	return conflict
}

// unsafe returns the error for a layout that cannot be edited, with the change as a diff of the record.
func (w *work) unsafe(list []edits.Edit, v view, err error) error {
	var changes []edits.Change
	for _, e := range list {
		c := edits.Change{Ref: e.Ref, Before: v.state(e.Ref)}
		if e.Values != nil {
			c.After = &edits.State{Values: e.Values, List: e.List}
		}
		changes = append(changes, c)
	}
	file := v.Files[0].Name
	var in *fileError
	if errors.As(err, &in) {
		file, err = in.file, in.err
	}
	return &edits.NotWrittenError{File: file, Err: fmt.Errorf("%w: %w", edits.ErrUnsafe, err), Diff: edits.Diff(changes)}
}

// describe fills in what the history records and the caller gets.
func (w *work) describe(set edits.ChangeSet, list []edits.Edit, restores map[edits.Ref][]restoration) {
	now := time.Now()
	for _, e := range w.emptied {
		was := w.before.state(e.profile)
		c := edits.Change{Time: now, Actor: set.Actor, Via: set.Via, Action: e.action, Ref: e.profile, Reason: set.Reason, Before: was, After: was,
			Summary: &edits.ListSummary{File: w.before.key(e.file), Removed: e.names, SomeRemoved: e.some}}
		w.entries = append(w.entries, entry{Change: c})
		w.result.Changes = append(w.result.Changes, c)
	}
	for _, e := range list {
		before, after := w.before.state(e.Ref), w.after.state(e.Ref)
		if before != nil && after != nil && before.Revision == after.Revision {
			continue
		}
		c := edits.Change{Time: now, Actor: set.Actor, Via: set.Via, Action: e.Action, Ref: e.Ref, Reason: set.Reason, Before: before, After: after, Undoes: e.Undoes}
		w.entries = append(w.entries, entry{c, restores[e.Ref]})
		w.result.Changes = append(w.result.Changes, c)
	}
	w.result.Files = slices.Sorted(maps.Keys(w.texts))
	w.result.Config = w.after.Snapshot
}
