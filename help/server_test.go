package help

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"mailhint/domains"
	"mailhint/edge"
	"mailhint/edge/edgetest"
	"mailhint/settings"
	"mailhint/texts"
)

const pageDomains = `
[profiles.m365]
name = "Moved"
imap = "imaps://imap.moved.example"
smtp = "submission://smtp.moved.example"
[domains."a.example"]
name = "A Mail"
imap = "imap.%EMAILDOMAIN%"
smtp = "smtp.%EMAILDOMAIN%"
webmail = "https://mail.%EMAILDOMAIN%/"
logo = "logo.png"
accent = "#0b6e4f"
[domains."b.example"]
imap = "imap.b.example"
smtp = "smtp.b.example"
[domains."rules.example"]
imap = "imap.rules.example"
smtp = "smtp.rules.example"
[[domains."rules.example".rules]]
from = ["10.0.0.0/8"]
profile = "m365"
[domains."lab.example"]
imap = "imap+plain://imap.lab.example"
smtp = "submission+plain://smtp.lab.example"
allow_plaintext = ["10.0.0.0/8"]
[domains."off.example"]
enabled = false
`

func loadPage(t testing.TB) *domains.Snapshot {
	t.Helper()
	dir := t.TempDir()
	var logo bytes.Buffer
	if err := png.Encode(&logo, image.NewGray(image.Rect(0, 0, 40, 10))); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "logo.png"), logo.Bytes(), 0o600), os.WriteFile(filepath.Join(dir, "domains.toml"), []byte(pageDomains), 0o600)); err != nil {
		t.Fatal(err)
	}
	s, err := domains.Load(filepath.Join(dir, "domains.toml"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// visitor asks a Handler as a browser does.
type visitor struct {
	t    testing.TB
	help http.Handler
	// change may add to a request.
	change func(*http.Request)
}

func newVisitor(t testing.TB) *visitor {
	h := New(loadPage(t).Lookup, slog.New(slog.DiscardHandler))
	h.Own = "setup.example.net"
	return &visitor{t: t, help: h}
}

func (v *visitor) get(target string) *httptest.ResponseRecorder {
	return v.send(httptest.NewRequest(http.MethodGet, target, nil))
}

func (v *visitor) post(target string, values ...string) *httptest.ResponseRecorder {
	form := url.Values{}
	for i := 0; i < len(values); i += 2 {
		form.Set(values[i], values[i+1])
	}
	r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return v.send(r)
}

func (v *visitor) send(r *http.Request) *httptest.ResponseRecorder {
	if v.change != nil {
		v.change(r)
	}
	w := httptest.NewRecorder()
	v.help.ServeHTTP(w, r)
	return w
}

const atA = "https://autoconfig.a.example/"

// The page is at every name, and looks like the provider's at the names of a domain that is configured.
func TestStart(t *testing.T) {
	v := newVisitor(t)
	generic := v.get("https://192.0.2.1/").Body.String()
	for host, name := range map[string]string{
		"autoconfig.a.example": "A Mail", "autodiscover.a.example": "A Mail", "ua-auto-config.a.example": "A Mail", "a.example": "A Mail", "b.example": "b.example",
		"setup.example.net": "", "autoconfig.off.example": "", "autoconfig.unknown.example": "", "autoconfig.lab.example": "",
	} {
		w := v.get("https://" + host + "/?emailaddress=ann@a.example")
		body := w.Body.String()
		if w.Code != 200 || strings.Contains(body, "ann@") {
			t.Errorf("%s: %d\n%s", host, w.Code, body)
		}
		if name == "" && body != generic {
			t.Errorf("%s: the page is not the one for everyone:\n%s", host, body)
		}
		if name != "" && (!strings.Contains(body, name) || body == generic) {
			t.Errorf("%s: the page does not name %s", host, name)
		}
	}
}

// Which language a page is in depends on the browser, and on what the person has chosen; the headers tell caches so.
func TestLanguages(t *testing.T) {
	v := newVisitor(t)
	for _, l := range texts.Languages() {
		v.change = func(r *http.Request) { r.Header.Set("Accept-Language", l.Tag()+"-XX,en;q=0.5") }
		for _, w := range []*httptest.ResponseRecorder{v.get(atA), v.post(atA, "email", "ann@a.example"), v.post(atA, "email", "ann@unknown.example")} {
			if w.Header().Get("Content-Language") != l.Tag() || w.Header().Get("Vary") != "Accept-Language" || !strings.Contains(w.Body.String(), `<html lang="`+l.Tag()+`">`) {
				t.Errorf("%s: %v", l, w.Header())
			}
		}
	}
	for _, w := range []*httptest.ResponseRecorder{v.get(atA + "?lang=de"), v.post(atA, "email", "ann@a.example", "lang", "de")} {
		if w.Header().Get("Content-Language") != "de" {
			t.Errorf("the choice does not count: %v", w.Header())
		}
	}
}

// Nothing tells whether there is a mailbox: besides the address itself, the answers are the same to the octet.
func TestMailboxesLookTheSame(t *testing.T) {
	v := newVisitor(t)
	one, other := v.post(atA, "email", "known@a.example"), v.post(atA, "email", "hardly@a.example")
	if a, b := strings.ReplaceAll(one.Body.String(), "known@", "x@"), strings.ReplaceAll(other.Body.String(), "hardly@", "x@"); a != b || one.Code != 200 {
		t.Errorf("the answers differ:\n%s\n%s", a, b)
	}
	for name := range one.Header() {
		if name != "Content-Length" && one.Header().Get(name) != other.Header().Get(name) {
			t.Errorf("%s differs: %q, %q", name, one.Header().Get(name), other.Header().Get(name))
		}
	}
}

// A stranger learns of a domain what the discovery answers say, and of others nothing.
func TestStrangers(t *testing.T) {
	v := newVisitor(t)
	unknown := v.post(atA, "email", "ann@unknown.example")
	for _, d := range []string{"off.example", "lab.example"} { // disabled, and not for this network
		w := v.post(atA, "email", "ann@"+d)
		if got, want := strings.ReplaceAll(w.Body.String(), d, "unknown.example"), unknown.Body.String(); w.Code != 404 || got != want {
			t.Errorf("%s does not look unknown: %d", d, w.Code)
		}
	}
	if body := unknown.Body.String(); !strings.Contains(body, `value="ann@unknown.example"`) || strings.Contains(body, "b.example") || unknown.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%v\n%s", unknown.Header(), body)
	}
	v.change = func(r *http.Request) { r.RemoteAddr = "10.1.2.3:4711" }
	for address, host := range map[string]string{"ann@lab.example": "imap.lab.example", "ann@rules.example": "imap.moved.example"} {
		if w := v.post(atA, "email", address); w.Code != 200 || !strings.Contains(w.Body.String(), host) {
			t.Errorf("%s inside the network: %d", address, w.Code)
		}
	}
	v.change = nil
	if w := v.post(atA, "email", "ann@rules.example"); w.Code != 200 || strings.Contains(w.Body.String(), "moved") || !strings.Contains(w.Body.String(), "imap.rules.example") {
		t.Errorf("outside the network: %d\n%s", w.Code, w.Body)
	}
}

// Every page keeps search engines, other sites and caches out.
func TestHeaders(t *testing.T) {
	v := newVisitor(t)
	const before, after = "default-src 'none'; script-src 'self'; style-src 'self'", "; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	for name, test := range map[string]struct {
		answer       *httptest.ResponseRecorder
		cacheControl string
	}{
		"start":                     {v.get(atA), "private, max-age=300"},
		"start of nobody":           {v.get("https://192.0.2.1/"), "private, max-age=300"},
		"start that differs inside": {v.get("https://autoconfig.rules.example/"), "private, no-store"},
		"not an address":            {v.post(atA, "email", "ann"), "no-store"},
		"unknown":                   {v.post(atA, "email", "ann@unknown.example"), "no-store"},
		"answer":                    {v.post(atA, "email", "ann@a.example"), "no-store"},
	} {
		header, body := test.answer.Header(), test.answer.Body.String()
		if got := header.Get("Cache-Control"); got != test.cacheControl {
			t.Errorf("%s: Cache-Control %q, want %q", name, got, test.cacheControl)
		}
		style, _ := strings.CutPrefix(header.Get("Content-Security-Policy"), before)
		style, ok := strings.CutSuffix(style, after)
		if !ok || style != "" && !strings.HasPrefix(style, " 'sha256-") {
			t.Errorf("%s: Content-Security-Policy %q", name, header.Get("Content-Security-Policy"))
		}
		if !strings.Contains(body, `<meta name="robots" content="noindex, nofollow">`) {
			t.Errorf("%s: search engines may list it", name)
		}
		if strings.Count(body, "rel=\"noreferrer\"") != strings.Count(body, `<a href="http`) {
			t.Errorf("%s: a link tells the other site where it is", name)
		}
	}
	if !strings.Contains(v.post(atA, "email", "ann@a.example").Body.String(), `<a href="https://mail.a.example/" rel="noreferrer">`) {
		t.Error("there is no link to look at")
	}
}

