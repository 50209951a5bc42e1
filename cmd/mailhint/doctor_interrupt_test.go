package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// TestInterrupt: an interrupted doctor prints the complete reports in a valid form, says that there are more, and exits with 3.
func TestInterrupt(t *testing.T) {
	for flag, want := range map[string]string{
		"--json":              `{"domains":[`,
		"--nagios":            "MAILHINT UNKNOWN - interrupted after 1 of 2 domains\n",
		"--address=192.0.2.1": "1 domain (0 good), ",
	} {
		ctx, cancel := context.WithCancel(t.Context())
		file := filepath.Join(t.TempDir(), "domains.toml")
		server := "imap = \"imaps://192.0.2.1.example\"\nsmtp = \"submission://192.0.2.1.example\"\n"
		write(t, file, "[server]\nname = \"setup.example\"\n[domains.\"a.example\"]\n"+server+"[domains.\"slow.example\"]\n"+server)
		var out, messages bytes.Buffer
		args := []string{"doctor", "a.example", "slow.example", "--config", file, "--only", "D01", "--parallel", "1",
			"--resolver", slowServer(t, cancel), flag}
		if code := run(ctx, args, &out, &messages); code != exitUnknown {
			t.Errorf("%s: exit code %d", flag, code)
		}
		if !strings.Contains(out.String(), want) || strings.Contains(out.String(), "slow.example") {
			t.Errorf("%s: got %q, want %q", flag, out.String(), want)
		}
		if flag != "--nagios" && messages.String() != "interrupted after 1 of 2 domains\n" {
			t.Errorf("%s: stderr %q", flag, messages.String())
		}
		if flag == "--json" && !json.Valid(out.Bytes()) {
			t.Errorf("%s: got %s", flag, out.String())
		}
	}
}

// slowServer knows no names. Of slow.example it reports that it was asked, and does not answer.
func slowServer(t *testing.T, asked func()) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, question *dns.Msg) {
		if strings.HasSuffix(question.Question[0].Name, "slow.example.") {
			asked()
			return
		}
		w.WriteMsg(new(dns.Msg).SetRcode(question, dns.RcodeNameError)) // an error means that the client has gone
	})}
	done := make(chan error, 1)
	go func() { done <- srv.ActivateAndServe() }()
	t.Cleanup(func() {
		conn.Close()
		<-done
	})
	return conn.LocalAddr().String()
}
