package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"mailhint/settings"
)

func TestStates(t *testing.T) {
	closed := listen(t)
	closed.Close()
	public := netip.MustParseAddr("192.0.2.1")
	fails := func(err error) func(context.Context, string, string) (net.Conn, error) {
		return func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &os.SyscallError{Syscall: "connect", Err: err}}
		}
	}
	tests := []struct {
		name    string
		address netip.Addr
		dial    func(context.Context, string, string) (net.Conn, error)
		want    State
		isErr   bool
	}{
		{"nothing listens", public, dialTo(closed), Refused, false},
		{"no answer", public, func(ctx context.Context, _, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }, Silent, false},
		{"the kernel gave up", public, fails(syscall.ETIMEDOUT), Silent, false},
		{"no route", public, fails(syscall.ENETUNREACH), Unreachable, false},
		{"no machine", public, fails(syscall.EHOSTUNREACH), Unreachable, false},
		{"a firewall here", public, fails(syscall.EPERM), Unreachable, false},
		{"private", netip.MustParseAddr("10.0.0.1"), func(context.Context, string, string) (net.Conn, error) {
			t.Error("a private address was dialled")
			return nil, io.EOF
		}, Forbidden, false},
		{"no file descriptor", public, fails(syscall.EMFILE), 0, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := &Prober{Resolver: hostsFile{"h.example": {test.address}}, Dial: test.dial, Step: testStep}
			got := p.Look(t.Context(), "h.example", Ports[0]).Looks[0]
			if got.State != test.want || got.Speaks != 0 || (got.Err != nil) != test.isErr {
				t.Errorf("got state %d, speaks %d, error %v; want state %d", got.State, got.Speaks, got.Err, test.want)
			}
			if got.Took > lookSteps*testStep {
				t.Errorf("it took %s", got.Took)
			}
		})
	}
}

func TestLookIsOrdered(t *testing.T) {
	l := listen(t)
	l.Close()
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	p := &Prober{Resolver: hostsFile{"h.example": {a, b}}, Dial: dialTo(l), Step: testStep}
	host := p.Look(t.Context(), "h.example", Ports...)
	if len(host.Looks) != 2*len(Ports) || !slices.Equal(host.Addresses, []netip.Addr{a, b}) {
		t.Fatalf("got %d looks at %v", len(host.Looks), host.Addresses)
	}
	for i, look := range host.Looks {
		if look.Port != Ports[i/2] || look.Address != host.Addresses[i%2] {
			t.Errorf("look %d is at port %d of %s", i, look.Port.Number, look.Address)
		}
	}
}

func TestUnknownHost(t *testing.T) {
	p := &Prober{Resolver: hostsFile{}}
	host := p.Look(t.Context(), "h.example", Ports...)
	if !errors.Is(host.Err, errNoSuchHost) || len(host.Looks) != 0 {
		t.Errorf("got %+v", host)
	}
}

// TestConnectionsAtOnce looks at one machine under many names at a time.
func TestConnectionsAtOnce(t *testing.T) {
	l := listen(t)
	var now, most, opened atomic.Int32
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			opened.Add(1)
			n := now.Add(1)
			for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
			}
			go func() {
				defer conn.Close()
				time.Sleep(20 * time.Millisecond)
				now.Add(-1) // before the client learns that it may open another
				_, _ = io.WriteString(conn, "* BYE enough\r\n")
			}()
		}
	}()
	resolver := make(hostsFile)
	for i := range 10 {
		resolver[fmt.Sprintf("h%d.example", i)] = []netip.Addr{netip.MustParseAddr("127.0.0.1")}
	}
	p := &Prober{Resolver: resolver, Private: loopback, Dial: dialTo(l), Step: 10 * testStep}
	ports := slices.Repeat([]Port{{settings.IMAP, 143, settings.STARTTLS}}, 6)
	var all sync.WaitGroup
	for name := range resolver {
		all.Go(func() { p.Look(t.Context(), name, ports...) })
	}
	all.Wait()
	if opened.Load() != 60 || most.Load() > atOnce || most.Load() < 2 {
		t.Errorf("%d connections, at most %d at once; want 60 and at most %d", opened.Load(), most.Load(), atOnce)
	}
	if len(p.gates.open) != 0 {
		t.Errorf("%d gates are left", len(p.gates.open))
	}
}

func TestCancelledLook(t *testing.T) {
	l := listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		cancel()
		_, _ = io.Copy(io.Discard, conn)
	}()
	p := &Prober{Resolver: hostsFile{"h.example": {netip.MustParseAddr("127.0.0.1")}}, Private: loopback, Dial: dialTo(l), Step: time.Minute}
	start := time.Now()
	host := p.Look(ctx, "h.example", Ports...)
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("it went on for %s", took)
	}
	for _, look := range host.Looks {
		if look.State != 0 || !errors.Is(look.Err, context.Canceled) {
			t.Errorf("port %d: state %d, error %v; want neither a finding nor silence", look.Port.Number, look.State, look.Err)
		}
	}
}

func TestForbiddenAddresses(t *testing.T) {
	open := &Prober{Private: prefixes("10.1.0.0/16", "::1/128", "fd00:1::/32")}
	tests := map[string]bool{
		"192.0.2.1": true, "198.51.100.1": true, "203.0.113.1": true, "2001:db8::1": true, // documentation
		"8.8.8.8": true, "172.15.255.255": true, "172.32.0.1": true, "100.128.0.1": true, "2a00::1": true, "2600::1": true,
		"10.0.0.1": false, "10.2.0.1": false, "172.16.0.1": false, "172.31.255.255": false, "192.168.1.1": false,
		"100.64.0.1": false, "100.127.255.255": false, "127.0.0.1": false, "127.255.255.255": false, "169.254.169.254": false,
		"0.0.0.0": false, "0.1.2.3": false, "224.0.0.1": false, "239.255.255.255": false, "255.255.255.255": false, "240.0.0.1": false,
		"198.18.0.1": false, "192.0.0.8": false,
		"::": false, "::7f00:1": false, "fc00::1": false, "fd12::1": false, "fe80::1": false, "fe80::1%eth0": false, "fec0::1": false, "ff02::1": false,
		"::ffff:10.0.0.1": false, "::ffff:127.0.0.1": false, "::ffff:8.8.8.8": true,
		"2002:a00:1::1": false, "2002:7f00:1::": false, "2002:808:808::1": true, // 6to4
		"64:ff9b::10.0.0.1": false, "64:ff9b::7f00:1": false, "64:ff9b::8.8.8.8": true, // NAT64
		"64:ff9b:1::8.8.8.8": false, "2001::1": false,
		"::ffff:0:127.0.0.1": false, "::ffff:0:8.8.8.8": false, "::8.8.8.8": false, // translated by RFC 2765, embedded once
		"100::1": false, "5f00::1": false, "400::1": false, "4000::1": false, "3fff::1": true,
		// what Private opens
		"10.1.2.3": true, "::1": true, "fd00:1::5": true, "::ffff:10.1.2.3": true, "2002:a01:1::1": true, "64:ff9b::10.1.0.1": true,
	}
	for text, want := range tests {
		if got := open.allowed(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: allowed %t, want %t", text, got, want)
		}
	}
	if open.allowed(netip.Addr{}) {
		t.Error("no address at all is allowed")
	}
}
