package certs

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/certmagic"
)

// away is a storage that can be away, and that has locks with leases.
type away struct {
	certmagic.Storage
	gone    atomic.Bool
	renewed atomic.Int64
}

var errAway = errors.New("the database does not answer")

func (a *away) err() error {
	if a.gone.Load() {
		return errAway
	}
	return nil
}

func (a *away) Load(ctx context.Context, key string) ([]byte, error) {
	if err := a.err(); err != nil {
		return nil, err
	}
	return a.Storage.Load(ctx, key)
}

func (a *away) Store(ctx context.Context, key string, value []byte) error {
	if err := a.err(); err != nil {
		return err
	}
	return a.Storage.Store(ctx, key, value)
}

func (a *away) List(ctx context.Context, prefix string, recursive bool) ([]string, error) {
	if err := a.err(); err != nil {
		return nil, err
	}
	return a.Storage.List(ctx, prefix, recursive)
}

func (a *away) RenewLockLease(context.Context, string, time.Duration) error {
	a.renewed.Add(1)
	return a.err()
}

// While a shared storage is away, certificates are read from the copy, also by a process that has just started. Nothing else is.
func TestLocalCopy(t *testing.T) {
	shared, dir, ctx := &away{Storage: newMemoryStorage()}, t.TempDir(), t.Context()
	open := func() localCopy { return newLocalCopy(shared, dir) }
	cert, other, account := "certificates/ca/a.test/a.test.crt", "certificates/ca/b.test/b.test.crt", "acme/ca/users/default/default.key"
	for _, key := range []string{cert, account} {
		if err := open().Store(ctx, key, []byte(key)); err != nil {
			t.Fatal(err)
		}
	}
	if err := shared.Store(ctx, other, []byte("by another process")); err != nil {
		t.Fatal(err)
	}
	if _, err := open().Load(ctx, other); err != nil {
		t.Fatal(err)
	}
	shared.gone.Store(true)
	for key, want := range map[string]string{cert: cert, other: "by another process"} {
		if value, err := open().Load(ctx, key); err != nil || string(value) != want {
			t.Errorf("%s while the storage is away: %q, %v", key, value, err)
		}
	}
	keys, err := open().List(ctx, "certificates/ca", false)
	slices.Sort(keys)
	if err != nil || !slices.Equal(keys, []string{"certificates/ca/a.test", "certificates/ca/b.test"}) {
		t.Errorf("the list while the storage is away: %q, %v", keys, err)
	}
	if _, err := open().Load(ctx, account); !errors.Is(err, errAway) {
		t.Errorf("an account while the storage is away: %v, want its error", err)
	}
	if err := open().Store(ctx, cert, nil); !errors.Is(err, errAway) {
		t.Errorf("writing while the storage is away: %v, want its error", err)
	}
	shared.gone.Store(false)
	if err := shared.Delete(ctx, cert); err != nil {
		t.Fatal(err)
	}
	if _, err := open().Load(ctx, cert); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a certificate that another process has deleted: %v, want ErrNotExist", err)
	}
	shared.gone.Store(true)
	if _, err := open().Load(ctx, cert); !errors.Is(err, errAway) {
		t.Errorf("the copy of a certificate that is deleted: %v, want none", err)
	}
}

// The lock of an order is renewed as long as the order takes, and no longer.
func TestRenewLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := &away{}
		c := &Certificates{config: Config{Storage: shared}, log: quietLog}
		stop := c.renewLease(t.Context(), "name")
		time.Sleep(leaseTime)
		if n := shared.renewed.Load(); n < 3 {
			t.Errorf("renewed %d times within a lease", n)
		}
		shared.gone.Store(true)
		time.Sleep(leaseTime)
		stop()
		before := shared.renewed.Load()
		time.Sleep(leaseTime)
		if n := shared.renewed.Load(); before < 6 || n != before {
			t.Errorf("renewed %d times until the end, and %d times after it", before, n-before)
		}
	})
}
