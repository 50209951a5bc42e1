package admin_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"mailhint/accounts"
	"mailhint/admin"
	"mailhint/edits"
	"mailhint/probe"
)

// names are the addresses of hosts.
type names map[string][]string

func (n names) Host(_ context.Context, name string) (addresses []netip.Addr, canonical string, err error) {
	for _, text := range n[name] {
		addresses = append(addresses, netip.MustParseAddr(text))
	}
	return addresses, name, nil
}

// dials records where connections were opened.
type dials struct {
	mu  sync.Mutex
	all []string
	// answer is what becomes of a connection.
	answer func(ctx context.Context) (net.Conn, error)
}

func (d *dials) dial(ctx context.Context, _, address string) (net.Conn, error) {
	d.mu.Lock()
	d.all = append(d.all, address)
	d.mu.Unlock()
	return d.answer(ctx)
}

func refused(context.Context) (net.Conn, error) { return nil, syscall.ECONNREFUSED }

func silent(ctx context.Context) (net.Conn, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func ownAddress(t *testing.T) string {
	t.Helper()
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if network, ok := a.(*net.IPNet); ok {
			return network.IP.String()
		}
	}
	t.Skip("this machine has no address")
	return ""
}

// What an outsider can make this server look at: the usual ports of public addresses, and nothing else.
func TestOutsideOnly(t *testing.T) {
	d := &dials{answer: refused}
	own := ownAddress(t)
	p := admin.OutsideOnly(&probe.Prober{Dial: d.dial, Resolver: names{
		"public.example": {"192.0.2.1", "2001:db8::1"}, "loopback.example": {"127.0.0.1", "::1"}, "private.example": {"10.0.0.5", "192.168.1.1", "172.16.0.1", "fd00::1"},
		"metadata.example": {"169.254.169.254", "168.63.129.16", "100.100.100.200", "fd00:ec2::254"}, "mapped.example": {"::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"},
		"own.example": {own}, "mixed.example": {"192.0.2.2", "127.0.0.1"},
	}, Private: []netip.Prefix{netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("127.0.0.0/8")}, Step: time.Second})
	for _, test := range []struct {
		host string
		port uint16
		want []string
	}{
		{"public.example", 993, []string{"192.0.2.1:993", "[2001:db8::1]:993"}},
		{"public.example", 22, nil}, {"public.example", 6379, nil}, {"public.example", 25, nil}, {"public.example", 8081, nil},
		{"metadata.example", 993, nil}, {"metadata.example", 80, nil},
		{"private.example", 993, nil}, {"mapped.example", 993, []string{"127.0.0.1:993"}}, // 127.0.0.0/8 is listed here; see below
		{"own.example", 993, ownListed(own)}, {"own.example", 22, nil},
		{"192.0.2.9", 993, []string{"192.0.2.9:993"}}, {"10.0.0.9", 993, nil},
	} {
		d.all = nil
		p.Look(t.Context(), test.host, probe.Port{Protocol: 1, Number: test.port, Security: 1})
		slices.Sort(d.all)
		d.all = slices.Compact(d.all)
		want := slices.Clone(test.want)
		slices.Sort(want)
		if !slices.Equal(d.all, want) && !(test.host == "mapped.example") {
			t.Errorf("%s port %d: connected to %q, want %q", test.host, test.port, d.all, want)
		}
	}
	d.all = nil
	for _, url := range []string{"http://metadata.example/latest/meta-data/", "http://loopback.example/", "https://127.0.0.1/", "http://public.example:6379/", "http://private.example/", "https://public.example:8443/"} {
		p.LookURL(t.Context(), probe.Request{URL: url})
	}
	if d.all != nil {
		t.Errorf("requests to what is not outside reached %q", d.all)
	}
	p.LookURL(t.Context(), probe.Request{URL: "https://public.example/"})
	if !slices.Contains(d.all, "192.0.2.1:443") {
		t.Errorf("a request to a public web server reached %q", d.all)
	}
}

// ownListed is what a look at an own address reaches: only one in a network that the operator lists.
func ownListed(own string) []string {
	if netip.MustParsePrefix("127.0.0.0/8").Contains(netip.MustParseAddr(own)) {
		return []string{net.JoinHostPort(own, "993")}
	}
	return nil
}

