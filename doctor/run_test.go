package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"mailhint/probe"
	"mailhint/resolver"
)

// TestUnchecked: what could not be checked is not a finding, but is reported.
func TestUnchecked(t *testing.T) {
	tests := []struct {
		name       string
		change     func(*world, *Doctor)
		want       string
		incomplete bool
	}{
		{"name servers that do not answer", func(w *world, _ *Doctor) {
			w.broken["autoconfig.a.example"] = true
			delete(w.cnames, "autoconfig.a.example")
		}, "the addresses of autoconfig.a.example", true},
		{"SRV records that cannot be looked up", func(w *world, _ *Doctor) { w.broken["_imaps._tcp.a.example"] = true },
			"_imaps._tcp.a.example", true},
		{"a mail server that cannot be looked up", func(w *world, _ *Doctor) { w.broken["mail.a.example"] = true },
			"mail.a.example", true},
		{"CAA records that cannot be looked up", func(w *world, _ *Doctor) { w.broken["a.example"] = true },
			"the CAA records of a.example", true},
		{"this server cannot be looked up", func(w *world, _ *Doctor) { w.broken[setupName] = true },
			"the addresses of this server, setup.hoster.example", true},
		{"private addresses", func(w *world, _ *Doctor) {
			for at := range w.servers {
				w.looks[at] = state(probe.Forbidden)
			}
		}, "allow it with --private", true},
		{"an interrupted look", func(w *world, _ *Doctor) {
			w.looks["mail.a.example:993"] = func(l *probe.Look) {
				*l = probe.Look{Port: l.Port, Address: l.Address, Err: errors.New("context canceled")}
			}
		}, "mail.a.example:993: context canceled", true},
		{"a server that limits how often it is asked", func(w *world, _ *Doctor) {
			w.pages["https://autodiscover.a.example/"] = body(429, "text/plain", "Please wait.")
		}, "https://autodiscover.a.example/autodiscover/autodiscover.xml: it limits requests per client (429)", true},
		{"no IPv6 here", func(w *world, _ *Doctor) {
			for at := range w.servers {
				w.looks[at] = func(l *probe.Look) {
					if l.Address.Is6() {
						state(probe.Unreachable)(l)
						l.NoRoute = true
					}
				}
			}
		}, "mail.a.example over IPv6: this machine has no IPv6", false},
		{"a mail server on this machine, which it trusts", func(w *world, d *Doctor) {
			d.local = addresses("198.51.100.25", "2001:db8::25")
			w.looks["mail.a.example:143"] = func(l *probe.Look) { l.Before.Mechanisms = []string{"LOGIN"} }
		}, "mail.a.example:143: whether it accepts passwords before TLS", false},
		{"a server without a name", func(w *world, d *Doctor) { d.Server = "" }, "set name in [server], or use --address", false},
		{"the ISPDB asks for a password", func(w *world, _ *Doctor) { w.pages[defaultISPDB] = body(401, htmlType, website) },
			"the entry in Mozilla's database: status 401 (Unauthorized)", false},
		{"the ISPDB does not answer", func(w *world, _ *Doctor) { w.broken["autoconfig.thunderbird.net"] = true }, "Mozilla's database", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			snapshot := load(t, usual)
			w := newWorld(t, snapshot, "a.example")
			w.hosts["autoconfig.thunderbird.net"] = addresses("203.0.113.90")
			d := w.doctor()
			test.change(w, d)
			r := d.Examine(context.Background(), find(t, snapshot, "a.example"))
			if len(r.Findings) > 0 {
				t.Errorf("got %+v, want no findings", r.Findings)
			}
			if !strings.Contains(strings.Join(r.Unchecked, "\n"), test.want) || r.Incomplete != test.incomplete {
				t.Errorf("not checked %q, incomplete %t; want %q, %t", r.Unchecked, r.Incomplete, test.want, test.incomplete)
			}
		})
	}
}

