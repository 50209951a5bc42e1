package accountstest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"mailhint/accounts"
)

// Memory is an accounts.Store in memory, for tests of what uses stores. Nothing of it survives the process.
type Memory struct {
	// Now is the clock by which sessions and facts expire; time.Now if it is nil.
	Now func() time.Time

	mutex    sync.Mutex
	accounts map[string]accounts.Account
	tokens   map[string]accounts.Token // by name
	sessions map[string]accounts.Session
	facts    map[string]time.Time
	events   []accounts.Event
	saved    int
}

var _ accounts.Store = (*Memory)(nil)

// NewMemory returns an empty store.
func NewMemory() *Memory {
	return &Memory{accounts: map[string]accounts.Account{}, tokens: map[string]accounts.Token{}, sessions: map[string]accounts.Session{}, facts: map[string]time.Time{}}
}

func (m *Memory) now() time.Time {
	if m.Now != nil {
		return m.Now()
	}
	return time.Now()
}

// Account implements accounts.Store.
func (m *Memory) Account(_ context.Context, name string) (accounts.Account, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return found(m.accounts, name)
}

func found[T any](all map[string]T, key string) (T, error) {
	v, ok := all[key]
	if !ok {
		return v, accounts.ErrNotFound
	}
	return v, nil
}

// Accounts implements accounts.Store.
func (m *Memory) Accounts(context.Context) ([]accounts.Account, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return sorted(m.accounts, func(a, b accounts.Account) int { return strings.Compare(a.Name, b.Name) }), nil
}

func sorted[T any](all map[string]T, compare func(a, b T) int) []T {
	var list []T
	for _, v := range all {
		list = append(list, v)
	}
	slices.SortFunc(list, compare)
	return list
}

// SaveAccount implements accounts.Store.
func (m *Memory) SaveAccount(_ context.Context, a accounts.Account, when accounts.Revision) (accounts.Account, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	switch old, exists := m.accounts[a.Name]; {
	case exists && when == accounts.Absent:
		return accounts.Account{}, accounts.ErrExists
	case old.Revision != when:
		return accounts.Account{}, accounts.ErrConflict
	}
	m.saved++
	a.Revision = accounts.Revision(fmt.Sprint(m.saved))
	a.Domains, a.Profiles, a.RecoveryCodes = slices.Clone(a.Domains), slices.Clone(a.Profiles), slices.Clone(a.RecoveryCodes)
	m.accounts[a.Name] = a
	return a, nil
}

// RemoveAccount implements accounts.Store.
func (m *Memory) RemoveAccount(_ context.Context, name string) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if _, err := found(m.accounts, name); err != nil {
		return err
	}
	delete(m.accounts, name)
	for key, t := range m.tokens {
		if t.Creator == name {
			delete(m.tokens, key)
		}
	}
	for id, s := range m.sessions {
		if s.Account == name {
			delete(m.sessions, id)
		}
	}
	return nil
}

// Token implements accounts.Store.
func (m *Memory) Token(_ context.Context, hash string) (accounts.Token, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, t := range m.tokens {
		if t.Hash == hash {
			return t, nil
		}
	}
	return accounts.Token{}, accounts.ErrNotFound
}

// Tokens implements accounts.Store.
func (m *Memory) Tokens(context.Context) ([]accounts.Token, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return sorted(m.tokens, func(a, b accounts.Token) int { return strings.Compare(a.Name, b.Name) }), nil
}

// AddToken implements accounts.Store.
func (m *Memory) AddToken(_ context.Context, t accounts.Token) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, other := range m.tokens {
		if other.Name == t.Name || other.Hash == t.Hash {
			return accounts.ErrExists
		}
	}
	t.Domains, t.Profiles = slices.Clone(t.Domains), slices.Clone(t.Profiles)
	m.tokens[t.Name] = t
	return nil
}

// RemoveToken implements accounts.Store.
func (m *Memory) RemoveToken(_ context.Context, name string) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	_, err := found(m.tokens, name)
	delete(m.tokens, name)
	return err
}

// UseToken implements accounts.Store.
func (m *Memory) UseToken(_ context.Context, name string, use accounts.Use) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if t, ok := m.tokens[name]; ok {
		t.LastUse = use
		m.tokens[name] = t
	}
	return nil
}

// Session implements accounts.Store.
func (m *Memory) Session(_ context.Context, id string) (accounts.Session, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.session(id)
}

// session returns a session that has not expired.
func (m *Memory) session(id string) (accounts.Session, error) {
	s, err := found(m.sessions, id)
	if err == nil && !m.now().Before(s.Expires) {
		delete(m.sessions, id)
		return accounts.Session{}, accounts.ErrNotFound
	}
	return s, err
}

// Sessions implements accounts.Store.
func (m *Memory) Sessions(_ context.Context, account string) ([]accounts.Session, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	list := sorted(m.sessions, func(a, b accounts.Session) int { return b.Created.Compare(a.Created) })
	return slices.DeleteFunc(list, func(s accounts.Session) bool {
		return account != "" && s.Account != account || !m.now().Before(s.Expires)
	}), nil
}

// SaveSession implements accounts.Store.
func (m *Memory) SaveSession(_ context.Context, s accounts.Session) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.sessions[s.ID] = s
	return nil
}

// RemoveSession implements accounts.Store.
func (m *Memory) RemoveSession(_ context.Context, id string) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	_, err := m.session(id)
	delete(m.sessions, id)
	return err
}

// UseSession implements accounts.Store.
func (m *Memory) UseSession(_ context.Context, id string, use accounts.Use) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if s, ok := m.sessions[id]; ok {
		s.LastUse = use
		m.sessions[id] = s
	}
	return nil
}

// Remember implements accounts.Store.
func (m *Memory) Remember(_ context.Context, fact string, until time.Time) (bool, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	before, known := m.facts[fact]
	first := !known || !m.now().Before(before)
	if first || until.After(before) {
		m.facts[fact] = until
	}
	return first, nil
}

// Remembered implements accounts.Store.
func (m *Memory) Remembered(_ context.Context, fact string) (bool, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.now().Before(m.facts[fact]), nil
}

// Append implements accounts.Store.
func (m *Memory) Append(_ context.Context, e accounts.Event) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	e.Number = int64(len(m.events)) + 1
	m.events = append(m.events, e)
	return nil
}

// Audit implements accounts.Store.
func (m *Memory) Audit(_ context.Context, q accounts.AuditQuery) ([]accounts.Event, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	var list []accounts.Event
	for _, e := range slices.Backward(m.events) {
		if q.Matches(e) {
			list = append(list, e)
		}
		if q.Limit > 0 && len(list) == q.Limit {
			break
		}
	}
	return list, nil
}

// Health implements accounts.Store.
func (m *Memory) Health(context.Context) error { return nil }
