package resolver

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// FuzzAnswers answers all questions with arbitrary octets after the two of the question's ID. Nothing may panic or hang, every error is one
// of the two kinds, and names are in lower case, without the final dot and without characters that a terminal would obey.
func FuzzAnswers(f *testing.F) {
	full := zone(f, example...)
	for _, name := range []string{"a.example.", "m.example.", "one.example.", "_imaps._tcp.example.", "t.example.", "c.example.", "none.example."} {
		for _, kind := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeCNAME, dns.TypeMX, dns.TypeSRV, dns.TypeTXT, dns.TypeCAA} {
			octets, err := full(new(dns.Msg).SetQuestion(name, kind), false).Pack()
			if err != nil {
				f.Fatal(err)
			}
			f.Add(octets[2:])
		}
	}
	var answer atomic.Pointer[[]byte]
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { conn.Close() })
	go func() {
		question := make([]byte, 4096)
		for {
			n, from, err := conn.ReadFrom(question)
			if err != nil {
				return
			}
			if n > 2 {
				_, _ = conn.WriteTo(append(bytes.Clone(question[:2]), *answer.Load()...), from) // the fuzzer sees it if the client gets none
			}
		}
	}()
	r := New(netip.MustParseAddrPort(conn.LocalAddr().String()))
	r.Timeout = time.Minute
	f.Fuzz(func(t *testing.T, octets []byte) {
		octets = octets[:min(len(octets), 1200)] // what comes by UDP
		answer.Store(&octets)
		var names []string
		check := func(err error) {
			if err != nil && errors.Is(err, ErrNone) == errors.Is(err, ErrFailed) {
				t.Errorf("%v is not one of ErrNone and ErrFailed", err)
			}
		}
		ctx := t.Context()
		_, canonical, err := r.Host(ctx, "a.example")
		check(err)
		alias, err := r.CNAME(ctx, "a.example")
		check(err)
		names = append(names, canonical, alias)
		mx, err := r.MX(ctx, "a.example")
		check(err)
		for _, m := range mx {
			names = append(names, m.Host)
		}
		srv, err := r.SRV(ctx, "a.example")
		check(err)
		for _, s := range srv {
			names = append(names, s.Target)
		}
		texts, err := r.TXT(ctx, "a.example")
		check(err)
		caa, err := r.CAA(ctx, "a.example")
		check(err)
		for _, c := range caa {
			texts = append(texts, c.Tag, c.Value)
		}
		for _, name := range names {
			if strings.ToLower(name) != name || strings.HasSuffix(name, ".") && !strings.HasSuffix(name, "\\.") {
				t.Errorf("the name %q is not in its usual form", name)
			}
		}
		for _, text := range append(names, texts...) {
			if strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c == 0x7f || 0x80 <= c && c < 0xa0 }) {
				t.Errorf("%q contains control characters", text)
			}
		}
	})
}
