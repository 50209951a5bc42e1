package compare

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"mailhint/choices"
	"mailhint/dnsrecords"
	"mailhint/resolver"
	"mailhint/settings"
)

// xmlServer is a server of config-v1.1.xml.
func xmlServer(way, kind, host string, port int, tls, login, auth string) string {
	return fmt.Sprintf(`<%sServer type="%s"><hostname>%s</hostname><port>%d</port><socketType>%s</socketType><username>%s</username>`+
		`<authentication>%s</authentication></%[1]sServer>`, way, kind, host, port, tls, login, auth)
}

// oldConfig answers with these servers for Thunderbird, and with nothing for others.
func oldConfig(servers ...string) Answers {
	body := `<clientConfig><emailProvider id="a.example"><domain>a.example</domain>` + strings.Join(servers, "") + `</emailProvider></clientConfig>`
	return Answers{found: settings.Found{Settings: &settings.Settings{}}, Web: map[choices.Place]Page{
		choices.ConfigHost: {Answer: choices.Answer{Status: 200, ContentType: "text/xml", Body: []byte(body), Good: true}},
	}}
}

// TestKinds: each kind of change, and why some are made on purpose.
func TestKinds(t *testing.T) {
	const login, password = "%EMAILADDRESS%", "password-cleartext"
	imap := xmlServer("incoming", "imap", "imap.a.example", 993, "SSL", login, password)
	smtp := xmlServer("outgoing", "smtp", "smtp.a.example", 465, "SSL", login, password)
	for _, test := range []struct {
		name    string
		old     Answers
		want    string // what, kinds, old and new
		purpose string
	}{
		{"same", oldConfig(imap, smtp), "", ""},
		{"further servers", oldConfig(imap, xmlServer("incoming", "imap", "other.example", 143, "STARTTLS", login, password), smtp), "", ""},
		{"the address written out", oldConfig(strings.Replace(imap, login, "ann@a.example", 1), smtp), "", ""},
		{"another form of the address", oldConfig(strings.Replace(imap, login, "%EMAILLOCALPART%@%EMAILDOMAIN%", 1), smtp), "", ""},
		{"capitals", oldConfig(strings.Replace(imap, "imap.a.example", "IMAP.A.Example", 1), smtp), "", ""},
		{"a placeholder in the host", oldConfig(strings.Replace(imap, "imap.a.example", "imap.%EMAILDOMAIN%", 1), smtp), "", ""},
		{"host", oldConfig(strings.Replace(imap, "imap.a", "mail.a", 1), smtp),
			"incoming server [host] mail.a.example:993 implicit TLS|imap.a.example:993 implicit TLS", ""},
		{"port", oldConfig(imap, strings.Replace(smtp, "465", "2465", 1)),
			"outgoing server [port] smtp.a.example:2465 implicit TLS|smtp.a.example:465 implicit TLS", ""},
		{"STARTTLS", oldConfig(xmlServer("incoming", "imap", "imap.a.example", 143, "STARTTLS", login, password), smtp),
			"incoming server [port TLS] imap.a.example:143 STARTTLS|imap.a.example:993 implicit TLS", "implicit TLS is preferred"},
		{"the wrong TLS mode", oldConfig(strings.Replace(imap, "SSL", "STARTTLS", 1), smtp),
			"incoming server [TLS] imap.a.example:993 STARTTLS|imap.a.example:993 implicit TLS", "contradicts itself"},
		{"no encryption", oldConfig(xmlServer("incoming", "imap", "imap.a.example", 143, "plain", login, password), smtp),
			"incoming server [port TLS] imap.a.example:143 no encryption|imap.a.example:993 implicit TLS", "without encryption"},
		{"protocol", oldConfig(xmlServer("incoming", "pop3", "imap.a.example", 995, "SSL", login, password), smtp),
			"incoming server [protocol port] POP3 imap.a.example:995 implicit TLS|imap.a.example:993 implicit TLS", ""},
		{"login", oldConfig(strings.Replace(imap, login, "%EMAILLOCALPART%", 1), smtp), "incoming login name [login] %EMAILLOCALPART%|%EMAILADDRESS%", ""},
		{"the local part written out", oldConfig(strings.Replace(imap, login, "ann", 1), smtp), "incoming login name [login] %EMAILLOCALPART%|%EMAILADDRESS%", ""},
		{"no login", oldConfig(strings.Replace(imap, "<username>%EMAILADDRESS%</username>", "", 1), smtp),
			"incoming login name [login] undefined|%EMAILADDRESS%", "missing or empty"},
		{"sign-in", oldConfig(strings.Replace(imap, password, "password-encrypted", 1), smtp), "incoming sign-in [sign-in] password-encrypted|password", ""},
		{"nothing", Answers{found: settings.Found{Settings: &settings.Settings{}}},
			"settings [gained] none|imap.a.example:993 implicit TLS, smtp.a.example:465 implicit TLS", ""},
		{"unusable", oldConfig(imap), "settings [gained] none|imap.a.example:993 implicit TLS, smtp.a.example:465 implicit TLS", "cannot use the old answer: no outgoing server"},
	} {
		t.Run(test.name, func(t *testing.T) {
			target, err := NewTarget(t.Context(), load(t, "[domains.\"a.example\"]\nimap = \"imap.a.example\"\nsmtp = \"smtp.a.example\"\n"), ann)
			if err != nil {
				t.Fatal(err)
			}
			r := Compare(test.old, Configured(target.Found, ann, nil, nil), ann)
			var got []Change
			for _, c := range r.Changes {
				if slices.Contains(c.Clients, choices.Thunderbird) {
					got = append(got, c)
				}
			}
			if test.want == "" {
				if len(got) > 0 {
					t.Errorf("got %+v", got)
				}
				return
			}
			if len(got) != 1 {
				t.Fatalf("got %+v", got)
			}
			if text := fmt.Sprintf("%s %v %s|%s", got[0].What, got[0].Kinds, got[0].Old, got[0].New); text != test.want ||
				!strings.Contains(got[0].Purpose, test.purpose) || (got[0].Purpose == "") != (test.purpose == "") {
				t.Errorf("got %s, on purpose: %q", text, got[0].Purpose)
			}
		})
	}
}

