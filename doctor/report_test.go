package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"mailhint/dnsrecords"
	"mailhint/probe"
	"mailhint/resolver"
)

// TestHostileText: text from strangers is printable and short in a report.
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
			w.pages["https://autodiscover.a.example/"] = body(200, "text/xml",
				strings.ReplaceAll(otherPOX, "imap.elsewhere.example", "&#x202e;&#x85;"+strings.Repeat("x", 5000)))
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
			t.Errorf("change %d was not reported", i)
		}
		var texts []string
		for _, f := range r.Findings {
			texts = append(texts, f.Subject, f.Text, f.Fix)
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

// TestManyTargets: a zone with very many records whose targets' name servers are slow does not delay the report for long.
func TestManyTargets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		snapshot := load(t, usual)
		w := newWorld(t, snapshot, "a.example")
		w.hosts["autoconfig.thunderbird.net"] = addresses("203.0.113.90")
		for _, name := range dnsrecords.SRVNames("a.example") {
			for i := range 500 {
				w.srv[name] = append(w.srv[name], resolver.SRV{Port: 1, Target: fmt.Sprintf("%d.%s.evil.example", i, name)})
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

// slowAliases takes long to look up aliases.
type slowAliases struct{ *world }

func (s slowAliases) CNAME(_ context.Context, name string) (string, error) {
	time.Sleep(5 * time.Second)
	return "", fmt.Errorf("%s: %w", name, resolver.ErrFailed)
}

// TestPasswordPaste: the lines for our own names must not be an nginx location, which would no longer pass requests on.
func TestPasswordPaste(t *testing.T) {
	snapshot := load(t, usual)
	wants := map[string]string{"autoconfig.a.example": "auth_basic off;", "a.example": "location ^~ /.well-known/autoconfig/ { return 404; }"}
	for host, want := range wants {
		w := newWorld(t, snapshot, "a.example")
		w.hosts["a.example"] = addresses("203.0.113.80")
		w.pages["https://"+host+"/"] = body(401, htmlType, website)
		r := w.doctor().Examine(context.Background(), find(t, snapshot, "a.example"))
		if !slices.Equal(codes(r), []string{"H03"}) {
			t.Fatalf("%s: got %+v", host, r.Findings)
		}
		if paste, _, _ := strings.Cut(r.Findings[0].Paste, "\n"); paste != want {
			t.Errorf("%s: paste %q, want %q", host, paste, want)
		}
	}
}

// TestJSON: other people's programs rely on the form.
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
	want := `{"domain":"a.example","findings":[{"code":"D01","severity":"problem","subject":"autoconfig.a.example",` +
		`"text":"no address in DNS",` +
		`"fix":"Publish this at the domain's name servers:",` +
		`"paste":"autoconfig.a.example. 3600 IN CNAME setup.hoster.example.","page":"docs/codes/D01.md"}],` +
		`"unchecked":[],"clients":[{"name":"Thunderbird","incoming":"mail.a.example:993 implicit TLS",` +
		`"outgoing":"mail.a.example:465 implicit TLS",` +
		`"login":"%EMAILADDRESS%","from":"https://autodiscover.a.example","works":true,"why":""}],"took":0}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestLoopOnce: if a proxy tells the server of all requests that they came over plain http, that is one finding, and the missing PACC document
// is none of its own.
func TestLoopOnce(t *testing.T) {
	snapshot := load(t, usual)
	w := newWorld(t, snapshot, "a.example")
	w.pages["https://"] = w.asHTTP
	d := w.doctor()
	d.ISPDB = ""
	r := d.Examine(t.Context(), find(t, snapshot, "a.example"))
	if len(r.Findings) != 1 || !strings.Contains(r.Findings[0].Paste, "proxy_set_header X-Forwarded-Proto $scheme;") {
		t.Errorf("got %+v", r.Findings)
	}
	if !strings.Contains(r.Findings[0].Fix, "to send X-Forwarded-Proto: https, ") {
		t.Errorf("the advice is %q", r.Findings[0].Fix)
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
		for _, heading := range []string{"## What it means", "## How it happens", "## How to fix it", "## How to check by hand"} {
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
