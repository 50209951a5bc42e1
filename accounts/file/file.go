// Package file keeps accounts and tokens in accounts.toml in the state_dir, beside the audit trail.
//
//	accounts.toml    accounts and tokens, for people to read and, if they like, to edit
//	audit.jsonl      the audit trail, an event on each line; rotated
//	sessions/        a file for each browser that is signed in
//	accounts.used/   when each token and session was last used
//	accounts.facts/  what must not happen twice, such as the use of a code, until it does not matter any more
//	accounts.sum     the checksum of accounts.toml as programs have left it, which shows whether somebody else is writing it
//	accounts.lock    is locked while something is changed
//
// All of it can be read by its owner only. Every process looks at accounts.toml before it answers, so that a change counts at once, whoever
// has made it. A text with mistakes is not used: the last good one stays in force, and Health and Warn say so.
//
// Read file.go first, then read.go (what the text means), write.go (how it is changed), small.go (sessions and facts) and audit.go.
package file

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"mailhint/accounts"
	"mailhint/statedir"
)

// Store is an accounts.Store in a state_dir.
type Store struct {
	// Warn is called with what is wrong with accounts.toml, once for each state of the file; nil for nobody. It must be set before the store is
	// used.
	Warn func(error)

	dir      string
	changing chan struct{} // held by the goroutine that changes something

	mutex  sync.Mutex // guards the rest
	good   content    // of the last text without mistakes
	loaded bool       // there was one, or no file
	seen   version    // of the file at the last look
	bad    error      // what was wrong with it then
	swept  time.Time  // when small files that have expired were last removed
}

var _ accounts.Store = (*Store)(nil)

const textName = "accounts.toml"

// Open returns the store in a state_dir. It reads and makes nothing yet.
func Open(stateDir string) *Store {
	return &Store{dir: stateDir, changing: make(chan struct{}, 1)}
}

// Name is the name of accounts.toml, for messages.
func (s *Store) Name() string { return filepath.Join(s.dir, textName) }

// version is what stat says of a file; the zero value if there is none.
type version struct {
	info fs.FileInfo
	at   time.Time // of the look
}

func (s *Store) look() (version, error) {
	info, err := os.Stat(s.Name())
	if errors.Is(err, fs.ErrNotExist) {
		return version{at: time.Now()}, nil
	}
	return version{info, time.Now()}, err
}

// unchanged reports whether the file is the same as at another look. If it was written just before that look, nobody knows: two writes in a
// row may leave the same size and time.
func (v version) unchanged(since version) bool {
	if v.info == nil || since.info == nil {
		return v.info == nil && since.info == nil && !since.at.IsZero()
	}
	return os.SameFile(v.info, since.info) && v.info.Size() == since.info.Size() && v.info.Mode() == since.info.Mode() &&
		v.info.ModTime().Equal(since.info.ModTime()) && since.at.Sub(since.info.ModTime()) > settled
}

// settled is after how long without a write a text that somebody writes in place is taken to be whole. Programs of ours need not wait: see
// sumName.
const settled = 250 * time.Millisecond

// current returns the accounts and tokens in force. The error is what is wrong with the text if there has been no good one yet.
func (s *Store) current() (content, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	now, err := s.look()
	if err == nil && now.unchanged(s.seen) {
		err = s.bad
	} else {
		err = s.load(now, err)
	}
	if !s.loaded {
		return content{}, err
	}
	return s.good, nil
}

// load reads the file, and keeps what it was if that fails.
func (s *Store) load(now version, err error) error {
	var text []byte
	if err == nil {
		text, err = s.text(now)
	}
	if err == nil && s.loaded && now.info != nil && now.at.Sub(now.info.ModTime()) < settled && !s.isOurs(text) {
		return nil // somebody may still be writing it: it is looked at again
	}
	var c content
	if err == nil {
		c, err = parse(s.Name(), text)
	}
	if err == nil {
		s.good, s.loaded = c, true
	} else if s.Warn != nil && (s.bad == nil || s.bad.Error() != err.Error()) {
		s.Warn(err)
	}
	s.seen, s.bad = now, err
	return err
}

