package resolver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unicode"

	"github.com/miekg/dns"
)

func TestAnswers(t *testing.T) {
	s := serve(t, zone(t, example...))
	r := New(s.address)
	ctx := t.Context()

	host := func(name string, want []string, canonical string, wantErr error) {
		t.Helper()
		addresses, got, err := r.Host(ctx, name)
		var texts []string
		for _, a := range addresses {
			texts = append(texts, a.String())
		}
		if !slices.Equal(texts, want) || got != canonical || !errors.Is(err, wantErr) {
			t.Errorf("Host(%s) = %v, %q, %v; want %v, %q, %v", name, texts, got, err, want, canonical, wantErr)
		}
	}
	all := []string{"192.0.2.1", "192.0.2.2", "2001:db8::1"}
	host("a.example", all, "a.example", nil)
	host("six.example", []string{"2001:db8::6"}, "six.example", nil)
	host("one.example", all, "a.example", nil)
	host("dangling.example", nil, "gone.example", ErrNone)
	host("empty.example", nil, "empty.example", ErrNoData)
	host("none.example", nil, "none.example", ErrNoSuchName)
	if _, canonical, err := r.Host(ctx, "round.example"); !errors.Is(err, ErrNone) || !strings.HasSuffix(canonical, ".example") {
		t.Errorf("loop of aliases: got %q, %v; want ErrNone", canonical, err)
	}

	cname, err := r.CNAME(ctx, "one.example")
	equal(t, "CNAME", cname, err, "two.example")
	mx, err := r.MX(ctx, "m.example")
	equal(t, "MX", mx, err, []MX{{10, "aa.example"}, {10, "mx1.example"}, {20, "mx2.example"}})
	mx, err = r.MX(ctx, "null.example")
	equal(t, "null MX", mx, err, []MX{{0, ""}})
	srv, err := r.SRV(ctx, "_imaps._tcp.example")
	equal(t, "SRV", srv, err, []SRV{{0, 5, 993, "heavy.example"}, {0, 1, 993, "light.example"}, {10, 0, 993, "late.example"}})
	srv, err = r.SRV(ctx, "_pop3._tcp.example")
	equal(t, "SRV with the target .", srv, err, []SRV{{}})
	txt, err := r.TXT(ctx, "t.example")
	equal(t, "TXT", txt, err, []string{"v=UAAC1; a=sha256; d=abc", `say \"hi\" \\ \007`})
	caa, err := r.CAA(ctx, "c.example")
	equal(t, "CAA", caa, err, []CAA{{true, "issue", "ca.example; x=y"}, {false, "issuewild", ";"}})

	for what, ask := range map[string]func(string) error{
		"CNAME": func(n string) error { _, err := r.CNAME(ctx, n); return err },
		"MX":    func(n string) error { _, err := r.MX(ctx, n); return err },
		"SRV":   func(n string) error { _, err := r.SRV(ctx, n); return err },
		"TXT":   func(n string) error { _, err := r.TXT(ctx, n); return err },
		"CAA":   func(n string) error { _, err := r.CAA(ctx, n); return err },
	} {
		for name, want := range map[string]error{"none.example": ErrNoSuchName, "a.example": ErrNoData} {
			if err := ask(name); !errors.Is(err, want) || !errors.Is(err, ErrNone) || errors.Is(err, ErrFailed) {
				t.Errorf("%s of %s: got %v, want %v", what, name, err, want)
			}
		}
	}
}

func equal(t *testing.T, what string, got any, err error, want any) {
	t.Helper()
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%s: got %+v, %v; want %+v", what, got, err, want)
	}
}

func TestLongAnswersComeByTCP(t *testing.T) {
	full := zone(t, example...)
	s := serve(t, func(question *dns.Msg, tcp bool) *dns.Msg {
		answer := full(question, tcp)
		if !tcp {
			answer.Truncated, answer.Answer = true, answer.Answer[:1]
		}
		return answer
	})
	mx, err := New(s.address).MX(t.Context(), "m.example")
	if err != nil || len(mx) != 3 || s.tcp.Load() != 1 {
		t.Errorf("got %v, %v, %d questions by TCP; want all three records", mx, err, s.tcp.Load())
	}
}

func code(rcode int) func(*dns.Msg, bool) *dns.Msg {
	return func(question *dns.Msg, _ bool) *dns.Msg { return new(dns.Msg).SetRcode(question, rcode) }
}

func silence(*dns.Msg, bool) *dns.Msg { return nil }

