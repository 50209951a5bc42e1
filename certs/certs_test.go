package certs

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"io"
	"log"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	quiet    = log.New(io.Discard, "", 0)
	quietLog = slog.New(slog.DiscardHandler)
)

const day = 24 * time.Hour

// 50 names get their certificates while 8 clients wait, and keep them across a restart.
func TestOnDemand(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	httpPort, tlsPort := f.ports()
	ca := startCA(t, httpPort, tlsPort, 90*day)
	dir := t.TempDir()
	c, stop := f.serve(t, ca.config(dir))
	list := names(50)
	serials := handshakes(t, f, ca, list)
	eventually(t, "the orders do not end", func() bool { return c.Status().Waiting == 0 })
	s := c.Status()
	placed := 50 + s.Orders["refused"] // see testCA
	if n := ca.orders.Load(); n != placed || s.Names[Valid] != 50 || s.Orders["ok"] != 50 || int64(s.Accounts[0].Orders) != placed {
		t.Errorf("%d orders for 50 names, status: %+v", n, s)
	}
	stop()

	c, _ = f.serve(t, ca.config(dir))
	if again := handshakes(t, f, ca, list); !slices.Equal(serials, again) {
		t.Error("other certificates after a restart")
	}
	if n := ca.orders.Load(); n != placed {
		t.Errorf("%d orders after a restart, %d before", n, placed)
	}
	eventually(t, "not all certificates are known", func() bool { return c.Status().Names[Valid] == 50 })
}

// handshakes connects to names, 8 at a time, and returns the serial numbers of their certificates.
func handshakes(t *testing.T, f *front, ca *testCA, names []string) []string {
	t.Helper()
	serials := make([]string, len(names))
	var waits []time.Duration
	var mu sync.Mutex
	var clients sync.WaitGroup
	todo := make(chan int)
	for range 8 {
		clients.Go(func() {
			for i := range todo {
				begun := time.Now()
				leaf, err := f.handshake(names[i], ca.issuing)
				if err != nil {
					t.Errorf("%s: %v", names[i], err)
					continue
				}
				if key, ok := leaf.PublicKey.(*ecdsa.PublicKey); !ok || key.Curve != elliptic.P256() {
					t.Errorf("%s: the key is a %T, not for P-256", names[i], leaf.PublicKey)
				}
				mu.Lock()
				serials[i] = leaf.SerialNumber.String()
				waits = append(waits, time.Since(begun))
				mu.Unlock()
			}
		})
	}
	for i := range names {
		todo <- i
	}
	close(todo)
	clients.Wait()
	if len(waits) > 0 {
		slices.Sort(waits)
		t.Logf("%d handshakes: half within %s, all within %s", len(waits), waits[len(waits)/2], waits[len(waits)-1])
	}
	return serials
}

// 200 names that are not configured, and no name at all, get an alert and reach no CA.
func TestUnknownNames(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	httpPort, tlsPort := f.ports()
	ca := startCA(t, httpPort, tlsPort, 90*day)
	asked := 0
	config := ca.config(t.TempDir())
	config.PointsHere = func(_ context.Context, name string) error { asked++; return nil }
	c, _ := f.serve(t, config)
	for _, name := range append(names(200), "") {
		_, err := f.handshake(strings.TrimSuffix(name, ".test")+".example", ca.issuing)
		if err == nil || !strings.Contains(err.Error(), "unrecognized name") { // crypto/tls has no other way to tell alerts apart
			t.Fatalf("%s: %v", name, err)
		}
	}
	if n := ca.orders.Load(); n != 0 || asked != 0 {
		t.Errorf("%d orders, %d DNS look-ups", n, asked)
	}
	if s := c.Status(); s.Waiting != 0 || s.Loaded != 0 || len(s.Names) != 0 {
		t.Errorf("status: %+v", s)
	}
}