// sumName is a file with the SHA-256 of what a program of ours has written last, or is about to write.
const sumName = "accounts.sum"

// isOurs reports whether a program of ours has written a text, so that it is whole.
func (s *Store) isOurs(text []byte) bool {
	sum, err := os.ReadFile(filepath.Join(s.dir, sumName))
	return err == nil && string(sum) == sumOf(text)
}

func sumOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]) + "\n"
}

// maxText limits the size of accounts.toml.
const maxText = 32 << 20

// text returns the text of a version of the file; empty if there is none.
func (s *Store) text(v version) ([]byte, error) {
	switch {
	case v.info == nil:
		return nil, nil
	case !v.info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", s.Name())
	case runtime.GOOS != "windows" && v.info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("%s can be read or written by others (mode %04o); it has secrets: chmod 600 it", s.Name(), v.info.Mode().Perm())
	case v.info.Size() > maxText:
		return nil, fmt.Errorf("%s has more than %d MiB", s.Name(), maxText>>20)
	}
	return os.ReadFile(s.Name())
}

// Health implements accounts.Store.
func (s *Store) Health(context.Context) error {
	_, err := s.current()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return errors.Join(err, s.notUsed())
}

// notUsed says why the present text is not used, although an older one is.
func (s *Store) notUsed() error {
	if s.bad == nil || !s.loaded {
		return nil
	}
	return fmt.Errorf("still using the previous accounts: %w", s.bad)
}

// Account implements accounts.Store.
func (s *Store) Account(_ context.Context, name string) (accounts.Account, error) {
	c, err := s.current()
	if err != nil {
		return accounts.Account{}, err
	}
	a, ok := c.accounts[name]
	if !ok {
		return accounts.Account{}, accounts.ErrNotFound
	}
	return a, nil
}

// Accounts implements accounts.Store.
func (s *Store) Accounts(context.Context) ([]accounts.Account, error) {
	c, err := s.current()
	return slices.SortedFunc(maps.Values(c.accounts), func(a, b accounts.Account) int { return strings.Compare(a.Name, b.Name) }), err
}

// Token implements accounts.Store.
func (s *Store) Token(_ context.Context, hash string) (accounts.Token, error) {
	c, err := s.current()
	if err != nil {
		return accounts.Token{}, err
	}
	t, ok := c.tokens[hash]
	if !ok {
		return accounts.Token{}, accounts.ErrNotFound
	}
	t.LastUse = s.lastUse(t.Hash)
	return t, nil
}

// Tokens implements accounts.Store.
func (s *Store) Tokens(context.Context) ([]accounts.Token, error) {
	c, err := s.current()
	list := slices.SortedFunc(maps.Values(c.tokens), func(a, b accounts.Token) int { return strings.Compare(a.Name, b.Name) })
	for i := range list {
		list[i].LastUse = s.lastUse(list[i].Hash)
	}
	return list, err
}

// errBusy means that something else was changing the accounts for longer than a change takes.
var errBusy = errors.New("another mailhint is changing the accounts; try again")

// locked calls a function while no other goroutine or process changes anything here, with the state_dir.
func (s *Store) locked(ctx context.Context, change func(root *os.Root) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 10*time.Second, errBusy)
	defer cancel()
	select {
	case s.changing <- struct{}{}:
		defer func() { <-s.changing }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	root, err := statedir.Open(s.dir)
	if err != nil {
		return err
	}
	defer root.Close() // what has been written is on disk
	lock, err := root.OpenFile("accounts.lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	statedir.GiveFile(root, lock)
	if err := statedir.Lock(ctx, lock); err != nil {
		return err
	}
	defer lock.Close() // ends the lock
	return change(root)
}