// The steps are for the usual program of the device, unless the person chooses another, and all others can be chosen.
func TestDevices(t *testing.T) {
	v := newVisitor(t)
	agent := ""
	v.change = func(r *http.Request) { r.Header.Set("User-Agent", agent) }
	for text, want := range map[string]string{
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) Safari/604.1": "ios", "Mozilla/5.0 (iPad; CPU OS 18_6 like Mac OS X) Safari/604.1": "ios",
		"Mozilla/5.0 (iPod touch; CPU iPhone OS 15_8 like Mac OS X)": "ios", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Safari/605.1.15": "apple-mail",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) Edg/142.0.0.0": "outlook-new", "Mozilla/5.0 (Linux; Android 10; K) Chrome/142.0.0.0 Mobile": "gmail",
		"Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Firefox/145.0": "thunderbird", "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0)": "thunderbird",
		"": "thunderbird", "curl/8": "thunderbird", strings.Repeat("x", 10_000) + "iPhone": "thunderbird",
	} {
		agent = text
		for chosen, want := range map[string]string{"": want, "kmail": "kmail", "gnus": want} {
			body := v.post(atA, "email", "ann@a.example", "program", chosen).Body.String()
			if !strings.Contains(body, `<option value="`+want+`" selected>`) || strings.Count(body, "<option value=") != len(IDs())+len(texts.Languages()) {
				t.Errorf("%.60s, chosen %q: not %s, or not all programs", text, chosen, want)
			}
		}
	}
}

