package main

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"

	"github.com/miekg/dns"

	"mailhint/resolver"
)

// zoneOf answers with the addresses of a few names.
type zoneOf map[string]string

func (z zoneOf) Host(_ context.Context, name string) ([]netip.Addr, string, error) {
	text, ok := z[name]
	if !ok {
		return nil, name, resolver.ErrNone
	}
	if text == "" {
		return nil, name, resolver.ErrFailed
	}
	return []netip.Addr{netip.MustParseAddr(text)}, name, nil
}

func (zoneOf) MX(context.Context, string) ([]resolver.MX, error) { return nil, resolver.ErrNone }

// serve runs a name server with these names, and returns its address.
func (z zoneOf) serve(t *testing.T) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var records []dns.RR
	for name, address := range z {
		records = append(records, &dns.A{Hdr: dns.RR_Header{Name: name + ".", Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 1}, A: net.ParseIP(address)})
	}
	server := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, question *dns.Msg) {
		w.WriteMsg(answerFrom(records, question)) // the client is gone if this fails
	})}
	go server.ActivateAndServe()
	t.Cleanup(func() { server.Shutdown() })
	return conn.LocalAddr().String()
}

// Where a name leads, and whether that is here.
func TestWhereabouts(t *testing.T) {
	zone := zoneOf{"here": "198.51.100.1", "there": "192.0.2.1", "setup": "203.0.113.1", "balanced": "203.0.113.1", "silent": ""}
	private := func() ([]net.Addr, error) { return []net.Addr{addr("127.0.0.1/8"), addr("10.0.0.1/8")}, nil }
	public := func() ([]net.Addr, error) { return []net.Addr{addr("127.0.0.1/8"), addr("198.51.100.1/24")}, nil }
	broken := func() ([]net.Addr, error) { return nil, errors.New("no") }
	for _, test := range []struct {
		own       string
		addresses func() ([]net.Addr, error)
		name      string
		good      bool
	}{
		{"", public, "here", true},
		{"", public, "there", false},
		{"", private, "there", true}, // nobody knows
		{"", broken, "there", true},
		{"setup", private, "there", false},
		{"setup", private, "balanced", true},
		{"setup", public, "balanced", true},
		{"setup", public, "setup", true},
		{"setup", private, "setup", true},
		{"silent", public, "there", true}, // our own name cannot be looked up
		{"setup", public, "nowhere", false},
		{"", public, "silent", false},
	} {
		w := &whereabouts{own: test.own, hosts: zone, addresses: test.addresses}
		if err := w.check(t.Context(), test.name); (err == nil) != test.good {
			t.Errorf("%+v: %v", test, err)
		}
	}
}

type addr string

func (addr) Network() string  { return "ip+net" }
func (a addr) String() string { return string(a) }
