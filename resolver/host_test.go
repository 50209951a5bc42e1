package resolver

import (
	"errors"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// TestOneFamilyFails asks name servers that fail for addresses of one family, as some load balancers do for AAAA.
func TestOneFamilyFails(t *testing.T) {
	full := zone(t, example...)
	for bad, want := range map[uint16]string{dns.TypeAAAA: "192.0.2.1", dns.TypeA: "2001:db8::1"} {
		s := serve(t, func(question *dns.Msg, tcp bool) *dns.Msg {
			if question.Question[0].Qtype == bad {
				return code(dns.RcodeServerFailure)(question, tcp)
			}
			return full(question, tcp)
		})
		r := New(s.address)
		addresses, canonical, err := r.Host(t.Context(), "one.example")
		if len(addresses) == 0 || addresses[0].String() != want || canonical != "a.example" || !errors.Is(err, ErrFailed) {
			t.Errorf("no %s: got %v, %q, %v; want %s and ErrFailed", dns.TypeToString[bad], addresses, canonical, err, want)
		}
		if addresses, _, err := r.Host(t.Context(), "empty.example"); addresses != nil || !errors.Is(err, ErrFailed) || errors.Is(err, ErrNone) {
			t.Errorf("no %s, no other: got %v, %v; want ErrFailed", dns.TypeToString[bad], addresses, err)
		}
	}
}

// TestManyAliases reads an answer with which a hostile resolver wants to keep the reader busy.
func TestManyAliases(t *testing.T) {
	var answer []dns.RR
	for range 20_000 {
		answer = append(answer, &dns.CNAME{Hdr: dns.RR_Header{Name: "other.example."}, Target: "other.example."})
	}
	for _, step := range [][2]string{{"b.example.", "a.example."}, {"a.example.", "b.example."}} {
		answer = append(answer, &dns.CNAME{Hdr: dns.RR_Header{Name: step[0]}, Target: step[1]})
	}
	start := time.Now()
	follow("a.example", answer)
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("it took %s, want at most 30s", took)
	}
}
