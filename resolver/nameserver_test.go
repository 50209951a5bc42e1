package resolver

import (
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"
)

// nameServer answers over UDP and TCP at one address.
type nameServer struct {
	address netip.AddrPort
	asked   atomic.Int32 // questions, over UDP and TCP
	tcp     atomic.Int32
}

// serve starts a name server. It does not answer if answer returns nil.
func serve(t *testing.T, answer func(question *dns.Msg, tcp bool) *dns.Msg) *nameServer {
	t.Helper()
	s := new(nameServer)
	var udp net.PacketConn
	var tcp net.Listener
	for range 20 { // until a port is free for both
		var err error
		if udp, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		if tcp, err = net.Listen("tcp", udp.LocalAddr().String()); err == nil {
			break
		}
		udp.Close()
	}
	if tcp == nil {
		t.Fatal("no port is free for both UDP and TCP")
	}
	s.address = netip.MustParseAddrPort(udp.LocalAddr().String())
	for _, server := range []*dns.Server{{PacketConn: udp}, {Listener: tcp}} {
		isTCP := server.Listener != nil
		started := make(chan struct{})
		server.NotifyStartedFunc = sync.OnceFunc(func() { close(started) })
		server.Handler = dns.HandlerFunc(func(w dns.ResponseWriter, question *dns.Msg) {
			s.asked.Add(1)
			if isTCP {
				s.tcp.Add(1)
			}
			if a := answer(question, isTCP); a != nil {
				_ = w.WriteMsg(a)
			}
		})
		go func() { _ = server.ActivateAndServe() }()
		<-started
		t.Cleanup(func() { _ = server.Shutdown() })
	}
	return s
}

// zone answers from lines of a zone file, as a recursive resolver would: aliases are followed.
func zone(t testing.TB, lines ...string) func(*dns.Msg, bool) *dns.Msg {
	t.Helper()
	records := make(map[string][]dns.RR)
	for _, line := range lines {
		rr, err := dns.NewRR(line)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.ToLower(rr.Header().Name)
		records[name] = append(records[name], rr)
	}
	return func(question *dns.Msg, _ bool) *dns.Msg {
		answer := new(dns.Msg).SetReply(question)
		q := question.Question[0]
		name := strings.ToLower(q.Name)
		for range 8 {
			if records[name] == nil {
				answer.Rcode = dns.RcodeNameError
				return answer
			}
			next := ""
			for _, rr := range records[name] {
				alias, isAlias := rr.(*dns.CNAME)
				if rr.Header().Rrtype == q.Qtype || isAlias {
					answer.Answer = append(answer.Answer, rr)
				}
				if isAlias && q.Qtype != dns.TypeCNAME {
					next = strings.ToLower(alias.Target)
				}
			}
			if next == "" {
				break
			}
			name = next
		}
		return answer
	}
}

var example = []string{
	"a.example. A 192.0.2.1", "a.example. A 192.0.2.2", "a.example. AAAA 2001:db8::1",
	"six.example. AAAA 2001:db8::6",
	"one.example. CNAME two.Example.", "two.example. CNAME A.example.",
	"dangling.example. CNAME gone.example.",
	"round.example. CNAME trip.example.", "trip.example. CNAME round.example.",
	"empty.example. TXT x",
	"m.example. MX 20 mx2.example.", "m.example. MX 10 MX1.example.", "m.example. MX 10 aa.example.", "null.example. MX 0 .",
	"_imaps._tcp.example. SRV 10 0 993 late.example.", "_imaps._tcp.example. SRV 0 1 993 light.example.",
	"_imaps._tcp.example. SRV 0 5 993 Heavy.example.", "_pop3._tcp.example. SRV 0 0 0 .",
	`t.example. TXT "v=UAAC1; a=sha256; " "d=abc"`, `t.example. TXT "say \"hi\" \\ \007"`,
	`c.example. CAA 128 ISSUE "ca.example; x=y"`, "c.example. CAA 0 issuewild \";\"",
}