// A phone breaks the lines of a command between its words only, so that nobody types "- Port".
func TestCommandsBreakBetweenWords(t *testing.T) {
	const want = `<pre><code><span>Test-NetConnection</span> <span>imap.a.example</span> <span>-Port</span> <span>993</span></code></pre>`
	if body := newVisitor(t).post(atA, "email", "ann@a.example").Body.String(); !strings.Contains(body, want) {
		t.Errorf("no %s in\n%s", want, body)
	}
}

// A form on another site is not answered; one of ours is, whichever way the browser says where it comes from.
func TestForeignForms(t *testing.T) {
	v := newVisitor(t)
	for _, test := range []struct {
		site, origin string
		ok           bool
	}{
		{"same-origin", "https://autoconfig.a.example", true}, {"none", "", true}, {"", "https://autoconfig.a.example", true}, {"", "https://autoconfig.a.example:8443", true}, {"", "", true},
		{"cross-site", "https://evil.example", false}, {"same-site", "https://www.a.example", false}, {"", "https://evil.example", false}, {"", "null", false},
		{"", "https://autoconfig.a.example.evil.example", false}, {"", "://", false}, {"", "https://evil.example@autoconfig.a.example", true},
	} {
		v.change = func(r *http.Request) {
			if test.site != "" {
				r.Header.Set("Sec-Fetch-Site", test.site)
			}
			if test.origin != "" {
				r.Header.Set("Origin", test.origin)
			}
		}
		w := v.post(atA, "email", "ann@a.example")
		if ok := w.Code == 200; ok != test.ok || !ok && (w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/") {
			t.Errorf("%+v: %d %v", test, w.Code, w.Header())
		}
	}
}

// Over plain http, browsers are sent to https, at a name that has a certificate; health checks are answered.
func TestPlainHTTP(t *testing.T) {
	v := newVisitor(t)
	check := func(w *httptest.ResponseRecorder, status int, location string) {
		t.Helper()
		if w.Code != status || w.Header().Get("Location") != location {
			t.Errorf("%d to %q, want %d to %q", w.Code, w.Header().Get("Location"), status, location)
		}
	}
	check(v.get("http://autoconfig.a.example/"), 200, "")
	check(v.post("http://autoconfig.a.example/", "email", "ann@a.example"), 303, "https://autoconfig.a.example/")
	check(v.post("http://192.0.2.1/", "email", "ann@a.example"), 303, "https://setup.example.net/")
	v.change = func(r *http.Request) { r.Header.Set("Upgrade-Insecure-Requests", "1") }
	check(v.get("http://autoconfig.a.example/"), 303, "https://autoconfig.a.example/")
	check(v.get("http://a.example/"), 303, "https://autoconfig.a.example/")
	check(v.get("http://setup.example.net/"), 303, "https://setup.example.net/")
	check(v.get("http://evil.example/"), 200, "")
	check(v.get("http://192.0.2.1/"), 200, "")
}

