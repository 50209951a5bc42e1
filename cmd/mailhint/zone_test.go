package main

import (
	"context"
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
