package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"mailhint/probe"
	"mailhint/resolver"
	"mailhint/settings"
)

// TestUnchecked: what could not be asked is no finding, and is not passed over either.
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
		{"SRV records about which nobody answers", func(w *world, _ *Doctor) { w.broken["_imaps._tcp.a.example"] = true }, "_imaps._tcp.a.example", true},
		{"a mail server about which nobody answers", func(w *world, _ *Doctor) { w.broken["mail.a.example"] = true }, "mail.a.example", true},
		{"CAA records about which nobody answers", func(w *world, _ *Doctor) { w.broken["a.example"] = true }, "the CAA records of a.example", true},
		{"this server about which nobody answers", func(w *world, _ *Doctor) { w.broken[setupName] = true }, "lead to this server: setup.hoster.example", true},
		{"private addresses", func(w *world, _ *Doctor) {
			for at := range w.servers {
				w.looks[at] = state(probe.Forbidden)
			}
		}, "allow it with --private", true},
		{"no IPv6 here", func(w *world, _ *Doctor) {
			for at := range w.servers {
				w.looks[at] = func(l *probe.Look) {
					if l.Address.Is6() {
						state(probe.Unreachable)(l)
						l.NoRoute = true
					}
				}
			}
		}, "mail.a.example by IPv6: this machine has none", false},
		{"a mail server on this very machine, which trusts it", func(w *world, d *Doctor) {
			d.here = addresses("198.51.100.25", "2001:db8::25")
			w.looks["mail.a.example:143"] = func(l *probe.Look) { l.Before.Mechanisms = []string{"LOGIN"} }
		}, "mail.a.example:143: whether passwords are taken before TLS", false},
		{"a server without a name", func(w *world, d *Doctor) { d.Server = "" }, "set name in [server], or give --address", false},
		{"the ISPDB away", func(w *world, _ *Doctor) { w.broken["autoconfig.thunderbird.net"] = true }, "Mozilla's database", false},
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

// TestEachHostOnce: domains that share a mail server have it looked at once, also when they are examined at the same time.
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
	var running sync.WaitGroup
	free := make(chan struct{}, 16)
	for _, name := range names {
		free <- struct{}{}
		running.Go(func() {
			defer func() { <-free }()
			if r := d.Examine(context.Background(), find(t, snapshot, name)); len(r.Findings) > 0 {
				t.Errorf("%s: %+v", name, r.Findings)
			}
		})
	}
	running.Wait()
	for _, port := range []string{"993", "143", "465", "587"} {
		if n := w.looked["mail.hoster.example:"+port]; n != 1 {
			t.Errorf("port %s was looked at %d times, want once", port, n)
		}
	}
}

// TestMemoStaysSmall: a run over very many domains remembers only so much.
func TestMemoStaysSmall(t *testing.T) {
	var m memo[int, int]
	for i := range 20 * generation {
		if got := m.do(i, func() int { return i }); got != i {
			t.Fatalf("got %d, want %d", got, i)
		}
		if got := m.do(0, func() int { return 0 }); got != 0 {
			t.Fatalf("got %d for what is asked all the time", got)
		}
	}
	if n := len(m.young) + len(m.old); n > 2*generation {
		t.Errorf("it remembers %d answers, want at most %d", n, 2*generation)
	}
}

// TestOnly: what nobody wants to know is not asked.
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

// TestOnlyUnchecked: what could not be found out matters only to whoever wants to know it.
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

// TestHalfAnswered: where name servers tell the addresses of one family only, those are judged, and the others are not forgotten.
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

// TestSentOn: Outlook is well where it is sent on to another provider's Autodiscover.
func TestSentOn(t *testing.T) {
	snapshot := load(t, microsoft)
	w := newWorld(t, snapshot, "a.example")
	w.hosts["autoconfig.thunderbird.net"] = addresses("203.0.113.90")
	r := w.doctor().Examine(context.Background(), find(t, snapshot, "a.example"))
	i := slices.IndexFunc(r.Clients, func(c Client) bool { return c.Name == "Outlook (classic)" })
	if c := r.Clients[i]; !c.Works || !strings.Contains(c.Why, "https://autodiscover-s.outlook.com/") {
		t.Errorf("got %+v", c)
	}
}

