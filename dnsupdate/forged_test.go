package dnsupdate_test

import (
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mailhint/dnsrecords"
	"mailhint/dnsupdate"
	"mailhint/dnsupdate/knottest"
	"mailhint/domains"
)

// fake is a name server that answers as a test says, by TCP.
type fake struct {
	address string

	mu        sync.Mutex
	updates   []*dns.Msg     // that were received, and have changes
	questions []dns.Question // that were received
}

// startFake starts a name server with an empty zone. answer may change an answer before it is signed, and signed after that; either may be nil.
func startFake(t *testing.T, key knottest.Key, answer func(question, answer *dns.Msg), signed func(question *dns.Msg, message []byte) []byte) *fake {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{address: l.Addr().String()}
	server := &dns.Server{Listener: l, TsigSecret: map[string]string{dns.CanonicalName(key.Name): key.Secret}, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		a := new(dns.Msg).SetReply(q)
		a.Authoritative = true
		f.mu.Lock()
		switch {
		case q.Opcode != dns.OpcodeUpdate:
			f.questions = append(f.questions, q.Question...)
		case len(q.Ns) > 0:
			f.updates = append(f.updates, q.Copy())
		}
		f.mu.Unlock()
		a.Opcode = q.Opcode
		t := q.IsTsig()
		a.SetTsig(t.Hdr.Name, t.Algorithm, 300, time.Now().Unix())
		if answer != nil {
			answer(q, a)
		}
		if a.IsTsig() == nil {
			_ = w.WriteMsg(a) // fails if the client is gone
			return
		}
		message, _, err := dns.TsigGenerate(a, key.Secret, t.MAC, false)
		if err != nil {
			return
		}
		if signed != nil {
			message = signed(q, message)
		}
		_, _ = w.Write(message) // fails if the client is gone
	}), MsgAcceptFunc: func(dns.Header) dns.MsgAcceptAction { return dns.MsgAccept }}
	go server.ActivateAndServe()
	t.Cleanup(func() { server.Shutdown() })
	return f
}

// An answer counts only if it is signed with our key, now, and answers our question. What a server accepts and does not have is reported.
func TestForgedAnswers(t *testing.T) {
	t.Parallel()
	key, other := knottest.NewKey("mailhint"), knottest.NewKey("mailhint")
	unsigned := func(_, a *dns.Msg) { a.Extra = nil }
	at := func(d time.Duration, fudge uint16) func(_, a *dns.Msg) {
		return func(_, a *dns.Msg) { a.IsTsig().TimeSigned, a.IsTsig().Fudge = uint64(time.Now().Add(d).Unix()), fudge }
	}
	tests := []struct {
		name   string
		answer func(question, answer *dns.Msg)
		signed func(question *dns.Msg, message []byte) []byte
		want   error
	}{
		{"not signed", unsigned, nil, dnsupdate.ErrUnsigned},
		{"not signed, and no such name", func(q, a *dns.Msg) { unsigned(q, a); a.Rcode = dns.RcodeNameError }, nil, dnsupdate.ErrUnsigned},
		{"not signed, and refused", func(q, a *dns.Msg) { unsigned(q, a); a.Rcode = dns.RcodeRefused }, nil, dnsupdate.ErrRefused},
		{"signed with another secret", nil, func(q *dns.Msg, _ []byte) []byte {
			a := new(dns.Msg).SetReply(q)
			a.Authoritative = true
			a.SetTsig("mailhint.", dns.HmacSHA256, 300, time.Now().Unix())
			message, _, _ := dns.TsigGenerate(a, other.Secret, q.IsTsig().MAC, false)
			return message
		}, dnsupdate.ErrUnsigned},
		{"signed without our signature, as an answer to another message", nil, func(q *dns.Msg, _ []byte) []byte {
			a := new(dns.Msg).SetReply(q)
			a.Authoritative = true
			a.SetTsig("mailhint.", dns.HmacSHA256, 300, time.Now().Unix())
			message, _, _ := dns.TsigGenerate(a, key.Secret, "", false)
			return message
		}, dnsupdate.ErrUnsigned},
		{"changed after it was signed", nil, func(_ *dns.Msg, message []byte) []byte { message[3] ^= 1; return message }, dnsupdate.ErrUnsigned},
		{"signed an hour ago", at(-time.Hour, 300), nil, dnsupdate.ErrUnsigned},
		{"signed in an hour", at(time.Hour, 300), nil, dnsupdate.ErrUnsigned},
		{"signed an hour ago, and said to be valid for a day", at(-time.Hour, 65000), nil, dnsupdate.ErrUnsigned},
		{"signed by another algorithm", func(_, a *dns.Msg) { a.IsTsig().Algorithm = dns.HmacSHA1 }, nil, dnsupdate.ErrUnsigned},
		{"an answer to another question", func(_, a *dns.Msg) { a.Question[0].Name = "other.example.com." }, nil, dnsupdate.ErrUnsigned},
		{"an answer with another number", nil, func(_ *dns.Msg, message []byte) []byte { message[1] ^= 1; return message }, dnsupdate.ErrUnsigned},
		{"a question", func(_, a *dns.Msg) { a.Response = false }, nil, dnsupdate.ErrUnsigned},
		{"nonsense", nil, func(*dns.Msg, []byte) []byte { return []byte("HTTP/1.1 400 Bad Request\r\n\r\n") }, dnsupdate.ErrUnsigned},
		{"a referral to another zone", func(_, a *dns.Msg) { a.Authoritative = false }, nil, dnsupdate.ErrRefused},
		{"accepted, and nothing changed", nil, nil, dnsupdate.ErrNotPublished},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := startFake(t, key, test.answer, test.signed)
			u := &dnsupdate.Updater{Zones: zones(domains.Zone{Name: "example.com", Server: f.address, KeyFile: key.Write(t)})}
			p := run(t, u, true, wanted("example.com", "example.com"))[0]
			if !errors.Is(p.Err, test.want) || p.Done {
				t.Errorf("got %v, want %v", p.Err, test.want)
			}
			if p.Err != nil && (strings.Contains(p.Err.Error(), key.Secret) || strings.Contains(p.Err.Error(), other.Secret)) {
				t.Errorf("a secret is in %v", p.Err)
			}
			if len(f.updates) > 0 && test.want != dnsupdate.ErrNotPublished {
				t.Errorf("an update was sent on the strength of such an answer: %v", f.updates)
			}
		})
	}
}

