package filestore

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"mailhint/domains"
	"mailhint/statedir"
)

// In state_dir, beside the history, is the folder edits. It has the copies of the files of the configuration as the history accounts for them, named by
// their hashes, and the journal.
//
// The journal describes the latest change set: the first line is a journal as JSON, the lines below it are those of the history. It is written before
// the first file of the configuration is replaced. Once the history has the lines, the change set is done, and the journal says what the
// files are. If a process is killed before, the next one finds a journal whose lines the history lacks, and completes the change set or takes it back.
const (
	editsDir    = "edits"
	journalName = "journal"
)

// journal is the first line of the file.
type journal struct {
	// Main is the main file. A state_dir that has been used for another one before has nothing to compare this one with.
	Main string `json:"main"`
	// First and Last are the numbers of the changes. If there are none, Last is the number of the latest change before, and First the next.
	First int64 `json:"first"`
	Last  int64 `json:"last"`
	// Files are the hashes of all files after the change set, by the names that key returns.
	Files map[string]string `json:"files"`
	// Before are the hashes of the files that are replaced, as they were. It is empty if they have been changed by hand, and are only recorded.
	Before map[string]string `json:"before,omitempty"`

	// Lists are the profiles whose lists files are, by their names in Files.
	Lists map[string]string `json:"lists,omitempty"`

	lines []byte // for the history
	dir   string // state_dir
	owner string // who has written it, if files must not be replaced because of it
}

// state is what state_dir has for a configuration. It is used under the lock, and closed afterwards.
//
// state_dir usually belongs to the service's user, and root changes the configuration. Nothing that this user puts there may make root write or remove
// files elsewhere: all changes go through root, which follows no symbolic link out of state_dir, and a journal of that user is not trusted.
type state struct {
	dir  string // state_dir
	main string
	root *os.Root // state_dir
}

// stateDir returns the directory of the history.
func (s *Store) stateDir() (string, error) { return domains.StateDir(s.config) }

// openState makes what is missing.
func (s *Store) openState(dir string) (st *state, err error) {
	root, err := statedir.Open(dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			root.Close() // nothing has been written
		}
	}()
	switch err := root.Mkdir(editsDir, 0o700); {
	case err == nil:
		statedir.GiveDir(root, editsDir)
	case !errors.Is(err, fs.ErrExist):
		return nil, err
	}
	if info, err := root.Lstat(editsDir); err != nil || !info.IsDir() {
		return nil, errors.Join(err, fmt.Errorf("%s is not a directory; remove it", filepath.Join(dir, editsDir)))
	}
	main, err := filepath.Abs(s.config)
	if err != nil {
		return nil, err
	}
	if resolved, err := filepath.EvalSymlinks(filepath.Dir(main)); err == nil {
		main = filepath.Join(resolved, filepath.Base(main))
	}
	return &state{dir, main, root}, nil
}

func (st *state) close() { st.root.Close() } // what has been written is on disk

func (st *state) path(name string) string { return filepath.Join(st.dir, editsDir, name) }

// key names a file of the configuration in the journal, regardless of the working directory: relative to the directory of the main file.
func (s *Store) key(file string) string {
	if rel, err := filepath.Rel(filepath.Dir(s.config), file); err == nil {
		return filepath.ToSlash(rel)
	}
	return file
}

// file is the reverse of key.
func (s *Store) file(key string) string {
	if file := filepath.FromSlash(key); filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(filepath.Dir(s.config), filepath.FromSlash(key))
}

func hashOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:16])
}

// keep makes a copy of a text, and returns its hash.
func (st *state) keep(text string) (string, error) {
	hash := hashOf(text)
	return hash, st.keepAs(hash, text)
}

// keepAs is keep for a text whose hash is known.
func (st *state) keepAs(hash, text string) error {
	if _, err := os.Stat(st.path(hash)); err == nil {
		return nil
	}
	return st.writeFile(hash, []byte(text))
}

// temporaryName is what a file in editsDir is called until it is complete. One that a killed process has left is replaced by the next.
const temporaryName = ".new"

// writeFile writes a file in editsDir, so that it is whole or untouched. What root writes there stays root's, and the service can read it.
func (st *state) writeFile(name string, content []byte) (err error) {
	temporary := editsDir + "/" + temporaryName
	if err := st.root.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := st.root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err == nil {
		letOwnerRead(st.root, file)
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = st.root.Rename(temporary, editsDir+"/"+name)
	}
	if err != nil {
		st.root.Remove(temporary) // the error says why it is of no use
		return fmt.Errorf("%s cannot be written: %w", st.path(name), err)
	}
	return statedir.SyncDir(st.root, editsDir)
}

// kept returns a copy.
func (st *state) kept(hash string) (string, error) {
	content, err := os.ReadFile(st.path(hash))
	if err != nil {
		return "", err
	}
	if text := string(content); hashOf(text) == hash {
		return text, nil
	}
	return "", fmt.Errorf("%s is damaged; remove the directory %s to begin again", st.path(hash), st.path(""))
}

// forget removes all copies but those of the journal.
func (st *state) forget(j journal) {
	needed := map[string]bool{journalName: true}
	for _, files := range []map[string]string{j.Files, j.Before} {
		for _, hash := range files {
			needed[hash] = true
		}
	}
	dir, err := st.root.Open(editsDir)
	if err != nil {
		return
	}
	defer dir.Close() // opened for reading
	entries, err := dir.ReadDir(-1)
	if err != nil {
		return
	}
	for _, e := range entries {
		if !needed[e.Name()] && !strings.HasPrefix(e.Name(), ".") {
			st.root.Remove(editsDir + "/" + e.Name()) // if this fails, the next change tries again
		}
	}
}

// write makes a journal the current one. The copies of its files must be kept already.
func (st *state) write(j journal) error {
	j.Main = st.main
	header, err := json.Marshal(j)
	if err != nil {
		return err
	}
	return st.writeFile(journalName, bytes.Join([][]byte{header, j.lines}, []byte("\n")))
}

// read returns the current journal. ok is false if there is none for this configuration, or it is damaged.
func (st *state) read() (j journal, ok bool, err error) {
	file, err := st.root.Open(editsDir + "/" + journalName)
	if errors.Is(err, fs.ErrNotExist) {
		return journal{}, false, nil
	}
	if err != nil {
		return journal{}, false, fmt.Errorf("%s cannot be read: %w", st.path(journalName), err)
	}
	defer file.Close() // opened for reading
	content, err := io.ReadAll(file)
	if err != nil {
		return journal{}, false, err
	}
	header, lines, _ := bytes.Cut(content, []byte("\n"))
	if err := json.Unmarshal(header, &j); err != nil || j.Main != st.main || j.Last < 0 || j.Last > maxNumber {
		return journal{}, false, nil
	}
	j.lines, j.dir, j.owner = lines, st.dir, distrusted(file)
	return j, true, nil
}
