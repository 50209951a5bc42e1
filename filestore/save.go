package filestore

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"mailhint/domains"
	"mailhint/durable"
)

// known reports whether anything is known of how the files were.
func (j journal) known() bool { return j.Files != nil }

// save puts new texts in place and records them in the history. After an error nothing has changed, unless the error says otherwise.
func (s *Store) save(st *state, done journal, w work) error {
	next := journal{First: w.entries[0].Number, Last: w.entries[len(w.entries)-1].Number, Files: maps.Clone(done.Files), Before: make(map[string]string)}
	next.Lists = s.listsOf(w.after.Files)
	var err error
	if next.lines, err = linesOfEntries(w.entries); err != nil {
		return err
	}
	var prepared []*durable.Replacement
	defer func() {
		for _, r := range prepared {
			r.Discard()
		}
	}()
	for _, name := range slices.Sorted(maps.Keys(w.texts)) {
		old, _ := w.before.File(name)
		r, err := durable.Prepare(name, []byte(old.Content), []byte(w.texts[name]))
		if err != nil {
			return &fileError{name, err}
		}
		prepared = append(prepared, r)
		key := s.key(name)
		if next.Before[key] = done.Files[key]; !w.unbroken {
			next.Before[key] = hashOf(old.Content)
		}
		if err := st.keepAs(next.Before[key], old.Content); err != nil {
			return err
		}
		if next.Files[key], err = st.keep(w.texts[name]); err != nil {
			return err
		}
	}
	if err := st.write(next); err != nil {
		return err
	}
	err = commit(prepared, slices.Sorted(maps.Keys(w.texts)))
	if err == nil {
		err = historyLog.Append(st.root, next.lines)
	}
	if err != nil {
		return s.giveUp(st, next, err)
	}
	next.Before = nil
	st.forget(next)
	return nil
}

// commit puts the files in place.
func commit(prepared []*durable.Replacement, names []string) error {
	for i, r := range prepared {
		if err := r.Commit(); err != nil {
			return &fileError{names[i], err}
		}
	}
	return nil
}

// giveUp takes a change set back that failed.
func (s *Store) giveUp(st *state, j journal, err error) error {
	if _, failed := s.takeBack(st, j); failed != nil {
		return fmt.Errorf("%w; what has been written cannot be taken back: %w; the next change tries again", err, failed)
	}
	return err
}

// takeBack gives files the content that they had before a change set, unless somebody has changed them since, and returns the journal of that.
func (s *Store) takeBack(st *state, j journal) (journal, error) {
	for key, before := range j.Before {
		now, err := os.ReadFile(s.file(key))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return j, err
		}
		if err != nil || hashOf(string(now)) != j.Files[key] {
			continue
		}
		if j.owner != "" {
			return j, fmt.Errorf("%s is to be restored as it was before an unfinished change of %s, whom root does not trust with it: let that user change "+
				"something first, or remove %s", s.file(key), j.owner, st.path(journalName))
		}
		text, err := st.kept(before)
		if err != nil {
			return j, err
		}
		r, err := durable.Prepare(s.file(key), now, []byte(text))
		if err == nil {
			err = r.Commit()
		}
		if err != nil && !errors.Is(err, durable.ErrChanged) {
			return j, err
		}
	}
	done := journal{First: j.First, Last: j.First - 1, Files: maps.Clone(j.Files), Lists: j.Lists, dir: st.dir}
	maps.Copy(done.Files, j.Before)
	return done, st.write(done)
}

// recover returns the journal of the latest change set that is done. One that a killed process has not finished is completed if all its files are in
// place, and taken back otherwise.
func (s *Store) recover(st *state) (journal, error) {
	j, ok, err := st.read()
	if err != nil {
		return j, err
	}
	last, err := s.lastNumber(st.dir)
	if err != nil {
		return j, err
	}
	if !ok {
		return journal{First: last + 1, Last: last, dir: st.dir}, nil
	}
	if len(j.lines) > 0 && last < j.Last {
		waiting, err := s.waiting(j)
		if err != nil {
			return j, err
		}
		if waiting && last < j.First {
			return s.takeBack(st, j)
		}
		if err := historyLog.Append(st.root, linesAfter(j.lines, last)); err != nil {
			return j, err
		}
		last = j.Last
	}
	last = max(last, j.Last)
	return journal{First: last + 1, Last: last, Files: j.Files, Lists: j.Lists, dir: st.dir}, nil
}

// waiting reports whether a file of a change set has not been put in place, or is not as the change set left it in all of them.
func (s *Store) waiting(j journal) (bool, error) {
	inPlace := 0
	for key, before := range j.Before {
		now, err := os.ReadFile(s.file(key))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return false, err
		}
		switch hashOf(string(now)) {
		case before:
			return true, nil
		case j.Files[key]:
			inPlace++
		}
	}
	return inPlace == 0 && len(j.Before) > 0, nil
}

// linesAfter returns the lines of changes with higher numbers.
func linesAfter(lines []byte, number int64) []byte {
	for len(lines) > 0 {
		line, rest, _ := bytes.Cut(lines, []byte("\n"))
		if n, _, ok := lineHeader(line); ok && n > number {
			break
		}
		lines = rest
	}
	return lines
}

// record adds what has been changed by hand to the history, and makes the files as they are what the history accounts for.
func (s *Store) record(st *state, done journal, files []domains.Text, byHand []entry) (journal, error) {
	next := journal{First: done.Last + 1, Last: done.Last + int64(len(byHand)), Files: make(map[string]string), Lists: s.listsOf(files), dir: st.dir}
	for _, f := range files {
		if !inHistory(f.Role) {
			continue
		}
		hash, err := st.keep(f.Content)
		if err != nil {
			return done, err
		}
		next.Files[s.key(f.Name)] = hash
	}
	for i := range byHand {
		byHand[i].Number = next.First + int64(i)
	}
	var err error
	if next.lines, err = linesOfEntries(byHand); err != nil {
		return done, err
	}
	if err := st.write(next); err != nil {
		return done, err
	}
	if err := historyLog.Append(st.root, next.lines); err != nil {
		return done, err
	}
	st.forget(next)
	next.First = next.Last + 1
	return next, nil
}

// listsOf returns the profiles whose lists files are.
func (s *Store) listsOf(files []domains.Text) map[string]string {
	lists := make(map[string]string)
	for _, f := range files {
		if f.Role == domains.DomainsFile {
			lists[s.key(f.Name)] = f.Profile
		}
	}
	return lists
}

func linesOfEntries(list []entry) ([]byte, error) {
	var b bytes.Buffer
	for _, e := range list {
		line, err := e.line()
		if err != nil {
			return nil, err
		}
		b.Write(line)
	}
	return b.Bytes(), nil
}