// Nothing outside of the planned names and types is in an update, every change has its prerequisites, and the secret is nowhere in it. The
// name server is that of the configuration: nothing asks for the one that the zone names.
func TestUpdateIsPlanned(t *testing.T) {
	t.Parallel()
	key := knottest.NewKey("mailhint")
	f := startFake(t, key, func(q, a *dns.Msg) {
		if q.Opcode == dns.OpcodeQuery && q.Question[0].Name == "autodiscover.example.com." && q.Question[0].Qtype != dns.TypeAAAA {
			a.Answer = []dns.RR{ // and more than was asked for
				&dns.A{Hdr: dns.RR_Header{Name: "AutoDiscover.example.com.", Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 60}, A: net.IPv4(203, 0, 113, 5)},
				&dns.A{Hdr: dns.RR_Header{Name: "www.example.com.", Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 60}, A: net.IPv4(203, 0, 113, 5)},
				&dns.SRV{Hdr: dns.RR_Header{Name: "_imaps._tcp.other.example.", Rrtype: dns.TypeSRV, Class: dns.ClassINET, Ttl: 60}, Target: "x."},
			}
		}
	}, nil)
	want := wanted("example.com", "example.com")
	u := &dnsupdate.Updater{Zones: zones(domains.Zone{Name: "example.com", Server: f.address, KeyFile: key.Write(t)})}
	run(t, u, true, want)
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.updates) != 1 || f.updates[0].Question[0].Name != "example.com." || len(f.updates[0].Answer) == 0 {
		t.Fatalf("got %v, want one update with prerequisites", f.updates)
	}
	for _, q := range f.questions {
		if q.Qtype == dns.TypeSOA || q.Qtype == dns.TypeNS {
			t.Errorf("the name server was asked for %v", q)
		}
	}
	planned := make(map[string]bool)
	for _, r := range want.Records {
		planned[r.Name+"."] = true
	}
	deleted := 0
	for _, r := range f.updates[0].Ns {
		h := r.Header()
		if !planned[strings.ToLower(h.Name)] {
			t.Errorf("the update changes %v, which is not planned", r)
		}
		if h.Class == dns.ClassANY {
			t.Errorf("the update removes a whole set, whatever it is: %v", r)
		}
		if h.Class == dns.ClassNONE {
			deleted++
		}
	}
	if deleted != 1 {
		t.Errorf("the update removes %d records, want the one that is in the way", deleted)
	}
	for _, r := range f.updates[0].Ns {
		named := false
		for _, p := range f.updates[0].Answer {
			named = named || strings.EqualFold(p.Header().Name, r.Header().Name)
		}
		if !named {
			t.Errorf("%v has no prerequisite", r)
		}
	}
	if strings.Contains(f.updates[0].String(), key.Secret) {
		t.Error("the secret is in the update")
	}
}

// The name server of the configuration is asked and no other, and a dead one is waited for once.
func TestDeadServerIsAskedOnce(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accepted := make(chan struct{}, 100)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- struct{}{}
			defer conn.Close() // it never answers
		}
	}()
	key := knottest.NewKey("mailhint")
	u := &dnsupdate.Updater{Timeout: 200 * time.Millisecond,
		Zones: zones(domains.Zone{Name: "example", Server: l.Addr().String(), KeyFile: key.Write(t)})}
	var want []dnsrecords.Wanted
	for _, c := range "abcdefghijklmnopqrstuvwxyz" {
		want = append(want, wanted("example", "example"))
		want[len(want)-1].Records = []dnsrecords.Record{{Name: string(c) + ".example", Data: dnsrecords.Alias("setup.example")}}
	}
	for _, p := range u.Plan(t.Context(), want, false, nothing) {
		if !errors.Is(p.Err, dnsupdate.ErrUnreached) {
			t.Errorf("got %v, want ErrUnreached", p.Err)
		}
	}
	if n := len(accepted); n > 16 {
		t.Errorf("the server that does not answer got %d connections for %d domains", n, len(want))
	}
}