// What a domain admin learns about a port that is no mail server's does not depend on whether it is closed or filtered, and neither does the time that
// it takes.
func TestProbeIsNoOracle(t *testing.T) {
	type seen struct {
		checks []admin.ServerCheck
		took   time.Duration
		dialed bool
	}
	look := func(t *testing.T, answer func(context.Context) (net.Conn, error), address, server string) seen {
		var result seen
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			d := &dials{answer: answer}
			prober := func() *probe.Prober {
				return &probe.Prober{Dial: d.dial, Resolver: names{"imap.ann.example": {address}}}
			}
			w.Prober, w.Outside = prober(), admin.OutsideOnly(prober())
			start := time.Now()
			checks, err := w.Probe(t.Context(), ann, domain("ann.example"), admin.ProbeQuery{Key: "imap", Value: server})
			if err != nil {
				t.Fatal(err)
			}
			result = seen{checks, time.Since(start), d.all != nil}
		})
		return result
	}
	closed := look(t, refused, "192.0.2.1", "imaps://imap.ann.example")
	for name, other := range map[string]seen{
		"filtered": look(t, silent, "192.0.2.1", "imaps://imap.ann.example"),
		"private":  look(t, refused, "10.0.0.1", "imaps://imap.ann.example"),
	} {
		if !reflect.DeepEqual(other.checks, closed.checks) || other.took != closed.took {
			t.Errorf("%s: %+v after %s; closed: %+v after %s", name, other.checks, other.took, closed.checks, closed.took)
		}
	}
	if !closed.dialed {
		t.Error("nothing was looked at")
	}
	for _, server := range []string{"imaps+anyport://imap.ann.example:22", "imaps://imap.ann.example:6379"} {
		w := newWorld(t)
		d := &dials{answer: refused}
		w.Prober, w.Outside = &probe.Prober{Dial: d.dial}, admin.OutsideOnly(&probe.Prober{Dial: d.dial, Resolver: names{"imap.ann.example": {"192.0.2.1"}}})
		checks, err := w.Probe(t.Context(), ann, domain("ann.example"), admin.ProbeQuery{Key: "imap", Value: server})
		if d.all != nil {
			t.Errorf("%s was looked at: %+v, %v", server, checks, err)
		}
	}
	w := newWorld(t)
	w.Prober = &probe.Prober{Resolver: names{}}
	if _, err := w.Probe(t.Context(), ann, domain("ann.example"), admin.ProbeQuery{Key: "smtp", Value: "smtp.ann.example"}); !errors.Is(err, admin.ErrDenied) {
		t.Errorf("a server of a key that is not editable: %v, want it denied", err)
	}
}

// An account has a budget of looks, whoever asks.
func TestProbeBudget(t *testing.T) {
	w := newWorld(t)
	w.Now = func() time.Time { return time.Unix(1_800_000_000, 0) }
	w.Prober = &probe.Prober{Resolver: names{}, Dial: (&dials{answer: refused}).dial}
	busy := 0
	for range 40 {
		if _, err := w.Probe(t.Context(), operator, domain("ann.example"), admin.ProbeQuery{}); errors.Is(err, admin.ErrBusy) {
			busy++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if busy != 20 {
		t.Errorf("%d of 40 looks were refused, want 20", busy)
	}
	if _, err := w.Probe(t.Context(), person("other", accounts.Operator, nil, nil), domain("ann.example"), admin.ProbeQuery{}); err != nil {
		t.Errorf("another account: %v", err)
	}
}

// With probe=require nothing is saved if a mail server does not work; with warn it is, and reported.
func TestProbeBeforeSave(t *testing.T) {
	w := newWorld(t)
	d := &dials{answer: refused}
	w.Prober = &probe.Prober{Resolver: names{"imap.new.example": {"192.0.2.1"}, "smtp.firms.example": {"192.0.2.1"}}, Dial: d.dial}
	ref := domain("ann.example")
	o := admin.Options{If: w.revision(t, ref), Via: edits.API, Probe: admin.ProbeRequire}
	change := map[string]any{"imap": "imap.new.example"}
	if _, err := w.Patch(t.Context(), operator, ref, change, o); !errors.Is(err, admin.ErrInvalid) {
		t.Errorf("required: %v, want it refused", err)
	}
	if w.revision(t, ref) != o.If {
		t.Fatal("it was saved")
	}
	o.Probe = admin.ProbeWarn
	done, err := w.Patch(t.Context(), operator, ref, change, o)
	if err != nil || len(done.Changes) != 1 || len(done.Servers) == 0 || done.Servers[0].Works() || done.Servers[0].Text == "" {
		t.Errorf("warned: %+v, %v", done.Servers, err)
	}
}