// What a stranger sends is text in the page and nothing else, in the address, the language and the program.
func TestHostilePosts(t *testing.T) {
	v := newVisitor(t)
	plain := strings.Count(v.post(atA, "email", "ann@a.example").Body.String(), "<")
	addresses := slices.Clone(edgetest.Hostile)
	for _, text := range edgetest.Hostile {
		addresses = append(addresses, text+"@a.example", text+"@unknown.example", "ann@"+text)
	}
	for _, address := range append(addresses, `"><script>alert(1)</script>@a.example`, `"<b>"@a.example`, "a\u202eb@a.example", "a\u202eb@unknown.example", "\ue000\ue001@a.example", "%EMAILLOCALPART%@a.example") {
		for _, target := range []string{atA, "https://setup.example.net/"} {
			w := v.post(target, "email", address, "lang", address, "program", address)
			body := w.Body.String()
			if w.Code != 200 && w.Code != 400 && w.Code != 404 {
				t.Errorf("%q: status %d", address, w.Code)
			}
			if strings.Contains(body, "<script>alert") || strings.Contains(body, "<b>") || strings.ContainsAny(body, "\u202e\x00\ufeff") {
				t.Errorf("%q is repeated as it is:\n%s", address, body)
			}
			if n := strings.Count(body, "<"); w.Code == 200 && target == atA && n > plain {
				t.Errorf("%q: the page has %d tags, want at most %d", address, n, plain)
			}
		}
	}
	for _, body := range []string{"", "email=", "email=%zz", "email=" + strings.Repeat("a", 60_000) + "%40a.example", strings.Repeat("email=a&", 5000)} {
		r := httptest.NewRequest(http.MethodPost, atA, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if w := v.send(r); w.Code != 400 || w.Body.Len() > 20_000 {
			t.Errorf("%.30q: status %d, %d octets", body, w.Code, w.Body.Len())
		}
	}
	if w := v.send(httptest.NewRequest(http.MethodPost, atA, strings.NewReader("email=ann@a.example"))); w.Code != http.StatusUnsupportedMediaType {
		t.Errorf("not a form: %d", w.Code)
	}
}

// Faults of the store are explained.
func TestUnavailable(t *testing.T) {
	v := &visitor{t: t, help: New(edgetest.Failing(settings.ErrUnavailable), slog.New(slog.DiscardHandler))}
	if w := v.get(atA); w.Code != 200 { // the form needs no settings
		t.Errorf("the form: %d", w.Code)
	}
	if w := v.post(atA, "email", "ann@a.example"); w.Code != 503 || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "<html") {
		t.Errorf("the answer: %d %v", w.Code, w.Header())
	}
}

// What was last seen of the servers is new in each answer, although the page is prepared.
func TestSeen(t *testing.T) {
	h := New(loadPage(t).Lookup, slog.New(slog.DiscardHandler))
	state := "good"
	h.Seen = func(host string, s settings.Server) (string, time.Time) {
		if host != "imap.a.example" || s.Port != 993 {
			return "unknown", time.Time{}
		}
		return state, time.Now().Add(-5*time.Minute - time.Second)
	}
	v := &visitor{t: t, help: h}
	for _, test := range []struct{ state, class string }{{"good", "good"}, {"closed", "bad"}, {"ipv6", "warn"}} {
		state = test.state
		body := v.post(atA, "email", "ann@a.example", "lang", "en").Body.String()
		want := `<li class="` + test.class + `">` + texts.For(texts.English).Text("trouble."+test.state, "server", "imap.a.example", "port", "993")
		if !strings.Contains(body, want) || !strings.Contains(body, texts.For(texts.English).Text("trouble.minutes_ago", "count", 5)) {
			t.Errorf("%s: no %q in\n%s", test.state, want, body)
		}
		if strings.Count(body, `<li class="unknown">`) != 3 {
			t.Errorf("%s: the other servers are known", test.state)
		}
	}
}

// However many domains, languages and programs are asked for, memory is bounded, and so is the time that one client takes.
func TestFlood(t *testing.T) { synctest.Test(t, flood) } // its clock stands still