// TestServersInTurn asks a server that does not work, alone and before a good one. Alone, the error keeps the cause.
func TestServersInTurn(t *testing.T) {
	good := serve(t, zone(t, example...))
	for _, test := range []struct {
		name  string
		bad   *nameServer
		cause error
	}{
		{"SERVFAIL", serve(t, code(dns.RcodeServerFailure)), ErrServerFailure},
		{"REFUSED", serve(t, code(dns.RcodeRefused)), ErrRefused},
		{"an unassigned code", serve(t, code(15)), ErrFailed},
		{"no answer", serve(t, silence), ErrTimeout},
		{"nothing listens", &nameServer{address: netip.MustParseAddrPort("127.0.0.1:1")}, syscall.ECONNREFUSED},
		{"another question", serve(t, func(question *dns.Msg, _ bool) *dns.Msg {
			answer := new(dns.Msg).SetReply(question)
			answer.Question[0].Name = "evil.example."
			return answer
		}), ErrMismatched},
		{"the question sent back", serve(t, func(question *dns.Msg, _ bool) *dns.Msg { return question.Copy() }), ErrMismatched},
		{"cut off, and no TCP", serve(t, func(question *dns.Msg, tcp bool) *dns.Msg {
			if tcp {
				return nil
			}
			answer := new(dns.Msg).SetReply(question)
			answer.Truncated = true
			return answer
		}), ErrTruncated},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := New(test.bad.address, good.address)
			r.Timeout = 6 * time.Second // for the good server, on a busy machine
			mx, err := r.MX(t.Context(), "m.example")
			if err != nil || len(mx) != 3 {
				t.Errorf("got %v, %v; want the second server's answer", mx, err)
			}
			r = New(test.bad.address)
			switch {
			case errors.Is(test.cause, ErrTimeout):
				r.Timeout = 500 * time.Millisecond
			case errors.Is(test.cause, ErrTruncated): // an answer must come, and then another does not
				r.Timeout = 3 * time.Second
			default:
				r.Timeout = time.Minute
			}
			_, err = r.MX(t.Context(), "m.example")
			if !errors.Is(err, ErrFailed) || errors.Is(err, ErrNone) || !errors.Is(err, test.cause) || !strings.Contains(err.Error(), test.bad.address.String()) {
				t.Errorf("alone: got %v; want ErrFailed, the cause %v and the server's address", err, test.cause)
			}
			if _, again := r.MX(t.Context(), "m.example"); err == nil || again == nil || again.Error() != err.Error() {
				t.Errorf("first %v, then %v; want the same text, for doctor --watch", err, again)
			}
			if _, _, err = r.Host(t.Context(), "a.example"); !errors.Is(err, ErrFailed) {
				t.Errorf("alone, host: got %v, want ErrFailed", err)
			}
		})
	}
	t.Run("no such name is an answer", func(t *testing.T) {
		t.Parallel()
		first, second := serve(t, code(dns.RcodeNameError)), serve(t, zone(t, example...))
		if _, err := New(first.address, second.address).MX(t.Context(), "m.example"); !errors.Is(err, ErrNone) || second.asked.Load() != 0 {
			t.Errorf("got %v, the second server was asked %d times", err, second.asked.Load())
		}
	})
	t.Run("a lost packet", func(t *testing.T) {
		t.Parallel()
		full := zone(t, example...)
		var asked atomic.Int32
		s := serve(t, func(question *dns.Msg, tcp bool) *dns.Msg {
			if asked.Add(1) == 1 {
				return nil
			}
			return full(question, tcp)
		})
		r := New(s.address)
		r.Timeout = 4 * time.Second
		if mx, err := r.MX(t.Context(), "m.example"); err != nil || len(mx) != 3 {
			t.Errorf("got %v, %v", mx, err)
		}
	})
	t.Run("no EDNS, and the answer is long", func(t *testing.T) {
		t.Parallel()
		full := zone(t, example...)
		s := serve(t, func(question *dns.Msg, tcp bool) *dns.Msg {
			if question.IsEdns0() != nil {
				return code(dns.RcodeNotImplemented)(question, tcp)
			}
			answer := full(question, tcp)
			answer.Truncated = !tcp
			return answer
		})
		if mx, err := New(s.address).MX(t.Context(), "m.example"); err != nil || len(mx) != 3 {
			t.Errorf("got %v, %v", mx, err)
		}
	})
	t.Run("no EDNS", func(t *testing.T) {
		t.Parallel()
		full := zone(t, example...)
		s := serve(t, func(question *dns.Msg, tcp bool) *dns.Msg {
			if question.IsEdns0() != nil {
				return code(dns.RcodeFormatError)(question, tcp)
			}
			return full(question, tcp)
		})
		if mx, err := New(s.address).MX(t.Context(), "m.example"); err != nil || len(mx) != 3 {
			t.Errorf("got %v, %v", mx, err)
		}
	})
}