// TestEachHostOnce: a mail server that domains share is looked at once, even if they are examined at the same time.
func TestEachHostOnce(t *testing.T) {
	text := "[profiles.shared]\nimap = \"mail.hoster.example\"\nsmtp = \"mail.hoster.example\"\ndomains = ["
	var names []string
	for i := range 300 {
		names = append(names, fmt.Sprintf("d%d.example", i))
		text += fmt.Sprintf("%q, ", names[i])
	}
	snapshot := load(t, text+"]\n")
	w := newWorld(t, snapshot, names...)
	d := w.doctor()
	d.ISPDB = ""
	run := Run{Doctor: d, Parallel: 16}
	run.Domains = func(yield func(Domain) bool) {
		for _, name := range names {
			if !yield(find(t, snapshot, name)) {
				return
			}
		}
	}
	if err := run.Examine(t.Context(), func(r Report) error {
		if len(r.Findings) > 0 {
			t.Errorf("%s: %+v", r.Domain, r.Findings)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, port := range []string{"993", "143", "465", "587"} {
		if n := w.looked["mail.hoster.example:"+port]; n != 1 {
			t.Errorf("port %s was looked at %d times, want once", port, n)
		}
	}
}

// TestMemoStaysSmall: a run over very many domains remembers only so much, and keeps what it needs all the time.
func TestMemoStaysSmall(t *testing.T) {
	m := newMemo[int, int]()
	asked := 0
	for i := range 10 * maxAnswers {
		if got := m.do(i+1, func() int { return i + 1 }); got != i+1 {
			t.Fatalf("got %d, want %d", got, i+1)
		}
		m.do(0, func() int { asked++; return 0 })
	}
	if n := m.slots.Len(); n != maxAnswers || asked != 1 {
		t.Errorf("it remembers %d answers, want %d, and asked the same question %d times", n, maxAnswers, asked)
	}
}

// TestOnly: what was not asked for is not looked up.
func TestOnly(t *testing.T) {
	snapshot := load(t, usual)
	w := newWorld(t, snapshot, "a.example")
	delete(w.cnames, "autoconfig.a.example")
	w.looks["mail.a.example:993"] = state(probe.Refused)
	d := w.doctor()
	d.Only = []string{"H"}
	if r := d.Examine(context.Background(), find(t, snapshot, "a.example")); len(r.Findings) > 0 || len(w.looked) > 0 {
		t.Errorf("only H: got %+v, looked at %v", r.Findings, w.looked)
	}
	d = w.doctor()
	d.Only, w.fetched = []string{"M01"}, map[string]int{}
	if r := d.Examine(context.Background(), find(t, snapshot, "a.example")); !slices.Equal(codes(r), []string{"M01"}) || len(w.fetched) > 0 {
		t.Errorf("only M01: got %+v, fetched %v", r.Findings, w.fetched)
	}
}

// TestOnlyUnchecked: something unknown matters only if a code was asked for that depends on it.
func TestOnlyUnchecked(t *testing.T) {
	snapshot := load(t, usual)
	w := newWorld(t, snapshot, "a.example")
	w.broken["_imaps._tcp.a.example"], w.broken["mail.a.example"] = true, true
	for only, want := range map[string]int{"H": 0, "M": 1, "D05": 2} {
		d := w.doctor()
		d.Only = []string{only}
		r := d.Examine(context.Background(), find(t, snapshot, "a.example"))
		if len(r.Unchecked) != want || r.Incomplete != (want > 0) {
			t.Errorf("only %s: not checked %q, want %d", only, r.Unchecked, want)
		}
	}
	if len(w.looked) != 4 { // by M
		t.Errorf("looked at %v", w.looked)
	}
}

// TestHalfAnswered: if only the addresses of one family are known, those are judged, and the others are reported as unchecked.
func TestHalfAnswered(t *testing.T) {
	snapshot := load(t, usual)
	w := newWorld(t, snapshot, "a.example")
	w.hosts["autoconfig.thunderbird.net"] = addresses("203.0.113.90")
	delete(w.cnames, "autoconfig.a.example")
	w.hosts["autoconfig.a.example"] = w.hosts[setupName]
	w.half["autoconfig.a.example"], w.half["mail.a.example"] = true, true
	w.pages["https://autoconfig.a.example/"] = body(200, "text/html", "<title>Site</title>")
	w.looks["mail.a.example:993"] = state(probe.Refused)
	r := w.doctor().Examine(context.Background(), find(t, snapshot, "a.example"))
	if !slices.Equal(codes(r), []string{"H02", "M01"}) || !r.Incomplete || len(r.Unchecked) != 2 {
		t.Errorf("got %+v, not checked %q", r.Findings, r.Unchecked)
	}
	w = newWorld(t, snapshot, "a.example")
	w.half[setupName] = true
	delete(w.cnames, "autoconfig.a.example")
	w.hosts["autoconfig.a.example"], w.pages["https://autoconfig.a.example/"] = w.hosts[setupName], w.ours
	d := w.doctor()
	d.ISPDB, d.Only = "", []string{"D02"}
	if r := d.Examine(context.Background(), find(t, snapshot, "a.example")); len(r.Findings) > 0 || !r.Incomplete {
		t.Errorf("got %+v, incomplete %t", r.Findings, r.Incomplete)
	}
}

// TestLimitedProfiles: the server signs only so many profiles for one client. Those of further domains are there if HEAD, which needs no
// signature, says so.
func TestLimitedProfiles(t *testing.T) {
	snapshot := load(t, usual)
	for kind, want := range map[string]string{"application/x-apple-aspen-config": "", "text/html": "C03"} {
		w := newWorld(t, snapshot, "a.example")
		w.hosts["autoconfig.thunderbird.net"] = addresses("203.0.113.90")
		asked := 0
		w.pages["https://autoconfig.a.example/mobileconfig"] = func(web *probe.Web) {
			if asked++; asked == 1 {
				body(429, "text/plain", "Too many profiles")(web)
				return
			}
			body(200, kind, "")(web)
		}
		r := w.doctor().Examine(t.Context(), find(t, snapshot, "a.example"))
		if got := strings.Join(codes(r), " "); got != want || len(r.Unchecked) > 0 || asked != 2 {
			t.Errorf("%s: got %q, not checked %q, asked %d times; want %q", kind, got, r.Unchecked, asked, want)
		}
	}
}

// TestRedirected: Outlook works if it is redirected to another provider's Autodiscover.
func TestRedirected(t *testing.T) {
	snapshot := load(t, microsoft)
	w := newWorld(t, snapshot, "a.example")
	w.hosts["autoconfig.thunderbird.net"] = addresses("203.0.113.90")
	r := w.doctor().Examine(context.Background(), find(t, snapshot, "a.example"))
	i := slices.IndexFunc(r.Clients, func(c Client) bool { return c.Name == "Outlook (classic)" })
	if c := r.Clients[i]; c.Works == nil || !*c.Works || !strings.Contains(c.Why, "https://autodiscover-s.outlook.com/") {
		t.Errorf("got %+v", c)
	}
}

// TestPasteOfEach: of two lines to paste, one of which ends like the other, both are printed.
func TestPasteOfEach(t *testing.T) {
	snapshot := load(t, usual)
	w := newWorld(t, snapshot, "a.example")
	delete(w.cnames, "autoconfig.a.example")
	w.hosts["autoconfig.a.example"] = w.hosts[setupName]
	w.pages["https://autoconfig.a.example/"] = w.ours
	for _, owner := range []string{"autoconfig.a.example", "a.example"} {
		w.caa[owner] = []resolver.CAA{{Tag: "issue", Value: "other.example"}}
	}
	d := w.doctor()
	d.Issuers, d.Only = []Issuer{{Name: "ca.example"}}, []string{"D07"}
	r := d.Examine(context.Background(), find(t, snapshot, "a.example"))
	const want = "autoconfig.a.example. 3600 IN CAA 0 issue \"ca.example\"\na.example. 3600 IN CAA 0 issue \"ca.example\""
	if len(r.Findings) != 1 || r.Findings[0].Paste != want {
		t.Errorf("got %+v", r.Findings)
	}
}

// TestLimited: settings for some networks only are not reported as missing when seen from elsewhere. The mail servers, without
// encryption and login, are still checked.
func TestLimited(t *testing.T) {
	snapshot := load(t, `[domains."a.example"]
imap = "imap+plain://mail.a.example"
smtp = { url = "submission+plain://mail.a.example", auth = ["none"] }
allow_plaintext = ["10.0.0.0/8"]
`)
	domain, err := Target(t.Context(), snapshot, "a.example")
	if err != nil || !domain.Limited {
		t.Fatalf("limited %t, %v", domain.Limited, err)
	}
	w := newWorld(t, snapshot)
	w.publish(t, domain.Found)
	w.hosts["autoconfig.thunderbird.net"] = addresses("203.0.113.90")
	r := w.doctor().Examine(t.Context(), domain)
	if len(r.Findings) > 0 || r.Incomplete {
		t.Errorf("got %+v, not checked %q", r.Findings, r.Unchecked)
	}
	w.looks["mail.a.example:143"] = state(probe.Silent)
	if r := w.doctor().Examine(t.Context(), domain); !slices.Equal(codes(r), []string{"M01"}) {
		t.Errorf("got %+v, want M01", r.Findings)
	}
}
