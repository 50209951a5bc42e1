package main

import (
	"errors"
	"net"
	"strings"

	"github.com/miekg/dns"
	"github.com/rogpeppe/go-internal/testscript"
)

// nameserver answers questions from a zone file until the script ends, and puts its address into a variable:
// "nameserver NS example.zone". What is not in the file does not exist.
func nameserver(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: nameserver VARIABLE FILE")
	}
	var records []dns.RR
	parser := dns.NewZoneParser(strings.NewReader(ts.ReadFile(args[1])), ".", args[1])
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		records = append(records, rr)
	}
	ts.Check(parser.Err())
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	ts.Check(err)
	srv := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, question *dns.Msg) {
		w.WriteMsg(answerFrom(records, question)) // the client is gone if this fails
	})}
	done := make(chan error, 1)
	go func() { done <- srv.ActivateAndServe() }()
	ts.Defer(func() {
		conn.Close()
		if err := <-done; err != nil && !errors.Is(err, net.ErrClosed) {
			ts.Logf("name server: %v", err)
		}
	})
	ts.Setenv(args[0], conn.LocalAddr().String())
}

// answerFrom answers a question as a resolver does, which follows aliases. Names with "broken." in them cannot be resolved.
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