// TestLost: a domain that the configuration does not have is the worst that can happen to its people.
func TestLost(t *testing.T) {
	old := newOld(t, automx2("a.example"))
	text, summary := report(t, old, load(t, "[domains.\"b.example\"]\nimap = \"imap.b.example\"\nsmtp = \"smtp.b.example\"\n"), "ann@a.example")
	if len(summary.Kinds) != 1 || summary.Kinds[0].Kind != Lost || !slices.Contains(summary.Kinds[0].Clients, choices.Thunderbird) ||
		!strings.Contains(text, "settings (lost): Thunderbird") || summary.OnPurpose != 0 {
		t.Errorf("got %+v\n%s", summary, text)
	}
}

// dns is a resolver that has SRV records.
type dns struct {
	records map[string]resolver.SRV
	err     error
}

func (d dns) SRV(_ context.Context, name string) ([]resolver.SRV, error) {
	if r, ok := d.records[name]; ok && d.err == nil {
		return []resolver.SRV{r}, nil
	}
	if d.err != nil {
		return nil, d.err
	}
	return nil, resolver.ErrNone
}
func (dns) Host(context.Context, string) ([]netip.Addr, string, error) {
	return nil, "", resolver.ErrNone
}
func (dns) CNAME(context.Context, string) (string, error) { return "", resolver.ErrNone }
func (dns) TXT(context.Context, string) ([]string, error) { return nil, resolver.ErrNone }

