package certs

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"

	"mailhint/resolver"
)

// addressOf maps names to their address; an empty one cannot be looked up.
type addressOf map[string]string

func (a addressOf) Host(_ context.Context, name string) ([]netip.Addr, string, error) {
	text, ok := a[name]
	if !ok {
		return nil, name, resolver.ErrNone
	}
	if text == "" {
		return nil, name, resolver.ErrFailed
	}
	return []netip.Addr{netip.MustParseAddr(text)}, name, nil
}

type interfaceAddr string

func (interfaceAddr) Network() string  { return "ip+net" }
func (a interfaceAddr) String() string { return string(a) }

func TestReachability(t *testing.T) {
	t.Parallel()
	zone := addressOf{"here": "198.51.100.1", "there": "192.0.2.1", "setup": "203.0.113.1", "balanced": "203.0.113.1", "silent": ""}
	private := func() ([]net.Addr, error) {
		return []net.Addr{interfaceAddr("127.0.0.1/8"), interfaceAddr("10.0.0.1/8")}, nil
	}
	public := func() ([]net.Addr, error) {
		return []net.Addr{interfaceAddr("127.0.0.1/8"), interfaceAddr("198.51.100.1/24")}, nil
	}
	broken := func() ([]net.Addr, error) { return nil, errors.New("no") }
	for _, test := range []struct {
		own        string
		interfaces func() ([]net.Addr, error)
		name       string
		want       bool
	}{
		{"", public, "here", true},
		{"", public, "there", false},
		{"", private, "there", true}, // only the CA can tell
		{"", broken, "there", true},
		{"setup", private, "there", false},
		{"setup", private, "balanced", true},
		{"setup", public, "balanced", true},
		{"setup", public, "setup", true},
		{"setup", private, "setup", true},
		{"silent", public, "there", true}, // the server's own name cannot be looked up
		{"setup", public, "missing", false},
		{"", public, "silent", false},
	} {
		r := Reachability{Name: test.own, Hosts: zone, interfaces: test.interfaces}
		if err := r.Check(t.Context(), test.name); (err == nil) != test.want {
			t.Errorf("server name %q, %q: %v, want reachable = %v", test.own, test.name, err, test.want)
		}
	}
}
