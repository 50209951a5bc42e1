package main

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"mailhint/resolver"
)

const fallbackConfig = `
[server]
http = ["127.0.0.1:0"]
admin = "127.0.0.1:0"
name = "setup.hoster.example"

[profiles.shared]
imap = "imap.hoster.example"
smtp = "smtp.hoster.example"

[domains."closed.example"]
enabled = false
profile = "shared"

[fallback]
profile = "shared"
mx = ["mx1.hoster.example"]
`

// nameServer runs a name server with a few records on a free port of the loopback interface, and returns its address.
func nameServer(t *testing.T, records ...string) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all []dns.RR
	for _, text := range records {
		rr, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, rr)
	}
	server := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, question *dns.Msg) {
		answer := new(dns.Msg).SetReply(question)
		asked := question.Question[0]
		if strings.HasPrefix(asked.Name, "broken.") {
			answer.Rcode = dns.RcodeServerFailure
		}
		for _, rr := range all {
			if rr.Header().Name == asked.Name && rr.Header().Rrtype == asked.Qtype {
				answer.Answer = append(answer.Answer, rr)
			}
		}
		if err := w.WriteMsg(answer); err != nil {
			t.Error(err)
		}
	})}
	go server.ActivateAndServe()
	t.Cleanup(func() { server.Shutdown() })
	return conn.LocalAddr().String()
}

var fallbackRecords = []string{
	"ours.example. 300 IN MX 10 mx1.hoster.example.", "ours.example. 300 IN MX 20 mx.backup.example.",
	"theirs.example. 300 IN MX 10 mx.other.example.", "theirs.example. 300 IN MX 20 mx1.hoster.example.",
	"closed.example. 300 IN MX 10 mx1.hoster.example.",
	"nomail.example. 300 IN MX 0 .",
}

// The first request for a name whose mail is ours is answered as for an unknown name, later ones with the fallback's settings; other
// names and disabled ones are never answered.
func TestServeFallbackMX(t *testing.T) {
	server, err := resolver.ParseServer(nameServer(t, fallbackRecords...))
	if err != nil {
		t.Fatal(err)
	}
	p := startProgramIn(t, network{resolver: resolver.New(server)}, fallbackConfig)
	get := func(d string) (int, string) { return ask(t, p.public(), "autoconfig."+d, path+"?emailaddress=ann@"+d) }
	for _, d := range []string{"ours.example", "theirs.example", "closed.example", "broken.example", "nomail.example"} {
		if status, body := get(d); status != http.StatusNotFound {
			t.Errorf("the first answer for %s is %d:\n%s", d, status, body)
		}
	}
	eventually(t, "ours.example is answered", func() bool {
		status, body := get("ours.example")
		return status == http.StatusOK && strings.Contains(body, `id="ours.example"`) && strings.Contains(body, "imap.hoster.example")
	})
	eventually(t, "the others have been looked up", func() bool {
		_, metrics := ask(t, p.admin(), "localhost", "/-/metrics")
		return strings.Contains(metrics, `mailhint_fallback_lookups_total{result="ours"} 1`) &&
			strings.Contains(metrics, `mailhint_fallback_lookups_total{result="others"} 2`) &&
			strings.Contains(metrics, `mailhint_fallback_lookups_total{result="failed"} 1`) &&
			strings.Contains(metrics, "mailhint_fallback_names 4\n")
	})
	for _, d := range []string{"theirs.example", "closed.example", "broken.example", "nomail.example"} {
		if status, body := get(d); status != http.StatusNotFound {
			t.Errorf("the second answer for %s is %d:\n%s", d, status, body)
		}
	}

	// After a reload with another mx, the name is not ours any more.
	write(t, p.config, strings.Replace(fallbackConfig, "mx1.hoster", "mx9.hoster", 1))
	p.refused(p.file.Reload())
	for range 2 {
		if status, _ := get("ours.example"); status != http.StatusNotFound {
			t.Errorf("ours.example is answered with %d after the reload", status)
		}
	}
}