func flood(t *testing.T) {
	h := New(func(_ context.Context, q settings.Question) (settings.Found, error) {
		d := q.Address.Domain
		if d == "" {
			return settings.Found{}, settings.ErrDomainNotFound
		}
		return found(usual, d), nil
	}, slog.New(slog.DiscardHandler))
	var client string
	v := &visitor{t: t, help: h, change: func(r *http.Request) { r.RemoteAddr = client }}
	for i := range maxPages + 10 {
		client = fmt.Sprintf("192.0.2.%d:1000", i/200)
		if w := v.post(atA, "email", fmt.Sprintf("ann@d%d.example", i)); w.Code != 200 {
			t.Fatalf("%d: %d", i, w.Code)
		}
	}
	if n := h.pages.Len(); n != maxPages {
		t.Errorf("%d pages are kept", n)
	}
	client, refused := "192.0.2.200:1000", 0
	for i := range 2 * preparedBurst {
		w := v.post(atA, "email", fmt.Sprintf("ann@e%d.example", i), "lang", "de")
		if w.Code == http.StatusTooManyRequests {
			refused++
			if w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), `<html lang="de">`) {
				t.Fatalf("%v\n%s", w.Header(), w.Body)
			}
		} else if w.Code != 200 {
			t.Fatalf("%d: %d", i, w.Code)
		}
	}
	if refused != preparedBurst || int(h.budget.Refused()) != refused {
		t.Errorf("%d requests were refused, want %d", refused, preparedBurst)
	}
	if w := v.post(atA, "email", "bob@e0.example", "lang", "de"); w.Code != 200 {
		t.Errorf("a page that is kept: %d", w.Code)
	}
	client = "192.0.2.201:1000"
	if w := v.post(atA, "email", "ann@another.example"); w.Code != 200 {
		t.Errorf("a neighbour: %d", w.Code)
	}
}

// Everything that is bounded has a metric.
func TestCollectors(t *testing.T) {
	v := newVisitor(t)
	h := v.help.(*Handler)
	v.post(atA, "email", "ann@a.example")
	v.post(atA, "email", "bob@a.example")
	a := NewAssets(h, nil)
	a.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, atA[:len(atA)-1]+edge.CodePath, nil))
	for name, want := range map[string]float64{
		"mailhint_pages_prepared_total": 1, "mailhint_pages_kept": 1, "mailhint_pages_refused_total": 0, "mailhint_page_codes_kept": 1,
	} {
		registry := prometheus.NewRegistry()
		registry.MustRegister(h, a)
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		got := -1.0
		for _, f := range families {
			if f.GetName() == name {
				got = f.Metric[0].GetCounter().GetValue() + f.Metric[0].GetGauge().GetValue()
			}
		}
		if got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
}

// The files of pages are found at their own paths, and logos only by the name of one that is in use.
func TestAssets(t *testing.T) {
	s := loadPage(t)
	h := New(s.Lookup, slog.New(slog.DiscardHandler))
	a := NewAssets(h, s.Logo)
	found, _ := s.Lookup(context.Background(), settings.Question{Host: "a.example"})
	for path, kind := range map[string]string{
		edge.StylePath: "text/css; charset=utf-8", edge.ScriptPath: "text/javascript; charset=utf-8", edge.IconPath: "image/svg+xml", edge.CodePath: "image/svg+xml",
		edge.LogoPath + found.Logo.Name: "image/png", edge.LogoPath: "", edge.LogoPath + "other.png": "", edge.LogoPath + "../style.css": "",
	} {
		w := httptest.NewRecorder()
		a.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "https://autoconfig.a.example"+path, nil))
		if kind == "" && w.Code != 404 || kind != "" && (w.Code != 200 || w.Header().Get("Content-Type") != kind || w.Body.Len() == 0) {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
	}
	w := httptest.NewRecorder()
	a.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "https://evil.example"+edge.CodePath, nil))
	if w.Code != 404 {
		t.Errorf("a QR code of a host that is not ours: %d", w.Code)
	}
}

// Style and script stay small.
func TestSmall(t *testing.T) {
	h := NewAssets(New(loadPage(t).Lookup, slog.New(slog.DiscardHandler)), nil)
	for path, limit := range map[string]int{edge.StylePath: 12 << 10, edge.ScriptPath: 6 << 10} {
		if n := len(h.files[path].data); n >= limit {
			t.Errorf("%s has %d octets", path, n)
		}
	}
}

// BenchmarkGet measures the start page beside an answer for a mail program; package bench compares both from outside.
func BenchmarkGet(b *testing.B) {
	h := New(loadPage(b).Lookup, slog.New(slog.DiscardHandler))
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		b.Run(method, func(b *testing.B) {
			w := &edgetest.Discard{Head: make(http.Header)}
			body := strings.NewReader("")
			r := httptest.NewRequest(method, atA, body)
			r.Header.Set("Accept-Language", "de-DE,de;q=0.9,en;q=0.8")
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			b.ReportAllocs()
			for b.Loop() {
				clear(w.Head)
				body.Reset("email=ann%40a.example&program=ios")
				h.ServeHTTP(w, r)
			}
			if w.Written == 0 {
				b.Fatal("nothing was answered")
			}
		})
	}
}