// TestSRV: SRV records stay what they are, so that clients that take them first notice nothing; but they should say what the configuration says.
func TestSRV(t *testing.T) {
	old := newOld(t, mailcow("mail.cow.example"))
	snapshot := load(t, "[domains.\"a.example\"]\nimap = \"imap.a.example\"\nsmtp = \"smtp.a.example\"\n")
	compare := func(r dnsrecords.Resolver) Result {
		target, err := NewTarget(t.Context(), snapshot, ann)
		if err != nil {
			t.Fatal(err)
		}
		var got Result
		run := Run{Server: old, Resolver: r, Targets: slices.Values([]Target{target})}
		if err := run.Compare(t.Context(), func(r Result) error { got = r; return nil }); err != nil {
			t.Fatal(err)
		}
		return got
	}
	changed := func(r Result, client string) bool {
		return slices.ContainsFunc(r.Changes, func(c Change) bool { return slices.Contains(c.Clients, client) })
	}
	imaps, submissions := "_imaps._tcp.a.example", "_submissions._tcp.a.example"
	same := dns{records: map[string]resolver.SRV{imaps: {Port: 993, Target: "imap.a.example"}, submissions: {Port: 465, Target: "smtp.a.example"}}}
	if r := compare(same); changed(r, "Evolution") || changed(r, "FairEmail") || changed(r, choices.SRVClients) || !changed(r, choices.Thunderbird) {
		t.Errorf("the same records: got %+v", r)
	}
	other := dns{records: map[string]resolver.SRV{imaps: {Port: 993, Target: "mail.cow.example"}, submissions: {Port: 465, Target: "smtp.a.example"}}}
	if r := compare(other); changed(r, "Evolution") || !changed(r, choices.SRVClients) {
		t.Errorf("other records: got %+v", r)
	}
	if r := compare(dns{}); !changed(r, "Evolution") || changed(r, choices.SRVClients) || len(r.Unchecked) > 0 {
		t.Errorf("no records: got %+v", r)
	}
	if r := compare(dns{err: resolver.ErrFailed}); changed(r, "Evolution") || !changed(r, choices.Thunderbird) || len(r.Unchecked) != 1 ||
		!strings.Contains(r.Unchecked[0], "Evolution, FairEmail, "+choices.SRVClients+": ") {
		t.Errorf("no answer: got %+v", r)
	}
}

// TestJSON: the document is valid, whatever there is to print.
func TestJSON(t *testing.T) {
	for n := range 3 {
		var b strings.Builder
		p := &JSONPrinter{Out: &b, Server: "https://old.example"}
		var s Summary
		for range n {
			r := Result{Domain: "a.example", Changes: []Change{{Clients: []string{"X"}, What: "URL", Kinds: []Kind{URL}, Old: "\u202e\"", New: "<&>"}}, Unchecked: []string{}}
			s.Add(r)
			if err := p.Print(r); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.End(s); err != nil {
			t.Fatal(err)
		}
		var got struct {
			With    string
			Domains []Result
			Summary Summary
		}
		if err := json.Unmarshal([]byte(b.String()), &got); err != nil || len(got.Domains) != n || got.Summary.Changed != n || got.With != "https://old.example" {
			t.Errorf("%d results: %v\n%s", n, err, b.String())
		}
	}
}

// TestRedirected: a redirect of Autodiscover to another provider is the same before and after, and a change if only one side has it.
func TestRedirected(t *testing.T) {
	const microsoft = "https://autodiscover-s.outlook.com/autodiscover/autodiscover.xml"
	old := newOld(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "autodiscover.xml") {
			http.Redirect(w, r, microsoft, http.StatusFound)
			return
		}
		http.NotFound(w, r)
	}))
	config := "[domains.\"a.example\"]\nimap = \"imap.a.example\"\nsmtp = \"smtp.a.example\"\n"
	text, _ := report(t, old, load(t, config+"autodiscover = \"redirect:"+microsoft+"\"\n"), "ann@a.example")
	if strings.Contains(text, "Outlook") {
		t.Errorf("got\n%s", text)
	}
	text, summary := report(t, old, load(t, config), "ann@a.example")
	if summary.Unchecked != 1 || !strings.Contains(text, "not checked: Thunderbird, Outlook (classic)") || !strings.Contains(text, "autodiscover-s.outlook.com, which was not followed") {
		t.Errorf("got\n%s", text)
	}
}
