package filestore

import (
	"context"
	"maps"
	"os"
	"slices"

	"mailhint/domains"
)

// Observe records in the history what has been changed by hand since the last change that the history accounts for. A server calls it after each
// reload. The first call only remembers the files as they are.
func (s *Store) Observe(ctx context.Context) error {
	dir, err := s.stateDir()
	if err != nil {
		return err
	}
	unlock, err := s.lock(ctx, dir)
	if err != nil {
		return err
	}
	defer unlock()
	st, err := s.openState(dir)
	if err != nil {
		return err
	}
	defer st.close()
	done, err := s.recover(st)
	if err != nil {
		return err
	}
	files, err := s.filesNow(done)
	if err != nil || done.accountsFor(files, s.key) {
		return err
	}
	_, err = s.record(st, done, files, s.handEdits(done, files))
	return err
}

// filesNow returns the files of a configuration that somebody has checked. Lists that are known already are only read, not checked: they can have a
// million names.
func (s *Store) filesNow(done journal) ([]domains.Text, error) {
	texts := make(map[string][]byte)
	for key := range done.Lists {
		texts[s.file(key)] = nil
	}
	src, err := domains.Read(s.config, texts)
	if err != nil {
		v, err := s.read() // only the whole may be right
		return v.Files, err
	}
	for i := range src.Files {
		f := &src.Files[i]
		if _, isKnown := texts[f.Name]; isKnown {
			content, err := os.ReadFile(f.Name)
			if err != nil {
				return nil, err
			}
			f.Content = string(content)
		}
	}
	return src.Files, nil
}

// inHistory reports whether the history accounts for a file: for those that can have records.
func inHistory(r domains.Role) bool { return r != domains.UsersFile && r != domains.LogoFile }

// accountsFor reports whether the history accounts for files as they are.
func (j journal) accountsFor(files []domains.Text, key func(string) string) bool {
	count := 0
	for _, f := range files {
		if !inHistory(f.Role) {
			continue
		}
		count++
		if j.Files[key(f.Name)] != hashOf(f.Content) {
			return false
		}
	}
	return j.known() && count == len(j.Files)
}

// recordedNames is how many names of a list may change at once for each to be recorded as a change of its own. Beyond that it is the work of a
// program, and a summary says what has changed; with shownNames of the names.
const (
	recordedNames = 100
	shownNames    = 20
)

// handEdits returns what has been changed by hand since a change set that is done, in the order of the records' kinds and names. Lists, which can have a
// million names, are compared as texts.
func (s *Store) handEdits(done journal, files []domains.Text) []entry {
	if !done.known() {
		return nil
	}
	old, err := s.filesOf(done)
	if err != nil {
		s.warn(err) // the copies are damaged or gone: there is nothing to compare with
		return nil
	}
	c := &comparison{key: s.key, before: side{files: old}, after: side{files: files}}
	c.readTables()
	c.compareLists()
	return c.entries(s.file)
}

// filesOf returns the files that the history accounts for.
func (s *Store) filesOf(j journal) ([]domains.Text, error) {
	st := state{dir: j.dir}
	var files []domains.Text
	for _, key := range slices.Sorted(maps.Keys(j.Files)) {
		content, err := st.kept(j.Files[key])
		if err != nil {
			return nil, err
		}
		f := domains.Text{Name: s.file(key), Role: domains.IncludedFile, Content: content}
		if profile, isList := j.Lists[key]; isList {
			f.Role, f.Profile = domains.DomainsFile, profile
		}
		files = append(files, f)
	}
	return files, nil
}

// unknownWriter is who has changed a file by hand if that is not known.
const unknownWriter = "unknown"