// TestTimeout: a server that does not answer takes 3 seconds, and then the next one is asked.
func TestTimeout(t *testing.T) {
	t.Parallel()
	good := serve(t, zone(t, example...))
	bad := serve(t, silence)
	start := time.Now()
	mx, err := New(bad.address, good.address).MX(t.Context(), "m.example")
	if took := time.Since(start); err != nil || len(mx) != 3 || took < 2900*time.Millisecond || took > time.Minute {
		t.Errorf("got %v, %v after %s; want the second server's answer after 3 seconds, or a little later", mx, err, took)
	}
	if n := bad.asked.Load(); n != 2 {
		t.Errorf("the silent server was asked %d times, want twice, as a packet may be lost", n)
	}
}

// TestEDNS: questions allow answers of 1232 octets by UDP, which pass everywhere (DNS Flag Day 2020), and do not ask for DNSSEC records.
func TestEDNS(t *testing.T) {
	var seen atomic.Pointer[dns.OPT]
	full := zone(t, example...)
	s := serve(t, func(question *dns.Msg, tcp bool) *dns.Msg {
		seen.Store(question.IsEdns0())
		return full(question, tcp)
	})
	if _, err := New(s.address).MX(t.Context(), "m.example"); err != nil {
		t.Fatal(err)
	}
	if o := seen.Load(); o == nil || o.UDPSize() != 1232 || o.Do() || o.Version() != 0 {
		t.Errorf("EDNS is %v, want a size of 1232 without the DO bit", o)
	}
}

func TestCancelledQuestion(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := serve(t, func(*dns.Msg, bool) *dns.Msg { cancel(); return nil })
	r := New(s.address, s.address, s.address)
	r.Timeout = 10 * time.Minute
	start := time.Now()
	_, err := r.MX(ctx, "m.example")
	if !errors.Is(err, ErrFailed) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want ErrFailed and context.Canceled", err)
	}
	if took := time.Since(start); took > time.Minute {
		t.Errorf("it took %s, want it to end with the context", took)
	}
}

// TestNoTime asks with a deadline that the connection notices before the context does.
func TestNoTime(t *testing.T) {
	s := serve(t, silence)
	for range 200 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Microsecond)
		if _, err := New(s.address).MX(ctx, "m.example"); !errors.Is(err, ErrFailed) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		cancel()
	}
}

func TestHostileText(t *testing.T) {
	s := serve(t, func(question *dns.Msg, _ bool) *dns.Msg {
		answer := new(dns.Msg).SetReply(question)
		header := dns.RR_Header{Name: question.Question[0].Name, Rrtype: question.Question[0].Qtype, Class: dns.ClassINET}
		switch header.Rrtype {
		case dns.TypeMX:
			answer.Answer = []dns.RR{&dns.MX{Hdr: header, Mx: "\\027[2J.example."}}
		case dns.TypeTXT:
			answer.Answer = []dns.RR{&dns.TXT{Hdr: header, Txt: []string{"\\027[2J"}}}
		case dns.TypeCAA:
			answer.Answer = []dns.RR{&dns.CAA{Hdr: header, Tag: "issue", Value: "\x1b[2J"}}
		}
		return answer
	})
	r := New(s.address)
	mx, err := r.MX(t.Context(), "h.example")
	txt, err2 := r.TXT(t.Context(), "h.example")
	caa, err3 := r.CAA(t.Context(), "h.example")
	text := fmt.Sprint(mx, txt, caa)
	if err := errors.Join(err, err2, err3); err != nil || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) || strings.Count(strings.ToUpper(text), "[2J") != 3 {
		t.Errorf("got %q, %v", text, err)
	}
}

func TestParseServer(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.53": "192.0.2.53:53", "192.0.2.53:5353": "192.0.2.53:5353",
		"2001:db8::53": "[2001:db8::53]:53", "[2001:db8::53]": "[2001:db8::53]:53", "[2001:db8::53]:54": "[2001:db8::53]:54",
	} {
		if got, err := ParseServer(text); err != nil || got.String() != want {
			t.Errorf("%s: got %s, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "dns.example", "192.0.2.53:", "192.0.2.53:0", "192.0.2.53:70000", "192.0.2", "[2001:db8::53", "192.0.2.53]"} {
		if got, err := ParseServer(text); err == nil {
			t.Errorf("%q: got %s, want an error", text, got)
		}
	}
}

func TestSystem(t *testing.T) {
	r, err := System()
	if err != nil {
		t.Skipf("this machine has no %s: %v", systemConfig, err)
	}
	if len(r.servers) == 0 {
		t.Error("no server")
	}
	for _, s := range r.servers {
		if _, _, err := net.SplitHostPort(s); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
}
