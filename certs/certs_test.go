package certs

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
	"io"
	"io/fs"
	"log"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"
)

var (
	quiet    = log.New(io.Discard, "", 0)
	quietLog = slog.New(slog.DiscardHandler)
)

const day = 24 * time.Hour

// 50 names get their certificates while 8 clients wait, and keep them through a restart.
func TestOnDemand(t *testing.T) {
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
	eventually(t, "not all certificates are known", 10*time.Second, func() bool { return c.Status().Names[Valid] == 50 })
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
// restart in between gives it no more.
func TestQueueKeepsToTheBudget(t *testing.T) {
	f := newFront(t)
	httpPort, tlsPort := f.ports()
	ca := startCA(t, httpPort, tlsPort, 90*day)
	clock := &manualClock{now: time.Now()}
	config := ca.config(t.TempDir())
	config.PerHour, config.Clock, config.Parallel = 250, clock, 32 // each order waits more than it works
	c, stop := f.serve(t, config)
	c.Want(slices.Values(names(1000)))
	for hour := range 4 {
		want := int64(hour+1) * 250
		eventually(t, "the orders of an hour are not made", 3*time.Minute, func() bool {
			if n := ca.orders.Load(); n > want {
				t.Fatalf("%d orders in hour %d", n, hour)
			}
			return c.Status().Names[Valid] == int(want)
		})
		if hour == 1 {
			stop()
			c, stop = f.serve(t, config)
			c.Want(slices.Values(names(1000)))
		}
		clock.advance(59 * time.Minute)
		time.Sleep(200 * time.Millisecond) // a wrong order would come now
		if n := ca.orders.Load(); n != want {
			t.Fatalf("%d orders after 59 minutes, want %d", n, want)
		}
		clock.advance(time.Minute + time.Second)
	}
	s := c.Status()
	if n := ca.orders.Load(); n != 1000 || s.Names[Valid] != 1000 || len(s.Names) != 1 {
		t.Errorf("%d orders; status %+v", n, s)
	}
}

// A certificate of some seconds is renewed again and again, and no handshake ever fails.
func TestRenewalWhileServing(t *testing.T) {
	f := newFront(t)
	httpPort, tlsPort := f.ports()
	ca := startCA(t, httpPort, tlsPort, 20*time.Second)
	f.serve(t, ca.config(t.TempDir()))
	seen := make(map[string]bool)
	failed, asked := 0, 0
	eventually(t, "not renewed twice", 90*time.Second, func() bool {
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

// While the CA is away, certificates go on being served, and plain HTTP; the status says so. When it is back, orders go on.
func TestCAAway(t *testing.T) {
	f := newFront(t)
	httpPort, tlsPort := f.ports()
	ca := startCA(t, httpPort, tlsPort, 90*day)
	config := ca.config(t.TempDir())
	config.Wait = 5 * time.Second
	c, _ := f.serve(t, config)
	if _, err := f.handshake("autoconfig.old.test", ca.issuing); err != nil {
		t.Fatal(err)
	}
	ca.gone.Store(true)
	if _, err := f.handshake("autoconfig.new.test", ca.issuing); err == nil {
		t.Error("a certificate from nowhere")
	}
	if _, err := f.handshake("autoconfig.old.test", ca.issuing); err != nil {
		t.Errorf("the old certificate: %v", err)
	}
	if res, err := http.Get("http://" + f.http.Addr().String()); err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("plain HTTP: %v", err)
	} else {
		res.Body.Close()
	}
	eventually(t, "the status does not say that the CA is away", 20*time.Second, func() bool {
		s := c.Status()
		return s.Accounts[0].Fault != "" && s.Waiting == 1 && s.Orders["away"] > 0
	})
	if s := c.Status(); len(s.Names) != 1 || s.Accounts[0].Orders != 1 {
		t.Errorf("an outage is no fault of a name, and costs no orders: %+v", s)
	}
	ca.gone.Store(false)
	back := time.Now()
	eventually(t, "orders do not go on", 30*time.Second, func() bool { return c.Status().Names[Valid] == 2 })
	t.Logf("orders went on %s after the CA was back", time.Since(back).Round(time.Millisecond))
	if s := c.Status(); s.Accounts[0].Fault != "" {
		t.Errorf("still away: %+v", s)
	}
}

// A CA that wants fewer orders gets none until the time it has named, and other names are not blamed for it.
func TestCALimits(t *testing.T) {
	f := newFront(t)
	httpPort, tlsPort := f.ports()
	ca := startCA(t, httpPort, tlsPort, 90*day)
	clock := &manualClock{now: time.Now()}
	config := ca.config(t.TempDir())
	config.Clock, config.Wait = clock, time.Second
	c, stop := f.serve(t, config)
	ca.refuse.Store(&refusal{429, "rateLimited", "too many new orders (300) from this account in the last 3h0m0s", "7200"})
	if _, err := f.handshake("autoconfig.a.test", ca.issuing); err == nil {
		t.Fatal("a certificate in spite of all")
	}
	eventually(t, "the status does not say that the CA refuses", 20*time.Second, func() bool { return c.Status().Accounts[0].Fault != "" })
	ca.refuse.Store(nil)
	if wait := c.Status().Accounts[0].Until.Sub(clock.Now()); wait != 2*time.Hour {
		t.Errorf("waits %s, not the 2h the CA wants", wait)
	}
	clock.advance(2*time.Hour - time.Second)
	time.Sleep(500 * time.Millisecond)
	if n := ca.orders.Load(); n != 0 {
		t.Errorf("%d orders too early", n)
	}
	clock.advance(2 * time.Second)
	eventually(t, "no order after the CA's time", 20*time.Second, func() bool { return c.Status().Names[Valid] == 1 })

	// A limit of one name holds up that name only, also through a restart.
	ca.refuse.Store(&refusal{429, "rateLimited", "too many failed authorizations (5) for \"autoconfig.b.test\"\x1b[31m in the last 1h", "3600"})
	if _, err := f.handshake("autoconfig.b.test", ca.issuing); err == nil {
		t.Fatal("a certificate in spite of all")
	}
	eventually(t, "the failure is not noted", 20*time.Second, func() bool { return c.Status().Names[Missing] == 1 })
	ca.refuse.Store(nil)
	stop()
	c, _ = f.serve(t, config)
	if _, err := f.handshake("autoconfig.b.test", ca.issuing); err == nil || ca.orders.Load() != 1 {
		t.Errorf("ordered again too early: %v, %d orders", err, ca.orders.Load())
	}
	if _, err := f.handshake("autoconfig.c.test", ca.issuing); err != nil {
		t.Errorf("another name: %v", err)
	}
	list, _, err := c.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b := list[slices.IndexFunc(list, func(c Certificate) bool { return c.Name == "autoconfig.b.test" })]
	if wait := b.Failure.Next.Sub(clock.Now()); b.State != Missing || wait < time.Hour || wait > 2*time.Hour || strings.Contains(b.Failure.Error, "\x1b") {
		t.Errorf("the failure: %+v, %s", b, wait)
	}
}

// When the first CA declines, the second is asked, and a renewal goes to the first again.
func TestSecondCA(t *testing.T) {
	f := newFront(t)
	httpPort, tlsPort := f.ports()
	first, second := startCA(t, httpPort, tlsPort, 90*day), startCA(t, httpPort, tlsPort, 90*day)
	first.roots.AddCert(second.root)
	config := first.config(t.TempDir())
	config.CAs = append(config.CAs, second.directory)
	c, _ := f.serve(t, config)
	for i, refuse := range []refusal{
		{403, "rejectedIdentifier", "not this one", ""},
		{429, "rateLimited", "too many new orders", "60"},
	} {
		name := names(2)[i]
		first.refuse.Store(&refuse)
		if _, err := f.handshake(name, second.issuing); err != nil {
			t.Errorf("%s: %v", refuse.kind, err)
		}
	}
	if a, b := first.orders.Load(), second.orders.Load(); a != 0 || b != 2 {
		t.Errorf("%d orders at the first, %d at the second", a, b)
	}
	if s := c.Status(); s.Names[Valid] != 2 || s.Names[Missing] != 0 {
		t.Errorf("status: %+v", s)
	}
}

// A name whose DNS leads elsewhere is not ordered until it leads here.
func TestDNSElsewhere(t *testing.T) {
	f := newFront(t)
	httpPort, tlsPort := f.ports()
	ca := startCA(t, httpPort, tlsPort, 90*day)
	clock := &manualClock{now: time.Now()}
	var here atomic.Bool
	config := ca.config(t.TempDir())
	config.Clock = clock
	config.PointsHere = func(context.Context, string) error {
		if here.Load() {
			return nil
		}
		return errors.New("its address is 192.0.2.1")
	}
	c, _ := f.serve(t, config)
	c.Want(slices.Values(names(1)))
	eventually(t, "nothing is noted", 10*time.Second, func() bool { return c.Status().Names[Missing] == 1 })
	for range 10 {
		if _, err := f.handshake(names(1)[0], ca.issuing); err == nil {
			t.Fatal("a certificate from nowhere")
		}
	}
	here.Store(true)
	clock.advance(betweenLooks + time.Minute)
	eventually(t, "not ordered when the DNS is right", 20*time.Second, func() bool { return c.Status().Names[Valid] == 1 })
	if n := ca.orders.Load(); n != 1 {
		t.Errorf("%d orders", n)
	}
}

// Keys are readable by nobody else, under a loose umask too, and what is loose is mended.
func TestPermissions(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	f := newFront(t)
	httpPort, tlsPort := f.ports()
	ca := startCA(t, httpPort, tlsPort, 90*day)
	dir := filepath.Join(t.TempDir(), "state", "acme")
	_, stop := f.serve(t, ca.config(dir))
	leaf, err := f.handshake("autoconfig.a.test", ca.issuing)
	if err != nil {
		t.Fatal(err)
	}
	stop()
	files := checkPermissions(t, dir)
	for _, file := range files {
		if err := os.Chmod(file, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	_, stop = f.serve(t, ca.config(dir))
	again, err := f.handshake("autoconfig.a.test", ca.issuing)
	if err != nil || again.SerialNumber.Cmp(leaf.SerialNumber) != 0 {
		t.Errorf("another certificate after mending: %v", err)
	}
	stop()
	checkPermissions(t, dir)
}

// checkPermissions returns everything in dir.
func checkPermissions(t *testing.T, dir string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 && filepath.Base(filepath.Dir(name)) != "locks" {
			t.Errorf("%s has the mode %s", name, info.Mode())
		}
		files = append(files, name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 8 { // key, certificate, data, account and its key, orders, and their directories
		t.Errorf("only %d files and directories: %s", len(files), files)
	}
	return files
}

// Get and Remove work from a process beside the one that serves, which notices; and damaged files are ordered anew.
func TestGetRemoveDamaged(t *testing.T) {
	f := newFront(t)
	httpPort, tlsPort := f.ports()
	ca := startCA(t, httpPort, tlsPort, 90*day)
	config := ca.config(t.TempDir())
	clock := &manualClock{now: time.Now()}
	config.Clock = clock
	serving, _ := f.serve(t, config)
	beside, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	defer beside.Close()
	beside.ListensOn(httpPort, tlsPort)
	const name = "autodiscover.a.test"
	for range 2 { // the second time there is one
		if err := beside.Get(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	first, err := f.handshake(name, ca.issuing)
	if n := ca.orders.Load(); err != nil || n != 1 {
		t.Fatalf("%v after %d orders", err, n)
	}
	if err := beside.Remove(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	clock.advance(betweenScans + time.Second)
	eventually(t, "a removed certificate is still known", 20*time.Second, func() bool { return serving.Status().Loaded == 0 })
	second, err := f.handshake(name, ca.issuing)
	if err != nil || second.SerialNumber.Cmp(first.SerialNumber) == 0 {
		t.Errorf("after removing: %v, the same certificate", err)
	}
	s, err := serving.read(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	key := certmagic.StorageKeys.SitePrivateKey(s.issuer, name)
	if err := serving.storage.Store(t.Context(), key, []byte("damaged")); err != nil {
		t.Fatal(err)
	}
	serving.forget(name) // as after a restart
	if _, err := f.handshake(name, ca.issuing); err != nil {
		t.Errorf("after damage: %v", err)
	}
	if n := ca.orders.Load(); n != 3 {
		t.Errorf("%d orders, want 3", n)
	}
}