// startProgramIn is startProgram with a network of the test's own.
func startProgramIn(t *testing.T, network network, config string) *running {
	t.Helper()
	t.Setenv("STATE_DIRECTORY", t.TempDir())
	file := filepath.Join(t.TempDir(), "domains.toml")
	write(t, file, config)
	log := new(logBuffer)
	p, err := open(file, network, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return runProgram(t, p, file, log)
}

// Commands look the MX up themselves, or say what the answer depends on.
func TestCommandsWithFallbackMX(t *testing.T) {
	server := nameServer(t, fallbackRecords...)
	file := filepath.Join(t.TempDir(), "domains.toml")
	write(t, file, fallbackConfig)
	for _, test := range []struct {
		args string
		code int
		want string
	}{
		{"check", 0, "ok, 1 domain, 1 profile, and every name whose MX is mx1.hoster.example\n"},
		{"check --json", 0, "\"fallback_mx\": [\n    \"mx1.hoster.example\"\n  ]"},
		{"show ann@ours.example --resolver SERVER", 0, "<hostname>imap.hoster.example</hostname>"},
		{"show ours.example --explain --resolver SERVER", 0, "[mx1.hoster.example]"},
		{"dns ours.example --resolver SERVER", 0, "autoconfig.ours.example."},
		{"show theirs.example --resolver SERVER", 1, `theirs.example is not configured, and the fallback does not answer: its preferred MX is "mx.other.example", and not mx1.hoster.example; add`},
		{"show ann@nomail.example --resolver SERVER", 1, "nomail.example is not configured, and the fallback does not answer: it has no MX record; it would have to be mx1.hoster.example; add"},
		{"dns nothing.example --resolver SERVER", 1, "nothing.example is not configured, and the fallback does not answer: it has no MX"},
		{"show broken.example --resolver SERVER", 3, "broken.example is not configured, and whether the fallback would answer is unknown: its MX cannot be looked up: broken.example MX: DNS lookup failed"},
		{"show closed.example --resolver SERVER", 1, "closed.example is disabled; remove enabled = false"},
		{"show ours.example --resolver nonsense", 2, `--resolver "nonsense" is not a valid resolver address`},
		{"export --format toml", 0, "\nmx = [\"mx1.hoster.example\"]\n"},
		{"export --format json", 0, "\"mx\": [\n        \"mx1.hoster.example\"\n      ]"},
		{"export --format toml ours.example", 1, "ours.example is not configured, and the fallback answers only for domains whose MX is mx1.hoster.example; add"},
	} {
		var out bytes.Buffer
		args := append(strings.Fields(strings.ReplaceAll(test.args, "SERVER", server)), "--config", file)
		code := run(context.Background(), args, &out, &out)
		if code != test.code || !strings.Contains(out.String(), test.want) {
			t.Errorf("%s: exit %d, want %d and %q in\n%s", test.args, code, test.code, test.want, out.String())
		}
	}
}

// TestServeFallbackRestart: domains that the fallback answers for are answered right after a restart, although DNS does not answer then,
// and a damaged file keeps nothing from starting.
func TestServeFallbackRestart(t *testing.T) {
	server, err := resolver.ParseServer(nameServer(t, fallbackRecords...))
	if err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(t.TempDir(), "state")
	config := strings.Replace(fallbackConfig, "[server]", "[server]\nstate_dir = \""+state+"\"", 1)
	first := startProgramIn(t, network{resolver: resolver.New(server)}, config)
	get := func(p *running) int {
		status, _ := ask(t, p.public(), "autoconfig.ours.example", path+"?emailaddress=ann@ours.example")
		return status
	}
	eventually(t, "ours.example is answered", func() bool { return get(first) == http.StatusOK })
	first.stop()
	again := startProgramIn(t, network{resolver: resolver.New()}, config)
	if status := get(again); status != http.StatusOK {
		t.Errorf("the first answer after a restart is %d", status)
	}
	again.stop()
	write(t, filepath.Join(state, "fallback-domains.txt"), "\x00\xff damaged\n")
	if status := get(startProgramIn(t, network{resolver: resolver.New()}, config)); status != http.StatusNotFound {
		t.Errorf("the first answer with a damaged file is %d", status)
	}
}
