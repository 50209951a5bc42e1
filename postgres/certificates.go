package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Certificates is a storage for certificates, accounts at CAs, challenges and the count of orders, which all replicas share. Keys are paths, as in
// files: "a/b" is in the directory "a".
//
// A lock is a row with an end, by the clock of the database. Who holds it for longer than that must renew it (RenewLockLease); package certs does. The
// locks of a process that has been killed end by themselves.
type Certificates struct {
	s     *Store
	mutex sync.Mutex
	held  map[string]uuid.UUID // by name of the lock: that it is held by this process
}

var (
	_ certmagic.Storage          = (*Certificates)(nil)
	_ certmagic.TryLocker        = (*Certificates)(nil)
	_ certmagic.LockLeaseRenewer = (*Certificates)(nil)
)

// Certificates returns the storage for certificates in the database.
func (s *Store) Certificates() *Certificates {
	return &Certificates{s: s, held: make(map[string]uuid.UUID)}
}

const (
	// lockLease is how long a lock is held that nobody renews.
	lockLease = time.Minute
	// lockPause is about how long a process waits before it tries again to take a lock.
	lockPause = 200 * time.Millisecond
)

// Store implements certmagic.Storage.
func (c *Certificates) Store(ctx context.Context, key string, value []byte) error {
	if value == nil {
		value = []byte{}
	}
	_, err := c.s.pool.Exec(ctx, `INSERT INTO mailhint.acme_values (key, value) VALUES ($1, $2)
		ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value, modified = now()`, clean(key), value)
	return err
}

// clean returns a key without slashes at its ends.
func clean(key string) string { return strings.Trim(key, "/") }

// Load implements certmagic.Storage.
func (c *Certificates) Load(ctx context.Context, key string) (value []byte, err error) {
	err = c.s.pool.QueryRow(ctx, "SELECT value FROM mailhint.acme_values WHERE key = $1", clean(key)).Scan(&value)
	return value, notExist(key, err)
}

// notExist returns an error about a key that is not there as packages with files have it.
func notExist(key string, err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("%s: %w", key, fs.ErrNotExist)
	}
	return err
}

// inside is the condition that a key is in the directory $1, which ends with a slash unless it is the whole.
const inside = "key >= $1 AND ($1 = '' OR key < rtrim($1, '/') || '0')" // 0 follows on / in ASCII

func directory(key string) string {
	if key = clean(key); key != "" {
		key += "/"
	}
	return key
}

// Delete implements certmagic.Storage.
func (c *Certificates) Delete(ctx context.Context, key string) error {
	if clean(key) == "" {
		return errors.New("the whole storage cannot be deleted")
	}
	_, err := c.s.pool.Exec(ctx, "DELETE FROM mailhint.acme_values WHERE key = $2 OR "+inside, directory(key), clean(key))
	return err
}

// Exists implements certmagic.Storage.
func (c *Certificates) Exists(ctx context.Context, key string) bool {
	_, err := c.Stat(ctx, key)
	return err == nil
}

// List implements certmagic.Storage. The error is fs.ErrNotExist if there is nothing.
func (c *Certificates) List(ctx context.Context, key string, recursive bool) ([]string, error) {
	sql := "SELECT DISTINCT $1 || split_part(substr(key, length($1) + 1), '/', 1) FROM mailhint.acme_values WHERE " + inside
	if recursive {
		sql = "SELECT key FROM mailhint.acme_values WHERE " + inside
	}
	rows, err := c.s.pool.Query(ctx, sql, directory(key))
	if err != nil {
		return nil, err
	}
	keys, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err == nil && len(keys) == 0 {
		return nil, fmt.Errorf("%s: %w", key, fs.ErrNotExist)
	}
	return keys, err
}

// Stat implements certmagic.Storage.
func (c *Certificates) Stat(ctx context.Context, key string) (certmagic.KeyInfo, error) {
	info := certmagic.KeyInfo{Key: key}
	err := c.s.pool.QueryRow(ctx, "SELECT modified, length(value), true FROM mailhint.acme_values WHERE key = $2 UNION ALL (SELECT modified, 0, false FROM mailhint.acme_values WHERE "+inside+" LIMIT 1) LIMIT 1",
		directory(key), clean(key)).Scan(&info.Modified, &info.Size, &info.IsTerminal)
	return info, notExist(key, err)
}

// Lock implements certmagic.Storage.
func (c *Certificates) Lock(ctx context.Context, name string) error {
	for {
		if locked, err := c.TryLock(ctx, name); locked || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lockPause/2 + rand.N(lockPause)):
		}
	}
}

// TryLock implements certmagic.TryLocker.
func (c *Certificates) TryLock(ctx context.Context, name string) (bool, error) {
	holder := uuid.New()
	tag, err := c.s.pool.Exec(ctx, `INSERT INTO mailhint.acme_locks AS l (name, holder, expires) VALUES ($1, $2, now() + $3::interval)
		ON CONFLICT (name) DO UPDATE SET holder = EXCLUDED.holder, expires = EXCLUDED.expires WHERE l.expires < now()`, name, holder.String(), lockLease)
	if err != nil || tag.RowsAffected() == 0 {
		return false, err
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.held[name] = holder
	return true, nil
}

// ErrLockLost means that a lock was not renewed in time, so that another process may have taken it.
var ErrLockLost = errors.New("the lock has been lost, because it was not renewed in time")

// RenewLockLease implements certmagic.LockLeaseRenewer. The error is ErrLockLost if the lock has ended.
func (c *Certificates) RenewLockLease(ctx context.Context, name string, lease time.Duration) error {
	c.mutex.Lock()
	holder, held := c.held[name]
	c.mutex.Unlock()
	if !held {
		return fmt.Errorf("%s: %w", name, ErrLockLost)
	}
	tag, err := c.s.pool.Exec(ctx, "UPDATE mailhint.acme_locks SET expires = now() + $3::interval WHERE name = $1 AND holder = $2", name, holder.String(), max(lease, lockLease))
	if err == nil && tag.RowsAffected() == 0 {
		return fmt.Errorf("%s: %w", name, ErrLockLost)
	}
	return err
}

// Unlock implements certmagic.Storage. A lock that another process has taken meanwhile stays.
func (c *Certificates) Unlock(ctx context.Context, name string) error {
	c.mutex.Lock()
	holder := c.held[name]
	delete(c.held, name)
	c.mutex.Unlock()
	_, err := c.s.pool.Exec(ctx, "DELETE FROM mailhint.acme_locks WHERE name = $1 AND holder = $2", name, holder.String())
	return err
}