// TestPasteOfEach: a line to paste that ends like another is not taken for it.
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
	d.Issuers, d.Only = []string{"ca.example"}, []string{"D07"}
	r := d.Examine(context.Background(), find(t, snapshot, "a.example"))
	const want = "autoconfig.a.example. 3600 IN CAA 0 issue \"ca.example\"\na.example. 3600 IN CAA 0 issue \"ca.example\""
	if len(r.Findings) != 1 || r.Findings[0].Paste != want {
		t.Errorf("got %+v", r.Findings)
	}
}

// TestLimited: settings for some networks only are not missed by those who look from elsewhere; that the mail servers are as they
// should be, without encryption and without a login, is looked at.
func TestLimited(t *testing.T) {
	snapshot := load(t, "[domains.\"a.example\"]\nimap = \"imap+plain://mail.a.example\"\nsmtp = { url = \"submission+plain://mail.a.example\", auth = [\"none\"] }\nallow_plaintext = [\"10.0.0.0/8\"]\n")
	found, ok := snapshot.Lookup(settings.Question{Host: "a.example", Client: netip.MustParseAddr("10.1.2.3")})
	if !ok {
		t.Fatal("not answered for")
	}
	w := newWorld(t, snapshot)
	w.publish(t, found)
	w.hosts["autoconfig.thunderbird.net"] = addresses("203.0.113.90")
	r := w.doctor().Examine(context.Background(), Domain{Found: found, Limited: true})
	if len(r.Findings) > 0 || r.Incomplete {
		t.Errorf("got %+v, not checked %q", r.Findings, r.Unchecked)
	}
	w.looks["mail.a.example:143"] = state(probe.Silent)
	if r := w.doctor().Examine(context.Background(), Domain{Found: found, Limited: true}); !slices.Equal(codes(r), []string{"M01"}) {
		t.Errorf("got %+v, want M01", r.Findings)
	}
}

// TestHostileText: what strangers wrote reaches a terminal printable and short.
func TestHostileText(t *testing.T) {
	const evil = "\x1b]0;owned\x07\u202e\r\n"
	long := evil + strings.Repeat("x", 5000)
	snapshot := load(t, usual)
	changes := []func(*world){
		func(w *world) { w.cnames["autoconfig.a.example"], w.hosts[long] = long, addresses("203.0.113.1") },
		func(w *world) { w.srv["_imaps._tcp.a.example"][0].Target = long },
		func(w *world) { w.txt["_ua-auto-config.a.example"] = []string{"v=UAAC1; " + long} },
		func(w *world) { w.caa["a.example"] = []resolver.CAA{{Critical: true, Tag: long, Value: long}} },
		func(w *world) {
			w.pages["https://autoconfig.a.example/"] = func(web *probe.Web) {
				web.TLS.NameErr, web.TLS.Chain[0].DNSNames = errors.New(long), []string{long, long}
			}
		},
		func(w *world) {
			w.pages["https://autoconfig.a.example/"] = func(web *probe.Web) { web.TLS.ChainErr = errors.New(long) }
		},
		func(w *world) { w.pages["https://autoconfig.a.example/"] = body(200, long, long) },
		func(w *world) {
			w.pages["https://autoconfig.a.example/"] = func(web *probe.Web) { web.Status, web.Location = 302, long }
		},
		func(w *world) { w.pages["https://autoconfig.a.example/mail"] = replace("mail.a.example", long) },
		func(w *world) {
			w.pages["https://autodiscover.a.example/"] = body(200, "text/xml", strings.ReplaceAll(otherPOX, "imap.elsewhere.example", "&#x202e;&#x85;"+strings.Repeat("x", 5000)))
		},
		func(w *world) {
			w.looks["mail.a.example:993"] = func(l *probe.Look) { l.Speaks, l.TLS, l.Err = 0, nil, errors.New(long) }
		},
		func(w *world) {
			w.looks["mail.a.example:993"] = func(l *probe.Look) { l.After.Mechanisms = []string{long} }
		},
	}
	for i, change := range changes {
		w := newWorld(t, snapshot, "a.example")
		w.hosts["autoconfig.thunderbird.net"] = addresses("203.0.113.90")
		change(w)
		r := w.doctor().Examine(context.Background(), find(t, snapshot, "a.example"))
		if len(r.Findings) == 0 {
			t.Errorf("change %d was not noticed", i)
		}
		var texts []string
		for _, f := range r.Findings {
			texts = append(texts, f.Subject, f.Text, f.Do)
			texts = append(texts, strings.Split(f.Paste, "\n")...)
		}
		for _, c := range r.Clients {
			texts = append(texts, c.Incoming, c.Outgoing, c.Login, c.From, c.Why)
		}
		for _, text := range append(texts, r.Unchecked...) {
			if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) || len(text) > 1000 {
				t.Errorf("change %d: %.300q", i, text)
			}
		}
	}
}

