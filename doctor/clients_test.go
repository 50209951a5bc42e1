package doctor

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"mailhint/choices"
	"mailhint/domains"
)

// TestClientsInTheCorpus: if everything is good, each client gets the best server of the settings that it can use. The corpus is that of
// package clients, which reads it with its own models.
func TestClientsInTheCorpus(t *testing.T) {
	snapshot, err := domains.Load(filepath.Join("..", "clients", "testdata", "corpus", "domains.toml"))
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		servers string            // of most clients
		others  map[string]string // of some; "" for none
	}{
		"both.example":     {"i.one.both.example:993 implicit TLS, o.two.both.example:465 implicit TLS", nil},
		"tls-only.example": {"i.one.tls-only.example:993 implicit TLS, o.two.tls-only.example:465 implicit TLS", nil},
		"starttls.example": {"i.one.starttls.example:143 STARTTLS, o.two.starttls.example:587 STARTTLS", nil},
		"ports.example":    {"i.one.ports.example:10993 implicit TLS, o.two.ports.example:2587 STARTTLS", nil},
		"local.example":    {"i.one.local.example:993 implicit TLS, o.two.local.example:465 implicit TLS", nil},
		"pop3.example": {"p.one.pop3.example:995 implicit TLS, o.two.pop3.example:465 implicit TLS",
			map[string]string{"Thunderbird for Android": "", "Delta Chat": "", "FairEmail": "", "Nextcloud Mail": ""}},
		"three.example": {"i.one.three.example:993 implicit TLS, o.two.three.example:465 implicit TLS", nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, snapshot, name)
			d := w.doctor()
			d.ISPDB = ""
			r := d.Examine(context.Background(), find(t, snapshot, name))
			for _, c := range r.Clients {
				want, special := test.others[c.Name]
				if !special {
					want = test.servers
				}
				got := c.Incoming
				if got != "" {
					got += ", " + c.Outgoing
				}
				if got != want || c.Works == nil || *c.Works != (want != "") || *c.Works == (c.Why != "") {
					t.Errorf("%s: got %q from %s, works %t, %q; want %q", c.Name, got, c.From, !c.fails(), c.Why, want)
				}
				login := string(find(t, snapshot, name).Servers[0].Login)
				if !c.fails() && c.Login != login && c.From != "SRV records" {
					t.Errorf("%s: login %q, want %q", c.Name, c.Login, login)
				}
			}
		})
	}
}

// TestEWS: Thunderbird takes an EWS server if there is no other incoming one, and prefers IMAP, which comes first; other clients do not know
// it.
func TestEWS(t *testing.T) {
	const ews = "ews = \"https://ex.a.example/EWS/Exchange.asmx\"\n"
	for config, want := range map[string]string{
		usual + ews: "mail.a.example:993 implicit TLS",
		"[domains.\"a.example\"]\nimap = []\nsmtp = \"mail.a.example\"\n" + ews: "https://ex.a.example/EWS/Exchange.asmx (EWS)",
	} {
		snapshot := load(t, config)
		w := newWorld(t, snapshot, "a.example")
		clear(w.srv)
		d := w.doctor()
		d.ISPDB = ""
		for _, c := range d.Examine(t.Context(), find(t, snapshot, "a.example")).Clients {
			switch works := c.Works != nil && *c.Works; {
			case c.Name == "Thunderbird" && (!works || c.Incoming != want || c.Outgoing != "mail.a.example:465 implicit TLS"):
				t.Errorf("got %+v, want %s", c, want)
			case c.Name != "Thunderbird" && strings.HasSuffix(c.Incoming, "(EWS)"), c.Name == "FairEmail" && works != !strings.HasSuffix(want, "(EWS)"):
				t.Errorf("got %+v", c)
			}
		}
	}
}

// TestOneLoginForm: every client that reads a document is shown with the same form of the login name, whether the answer is filled in for
// the person or not.
func TestOneLoginForm(t *testing.T) {
	for _, login := range []string{"%EMAILADDRESS%", "%EMAILLOCALPART%", "%EMAILLOCALPART%.x", "x-%EMAILADDRESS%"} {
		snapshot := load(t, usual+fmt.Sprintf("login = %q\n", login))
		w := newWorld(t, snapshot, "a.example")
		clear(w.srv)
		d := w.doctor()
		d.ISPDB = ""
		seen := 0
		for _, c := range d.Examine(t.Context(), find(t, snapshot, "a.example")).Clients {
			if seen++; c.Login != login {
				t.Errorf("%s from %s: got %q, want %q", c.Name, c.From, c.Login, login)
			}
		}
		if seen != len(choices.Clients) {
			t.Errorf("%d clients, want %d", seen, len(choices.Clients))
		}
	}
}

// TestFirstDocument: Delta Chat looks no further than the first well-formed answer, even an empty one or one without servers; a page that
// is not well-formed is no answer to it. Others look further. (Core 2.57.0)
func TestFirstDocument(t *testing.T) {
	const page = "<!doctype html><title>Site</title><p>This is a web site."
	const none = `<clientConfig version="1.1"><emailProvider id="a.example"><domain>a.example</domain></emailProvider></clientConfig>`
	tests := []struct {
		name, text string
		status     int
		found      bool
	}{
		{"no answer", "", 404, true},
		{"a page", page, 200, true},
		{"an error with a document", none, 500, true},
		{"an empty answer", "", 200, false},
		{"an empty answer with status 204", "", 204, false},
		{"plain text", "nothing here", 200, false},
		{"a document without servers", none, 200, false},
	}
	for _, test := range tests {
		snapshot := load(t, usual)
		w := newWorld(t, snapshot, "a.example")
		clear(w.srv)
		w.pages["https://autoconfig.a.example/mail/"] = body(test.status, "text/xml", test.text)
		d := w.doctor()
		d.ISPDB = ""
		for _, c := range d.Examine(t.Context(), find(t, snapshot, "a.example")).Clients {
			switch c.Name {
			case "Delta Chat":
				if c.fails() == test.found || test.found && c.From != "https://autodiscover.a.example" {
					t.Errorf("%s: got %+v, want found %t", test.name, c, test.found)
				}
				if !test.found && !strings.HasSuffix(c.Why, "; the client does not look further") {
					t.Errorf("%s: why %q", test.name, c.Why)
				}
			case "FairEmail":
				if c.fails() {
					t.Errorf("%s: FairEmail: %+v", test.name, c)
				}
			}
		}
	}
}

// TestTie: if SRV records have the same priority, FairEmail prefers STARTTLS for submission, and others implicit TLS.
func TestTie(t *testing.T) {
	snapshot := load(t, usual)
	w := newWorld(t, snapshot, "a.example")
	w.srv["_submission._tcp.a.example"][0].Priority = 0
	d := w.doctor()
	d.ISPDB = ""
	want := map[string]string{"FairEmail": "mail.a.example:587 STARTTLS", "Evolution": "mail.a.example:465 implicit TLS"}
	for _, c := range d.Examine(context.Background(), find(t, snapshot, "a.example")).Clients {
		if want[c.Name] != "" && (c.Outgoing != want[c.Name] || c.From != "SRV records") {
			t.Errorf("%s: got %s from %s, want %s", c.Name, c.Outgoing, c.From, want[c.Name])
		}
	}
}
