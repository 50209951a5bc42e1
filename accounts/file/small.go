package file

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"mailhint/accounts"
	"mailhint/statedir"
)

// Directories of small files, each of which is named after a SHA-256 in hexadecimal.
const (
	sessionsDir = "sessions"
	usedDir     = "accounts.used"
	factsDir    = "accounts.facts"
)

// get reads a small file. found is false if there is none, or it was damaged in a crash.
func (s *Store) get(dir, id string, v any) (found bool, err error) {
	if raw, err := hex.DecodeString(id); err != nil || len(raw) != sha256.Size {
		return false, nil
	}
	text, err := os.ReadFile(filepath.Join(s.dir, dir, id))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && json.Unmarshal(text, v) == nil, err
}

// put writes a small file.
func put(root *os.Root, dir, id string, v any) error {
	switch err := root.Mkdir(dir, 0o700); {
	case err == nil:
		statedir.GiveDir(root, dir)
	case !errors.Is(err, fs.ErrExist):
		return err
	}
	if raw, err := hex.DecodeString(id); err != nil || len(raw) != sha256.Size {
		return fmt.Errorf("%q is not a valid name", id)
	}
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return statedir.Replace(root, dir+"/"+id, text)
}

// all reads the small files of a directory.
func all[T any](s *Store, dir string) (map[string]T, error) {
	entries, err := os.ReadDir(filepath.Join(s.dir, dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	list := make(map[string]T)
	for _, e := range entries {
		var v T
		found, getErr := s.get(dir, e.Name(), &v)
		if getErr != nil {
			return nil, getErr
		}
		if found {
			list[e.Name()] = v
		}
	}
	return list, err
}

// lastUse returns when a token or session was last used.
func (s *Store) lastUse(id string) accounts.Use {
	var use accounts.Use
	if _, err := s.get(usedDir, id, &use); err != nil {
		return accounts.Use{} // it may be lost
	}
	return use
}

// UseToken implements accounts.Store.
func (s *Store) UseToken(ctx context.Context, name string, use accounts.Use) error {
	c, err := s.current()
	for _, t := range c.tokens {
		if t.Name == name {
			return s.locked(ctx, func(root *os.Root) error { return put(root, usedDir, t.Hash, use) })
		}
	}
	return err
}

// UseSession implements accounts.Store.
func (s *Store) UseSession(ctx context.Context, id string, use accounts.Use) error {
	if _, err := s.Session(ctx, id); err != nil {
		if errors.Is(err, accounts.ErrNotFound) {
			return nil
		}
		return err
	}
	return s.locked(ctx, func(root *os.Root) error { return put(root, usedDir, id, use) })
}

// Session implements accounts.Store.
func (s *Store) Session(_ context.Context, id string) (accounts.Session, error) {
	var session accounts.Session
	found, err := s.get(sessionsDir, id, &session)
	if err == nil && (!found || session.ID != id || !time.Now().Before(session.Expires)) {
		err = accounts.ErrNotFound
	}
	if err != nil {
		return accounts.Session{}, err
	}
	return s.withUse(session), nil
}

// withUse adds the last use to a session.
func (s *Store) withUse(session accounts.Session) accounts.Session {
	if use := s.lastUse(session.ID); use.Time.After(session.LastUse.Time) {
		session.LastUse = use
	}
	return session
}

// Sessions implements accounts.Store.
func (s *Store) Sessions(_ context.Context, account string) ([]accounts.Session, error) {
	files, err := all[accounts.Session](s, sessionsDir)
	var list []accounts.Session
	for _, session := range files {
		if (account == "" || session.Account == account) && time.Now().Before(session.Expires) {
			list = append(list, s.withUse(session))
		}
	}
	slices.SortFunc(list, func(a, b accounts.Session) int {
		return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(a.ID, b.ID))
	})
	return list, err
}

// SaveSession implements accounts.Store.
func (s *Store) SaveSession(ctx context.Context, session accounts.Session) error {
	return s.locked(ctx, func(root *os.Root) error {
		return errors.Join(put(root, sessionsDir, session.ID, session), s.sweep(root))
	})
}

// RemoveSession implements accounts.Store.
func (s *Store) RemoveSession(ctx context.Context, id string) error {
	return s.locked(ctx, func(root *os.Root) error {
		if _, err := s.Session(ctx, id); err != nil {
			return err
		}
		root.Remove(usedDir + "/" + id) // if it stays, sweep removes it
		if err := root.Remove(sessionsDir + "/" + id); err != nil {
			return err
		}
		return statedir.SyncDir(root, sessionsDir)
	})
}

// fact is until when a fact is remembered.
type fact struct {
	Until time.Time `json:"until"`
}

func factID(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// Remember implements accounts.Store.
func (s *Store) Remember(ctx context.Context, text string, until time.Time) (first bool, err error) {
	err = s.locked(ctx, func(root *os.Root) error {
		var before fact
		found, err := s.get(factsDir, factID(text), &before)
		if err != nil {
			return err
		}
		first = !found || !time.Now().Before(before.Until)
		if !first && !until.After(before.Until) {
			return nil
		}
		return errors.Join(put(root, factsDir, factID(text), fact{until}), s.sweep(root))
	})
	return first && err == nil, err
}

// Remembered implements accounts.Store.
func (s *Store) Remembered(_ context.Context, text string) (bool, error) {
	var f fact
	found, err := s.get(factsDir, factID(text), &f)
	return found && time.Now().Before(f.Until), err
}

// sweepEvery is how often small files that have expired are removed.
const sweepEvery = 10 * time.Minute

// sweep removes the small files that are of no use any more.
func (s *Store) sweep(root *os.Root) error {
	now := time.Now()
	if s.mutex.Lock(); now.Sub(s.swept) < sweepEvery {
		s.mutex.Unlock()
		return nil
	}
	s.swept = now
	s.mutex.Unlock()
	sessions, err := all[accounts.Session](s, sessionsDir)
	facts, factsErr := all[fact](s, factsDir)
	uses, usesErr := all[accounts.Use](s, usedDir)
	c, currentErr := s.current()
	if err := errors.Join(err, factsErr, usesErr, currentErr); err != nil {
		return err
	}
	var gone []string
	for id, session := range sessions {
		if !now.Before(session.Expires) {
			gone = append(gone, sessionsDir+"/"+id)
		}
	}
	for id, f := range facts {
		if !now.Before(f.Until) {
			gone = append(gone, factsDir+"/"+id)
		}
	}
	for id := range uses {
		_, session := sessions[id]
		if _, token := c.tokens[id]; !session && !token {
			gone = append(gone, usedDir+"/"+id)
		}
	}
	for _, name := range gone {
		if e := root.Remove(name); !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}