// TestManyTargets: a zone with records beyond number, whose targets' name servers are slow, holds nobody up for long.
func TestManyTargets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		snapshot := load(t, usual)
		w := newWorld(t, snapshot, "a.example")
		w.hosts["autoconfig.thunderbird.net"] = addresses("203.0.113.90")
		for _, label := range srvLabels {
			for i := range 500 {
				w.srv[label+"a.example"] = append(w.srv[label+"a.example"], resolver.SRV{Port: 1, Target: fmt.Sprintf("%d.%sevil.example", i, label)})
			}
		}
		d := w.doctor()
		d.Resolver = slowAliases{w}
		start := time.Now()
		r := d.Examine(t.Context(), find(t, snapshot, "a.example"))
		if took := time.Since(start); took > 30*time.Second || len(r.Findings) == 0 || len(r.Findings) > 300 {
			t.Errorf("it took %s, %d findings", took, len(r.Findings))
		}
	})
}

// slowAliases answers questions for aliases late.
type slowAliases struct{ *world }

func (s slowAliases) CNAME(_ context.Context, name string) (string, error) {
	time.Sleep(5 * time.Second)
	return "", fmt.Errorf("%s: %w", name, resolver.ErrFailed)
}

// TestJSON: the form is what programs of others read.
func TestJSON(t *testing.T) {
	snapshot := load(t, usual)
	w := newWorld(t, snapshot, "a.example")
	d := w.doctor()
	d.Only, d.ISPDB = []string{"D", "C"}, ""
	delete(w.cnames, "autoconfig.a.example")
	r := d.Examine(context.Background(), find(t, snapshot, "a.example"))
	r.Took, r.Clients = 0, r.Clients[:1]
	got, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"domain":"a.example","findings":[{"code":"D01","severity":"problem","subject":"autoconfig.a.example","text":"DNS has no address for it",` +
		`"do":"Publish it, at the name servers of the domain:","paste":"autoconfig.a.example. 3600 IN CNAME setup.hoster.example.","page":"docs/codes/D01.md"}],` +
		`"unchecked":[],"clients":[{"name":"Thunderbird","incoming":"mail.a.example:993 implicit TLS","outgoing":"mail.a.example:465 implicit TLS",` +
		`"login":"%EMAILADDRESS%","from":"https://autodiscover.a.example","works":true,"why":""}],"took":0}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestPages: every code has a page with the four parts, and every page a code.
func TestPages(t *testing.T) {
	for _, i := range Codes {
		text, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(i.Code.Page())))
		if err != nil {
			t.Error(err)
			continue
		}
		lines := strings.Split(string(text), "\n")
		if want := "# " + string(i.Code) + ": " + i.Title; lines[0] != want {
			t.Errorf("%s begins with %q, want %q", i.Code.Page(), lines[0], want)
		}
		for _, heading := range []string{"## What it means", "## How it happens", "## How to mend it", "## How to check by hand"} {
			if !slices.Contains(lines, heading) {
				t.Errorf("%s has no line %q", i.Code.Page(), heading)
			}
		}
	}
	files, err := filepath.Glob("../docs/codes/*.md")
	if err != nil || len(files) != len(Codes) {
		t.Errorf("%d pages, %d codes: %v", len(files), len(Codes), err)
	}
}
