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
	"testing/synctest"
	"time"

	"mailhint/settings"
)

func TestStates(t *testing.T) {
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
		{"nothing listens", public, fails(syscall.ECONNREFUSED), Refused, false},
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
		inBubble(t, test.name, func(t *testing.T) {
			p := &Prober{Resolver: hostsFile{"h.example": {test.address}}, Dial: test.dial, Step: testStep}
			got := p.Look(t.Context(), "h.example", mailPorts[0]).Looks[0]
			if got.State != test.want || got.Speaks != 0 || (got.Err != nil) != test.isErr {
				t.Errorf("got state %d, speaks %d, error %v; want state %d", got.State, got.Speaks, got.Err, test.want)
			}
			if got.Took > maxSteps*testStep {
				t.Errorf("it took %s", got.Took)
			}
		})
	}
}

func TestLookIsOrdered(t *testing.T) {
	l := listen(t)
	l.Close() // nothing listens there
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	p := &Prober{Resolver: hostsFile{"h.example": {a, b}}, Dial: dialTo(l), Step: longStep}
	host := p.Look(t.Context(), "h.example", mailPorts...)
	if len(host.Looks) != 2*len(mailPorts) || !slices.Equal(host.Addresses, []netip.Addr{a, b}) {
		t.Fatalf("got %d looks at %v", len(host.Looks), host.Addresses)
	}
	for i, look := range host.Looks {
		if look.Port != mailPorts[i/2] || look.Address != host.Addresses[i%2] || look.State != Refused {
			t.Errorf("look %d: port %d of %s: %s", i, look.Port.Number, look.Address, look.State)
		}
	}
}

// TestManyAddresses: of a host with many addresses, as a hostile zone may have, 8 of each family are looked at, each once.
func TestManyAddresses(t *testing.T) {
	var addresses []netip.Addr
	for i := range 1000 {
		addresses = append(addresses, netip.AddrFrom4([4]byte{192, 0, 2, byte(i / 2)}), netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 14: byte(i >> 8), 15: byte(i)}))
	}
	p := &Prober{Resolver: hostsFile{"h.example": addresses}, Dial: func(context.Context, string, string) (net.Conn, error) { return nil, syscall.ECONNREFUSED }}
	host := p.Look(t.Context(), "h.example", mailPorts[0])
	count := make(map[bool]int)
	for _, l := range host.Looks {
		count[l.Address.Is4()]++
	}
	if len(host.Looks) != 16 || count[true] != 8 || count[false] != 8 {
		t.Errorf("%d looks, %d by IPv4; want 8 of each family", len(host.Looks), count[true])
	}
}

func TestUnknownHost(t *testing.T) {
	p := &Prober{Resolver: hostsFile{}}
	host := p.Look(t.Context(), "h.example", mailPorts...)
	if !errors.Is(host.Err, errNoSuchHost) || len(host.Looks) != 0 {
		t.Errorf("got %+v", host)
	}
}

// TestConnectionsAtOnce looks at one machine under many names at the same time. Each connection takes a while, so that all that are allowed
// are open together.
func TestConnectionsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var open, peak, opened atomic.Int32
		dial := func(context.Context, string, string) (net.Conn, error) {
			opened.Add(1)
			n := open.Add(1)
			defer open.Add(-1)
			for old := peak.Load(); n > old && !peak.CompareAndSwap(old, n); old = peak.Load() {
			}
			time.Sleep(time.Second)
			return nil, syscall.ECONNREFUSED
		}
		hosts := make(hostsFile)
		for i := range 10 {
			hosts[fmt.Sprintf("h%d.example", i)] = []netip.Addr{netip.MustParseAddr("192.0.2.1")}
		}
		p := &Prober{Resolver: hosts, Dial: dial, Step: testStep}
		ports := slices.Repeat([]Port{{settings.IMAP, 143, settings.STARTTLS}}, 6)
		var all sync.WaitGroup
		for name := range hosts {
			all.Go(func() { p.Look(t.Context(), name, ports...) })
		}
		all.Wait()
		if opened.Load() != 60 || peak.Load() != 4 { // as Look says
			t.Errorf("%d connections, %d at the same time; want 60 and 4", opened.Load(), peak.Load())
		}
		if len(p.limit.slots) != 0 {
			t.Errorf("%d addresses still have slots, want none", len(p.limit.slots))
		}
	})
}

func TestCancelledLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		p := &Prober{Resolver: hostsFile{"h.example": {netip.MustParseAddr("192.0.2.1")}}, Step: testStep, Dial: dialServer(t, func(conn net.Conn) {
			cancel()
			silent(conn)
		})}
		start := time.Now()
		host := p.Look(ctx, "h.example", mailPorts...)
		if took := time.Since(start); took > 0 {
			t.Errorf("it continued for %s", took)
		}
		for _, look := range host.Looks {
			if look.State != 0 || !errors.Is(look.Err, context.Canceled) {
				t.Errorf("port %d: got %s, %v; want no state and context.Canceled", look.Port.Number, look.State, look.Err)
			}
		}
	})
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
		// what Private allows
		"10.1.2.3": true, "::1": true, "fd00:1::5": true, "::ffff:10.1.2.3": true, "2002:a01:1::1": true, "64:ff9b::10.1.0.1": true,
	}
	for text, want := range tests {
		if got := open.allowed(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: allowed %t, want %t", text, got, want)
		}
	}
	if open.allowed(netip.Addr{}) {
		t.Error("the zero address is allowed")
	}
}
