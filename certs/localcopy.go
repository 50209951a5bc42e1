package certs

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"strings"
	"sync/atomic"
	"time"

	"github.com/caddyserver/certmagic"
)

// localCopy is a storage that several processes share, with a copy of the certificates that this one has read or written, in a directory of its own.
// While the shared storage does not answer, they are read from there, also by a process that has just started; nothing is written then, and
// nothing is ordered.
type localCopy struct {
	certmagic.Storage
	local  *certmagic.FileStorage
	failed *atomic.Int64 // when the shared storage last did not answer, in nanoseconds; so that not each handshake waits for that
}

func newLocalCopy(shared certmagic.Storage, dir string) localCopy {
	return localCopy{shared, &certmagic.FileStorage{Path: dir}, new(atomic.Int64)}
}

const (
	// copyAfter is how long the shared storage has for an answer of which there is a copy.
	copyAfter = time.Second
	// copyFor is how long the copy is used without asking the shared storage, after that has not answered.
	copyFor = 2 * time.Second
)

// isCopied reports whether a key is one of those of which there is a copy: not the locks, the challenges and the count of orders, of which only the
// present state is of use, nor the accounts.
func isCopied(key string) bool { return strings.HasPrefix(key, certificatesPrefix+"/") }

// Load reads from the shared storage, and keeps the copy up to date.
func (s localCopy) Load(ctx context.Context, key string) ([]byte, error) {
	if !isCopied(key) {
		return s.Storage.Load(ctx, key)
	}
	copied, missing := s.local.Load(ctx, key)
	if missing != nil {
		value, err := s.Storage.Load(ctx, key)
		if err == nil {
			s.local.Store(ctx, key, value) // without a copy it is missing only while the storage is away
		}
		return value, err
	}
	if time.Since(time.Unix(0, s.failed.Load())).Abs() < copyFor {
		return copied, nil
	}
	short, cancel := context.WithTimeout(ctx, copyAfter)
	defer cancel()
	value, err := s.Storage.Load(short, key)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.local.Delete(ctx, key)
	case err == nil:
		if !bytes.Equal(copied, value) {
			s.local.Store(ctx, key, value)
		}
	case ctx.Err() == nil:
		s.failed.Store(time.Now().UnixNano())
		return copied, nil
	}
	return value, err
}

// Store writes to the shared storage, and then to the copy.
func (s localCopy) Store(ctx context.Context, key string, value []byte) error {
	err := s.Storage.Store(ctx, key, value)
	if err == nil && isCopied(key) {
		s.local.Store(ctx, key, value) // as in Load
	}
	return err
}

// Delete deletes from the shared storage, and then from the copy.
func (s localCopy) Delete(ctx context.Context, key string) error {
	err := s.Storage.Delete(ctx, key)
	if err == nil && isCopied(key) {
		s.local.Delete(ctx, key)
	}
	return err
}

// List lists the shared storage or, while that does not answer, the copy.
func (s localCopy) List(ctx context.Context, prefix string, recursive bool) ([]string, error) {
	keys, err := s.Storage.List(ctx, prefix, recursive)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && ctx.Err() == nil && isCopied(prefix+"/") {
		if copied, e := s.local.List(ctx, prefix, recursive); e == nil {
			return copied, nil
		}
	}
	return keys, err
}
