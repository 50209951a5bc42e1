package main

import (
	"errors"
	"net"
	"strings"

	"github.com/miekg/dns"
	"github.com/rogpeppe/go-internal/testscript"
)

// nameserver answers questions from a zone file until the script ends, and sets a variable to its address:
// "nameserver NS example.zone". Names that are not in the file do not exist.
func nameserver(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: nameserver VARIABLE FILE")
	}
	ts.Setenv(args[0], startNameserver(ts, ts.ReadFile(args[1])))
}

// startNameserver answers questions from the text of a zone file until the script ends, and returns its address.
func startNameserver(ts *testscript.TestScript, zone string) (address string) {
	var records []dns.RR
	parser := dns.NewZoneParser(strings.NewReader(zone), ".", "")
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		records = append(records, rr)
	}
	ts.Check(parser.Err())
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	ts.Check(err)
	srv := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, question *dns.Msg) {
		_ = w.WriteMsg(answerFrom(records, question)) // fails if the client is gone
	})}
	done := make(chan error, 1)
	go func() { done <- srv.ActivateAndServe() }()
	ts.Defer(func() {
		conn.Close()
		if err := <-done; err != nil && !errors.Is(err, net.ErrClosed) {
			ts.Logf("name server: %v", err)
		}
	})
	return conn.LocalAddr().String()
}

// answerFrom answers a question as a resolver does, following aliases. It answers SERVFAIL for names with "broken." in them.
func answerFrom(records []dns.RR, question *dns.Msg) *dns.Msg {
	answer := new(dns.Msg).SetReply(question)
	q := question.Question[0]
	if strings.Contains(q.Name, "broken.") {
		return answer.SetRcode(question, dns.RcodeServerFailure)
	}
	answer.Rcode = dns.RcodeNameError
	for range 4 {
		next := ""
		for _, rr := range records {
			if !strings.EqualFold(rr.Header().Name, q.Name) {
				continue
			}
			answer.Rcode = dns.RcodeSuccess
			if alias, ok := rr.(*dns.CNAME); ok && q.Qtype != dns.TypeCNAME {
				next = alias.Target
			}
			if next != "" || rr.Header().Rrtype == q.Qtype {
				answer.Answer = append(answer.Answer, rr)
			}
		}
		if next == "" {
			break
		}
		q.Name = next
	}
	return answer
}
