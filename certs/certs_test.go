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

// 50 names get their certificates while 8 clients wait, and keep them through a restart.
func TestOnDemand(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	httpPort, tlsPort := f.ports()
	ca := startCA(t, httpPort, tlsPort, 90*day)
	dir := t.TempDir()
	c, stop := f.serve(t, ca.config(dir))
	list := names(50)
	serials := handshakes(t, f, ca, list)
	if n := ca.orders.Load(); n != 50 {
		t.Errorf("%d orders for 50 names", n)
	}
	if s := c.Status(); s.Names[Valid] != 50 || s.Waiting != 0 || s.Orders["ok"] != 50 || s.Accounts[0].Orders != 50 {
		t.Errorf("status: %+v", s)
	}
	stop()

	c, _ = f.serve(t, ca.config(dir))
	if again := handshakes(t, f, ca, list); !slices.Equal(serials, again) {
		t.Error("other certificates after a restart")
	}
	if n := ca.orders.Load(); n != 50 {
		t.Errorf("%d orders after a restart", n)
	}
	eventually(t, "not all certificates are known", func() bool { return c.Status().Names[Valid] == 50 })
}

// handshakes asks for names, 8 at a time, and returns the serial numbers of their certificates.
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
					t.Errorf("%s: the key is no P-256 key: %T", names[i], leaf.PublicKey)
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

// 200 names nobody has configured, and none at all, get an alert and reach no CA.
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
		t.Errorf("%d orders, %d looks at the DNS", n, asked)
	}
	if s := c.Status(); s.Waiting != 0 || s.Loaded != 0 || len(s.Names) != 0 {
		t.Errorf("status: %+v", s)
	}
}

// 1,000 names are configured at once. They are ordered in the background, and never more in an hour than the account may; a
// restart in between gives it no more. The storage has no files; those of the other tests have.
func TestQueueKeepsToTheBudget(t *testing.T) {
	t.Parallel()
	const perHour, total = 250, 1000
	f := newFront(t)
	httpPort, tlsPort := f.ports()
	ca := startCA(t, httpPort, tlsPort, 90*day)
	clock := newManualClock()
	config := ca.config("")
	config.Storage = newMemoryStorage()
	config.PerHour, config.Clock, config.Parallel = perHour, clock, 32 // each order waits more than it works
	c, stop := f.serve(t, config)
	c.Want(slices.Values(names(total)))
	placed := func() (n int64) { // by this process
		for result, count := range c.Status().Orders {
			if result != "away" {
				n += count
			}
		}
		return n
	}
	earlier := int64(0) // by the process before
	for hour := int64(1); c.Status().Names[Valid] < total; hour++ {
		eventually(t, "the orders of an hour are not placed", func() bool {
			_, running := c.queue.lengths()
			return running == 0 && (c.cas[0].budget.wait(clock.Now()) > 0 || c.Status().Names[Valid] == total)
		})
		made := ca.orders.Load()
		if made > hour*perHour || made != earlier+placed() {
			t.Fatalf("%d orders in %d hours, %d of them known here", made, hour, earlier+placed())
		}
		if hour == 2 {
			stop()
			earlier = made
			c, stop = f.serve(t, config)
			c.Want(slices.Values(names(total)))
			eventually(t, "the budget is not read", func() bool { return c.cas[0].budget.wait(clock.Now()) > 0 })
		}
		clock.advanceAndWait(t, 59*time.Minute)
		if n := ca.orders.Load(); n != made || c.Status().Names[Valid] < total && c.pace() <= 0 {
			t.Fatalf("%d orders after 59 minutes, want %d; the next in %s", n, made, c.pace())
		}
		clock.advance(time.Minute + time.Second)
	}
	s := c.Status()
	failed := s.Orders["refused"] // on a busy machine, Pebble may give up a validation
	if n := ca.orders.Load(); n != total+failed || s.Names[Valid] != total || len(s.Names) != 1 {
		t.Errorf("%d orders, %d refused; status %+v", n, failed, s)
	}
}

// Short-lived certificates are renewed again and again when their CA wishes it, and no handshake ever fails.
func TestRenewalWhileServing(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	httpPort, tlsPort := f.ports()
	ca := startCA(t, httpPort, tlsPort, time.Minute)
	// By itself Pebble wishes for anything up to the last moment, when a renewal would have to be faster than a busy machine is.
	ca.wish.Store(int64(6 * time.Second))
	f.serve(t, ca.config(t.TempDir()))
	seen := make(map[string]bool)
	failed, asked := 0, 0
	eventually(t, "not renewed twice", func() bool {
		leaf, err := f.handshake("autoconfig.short.test", ca.issuing)
		if asked++; err != nil {
			failed++
			t.Errorf("handshake %d: %v", asked, err)
		} else {
			seen[leaf.SerialNumber.String()] = true
		}
		return len(seen) == 3 || failed > 3
	})
	if n := ca.orders.Load(); n < 3 || n > 4 { // the next may just have been ordered
		t.Errorf("%d orders for 3 certificates", n)
	}
	t.Logf("%d handshakes", asked)
}
