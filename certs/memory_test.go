package certs

import (
	"bytes"
	"context"
	"io/fs"
	"maps"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
)

// memoryStorage is a storage without files, as a database that processes share would be one.
type memoryStorage struct {
	mu     sync.Mutex
	values map[string][]byte
	locks  map[string]chan struct{} // closed when it is given back
}

func newMemoryStorage() *memoryStorage {
	return &memoryStorage{values: make(map[string][]byte), locks: make(map[string]chan struct{})}
}

func (m *memoryStorage) Lock(ctx context.Context, name string) error {
	for {
		m.mu.Lock()
		held := m.locks[name]
		if held == nil {
			m.locks[name] = make(chan struct{})
			m.mu.Unlock()
			return nil
		}
		m.mu.Unlock()
		select {
		case <-held:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (m *memoryStorage) Unlock(_ context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.locks[name] == nil {
		return fs.ErrNotExist
	}
	close(m.locks[name])
	delete(m.locks, name)
	return nil
}

func (m *memoryStorage) Store(_ context.Context, key string, value []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.values[key] = bytes.Clone(value)
	return nil
}

func (m *memoryStorage) Load(_ context.Context, key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	value, ok := m.values[key]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return bytes.Clone(value), nil
}

func (m *memoryStorage) Delete(_ context.Context, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.values[key]; ok {
		delete(m.values, key)
		return nil
	}
	maps.DeleteFunc(m.values, func(other string, _ []byte) bool { return strings.HasPrefix(other, key+"/") })
	return nil
}

func (m *memoryStorage) Exists(ctx context.Context, key string) bool {
	_, err := m.Stat(ctx, key)
	return err == nil
}

func (m *memoryStorage) List(_ context.Context, prefix string, recursive bool) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	seen := make(map[string]bool)
	var keys []string
	for key := range m.values {
		rest, ok := strings.CutPrefix(key, prefix+"/")
		if first, _, _ := strings.Cut(rest, "/"); !recursive {
			rest = first
		}
		if ok && !seen[rest] {
			seen[rest] = true
			keys = append(keys, path.Join(prefix, rest))
		}
	}
	if keys == nil {
		return nil, fs.ErrNotExist
	}
	return keys, nil
}

func (m *memoryStorage) Stat(_ context.Context, key string) (certmagic.KeyInfo, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	value, ok := m.values[key]
	for other := range m.values {
		if ok || strings.HasPrefix(other, key+"/") {
			return certmagic.KeyInfo{Key: key, Modified: time.Now(), Size: int64(len(value)), IsTerminal: ok}, nil
		}
	}
	return certmagic.KeyInfo{}, fs.ErrNotExist
}
