package page_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"mailhint/accounts"
	"mailhint/accounts/accountstest"
	"mailhint/admin"
	"mailhint/admin/page"
	"mailhint/domains"
	"mailhint/edits"
	"mailhint/edits/storetest"
	"mailhint/probe"
	"mailhint/templates"
)

const password = "correct horse battery"

// site is the page of a service in memory, over https.
type site struct {
	*httptest.Server
	accounts *accounts.Service
	service  *admin.Service
	handler  atomic.Pointer[page.Handler]
}

// newSite returns a site with the accounts olga, the operator; ann, who may change some keys of ann.example; pat, who adds and removes domains on
// the profile other; and vera, who only looks.
func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{accounts: accounts.New(accountstest.NewMemory(), accounts.Options{})}
	for _, a := range []accounts.Account{{Name: "olga", Role: accounts.Operator}, {Name: "ann", Role: accounts.DomainAdmin, Domains: []string{"ann.example"}},
		{Name: "pat", Role: accounts.Provisioner, Profiles: []string{"other"}}, {Name: "vera", Role: accounts.Viewer}} {
		if _, err := s.accounts.AddAccount(t.Context(), accounts.CommandLine("test"), a, password); err != nil {
			t.Fatal(err)
		}
	}
	s.renew(t)
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.handler.Load().ServeHTTP(w, r) }))
	t.Cleanup(s.Close)
	return s
}

// renew gives the site its first domains again: ann.example and ben.example, on the profile firms.
func (s *site) renew(t *testing.T) {
	t.Helper()
	store := storetest.NewMemory()
	var config *domains.Snapshot
	apply := func(ref edits.Ref, values edits.Values) {
		r, err := store.Apply(t.Context(), edits.ChangeSet{Edits: []edits.Edit{{Ref: ref, Action: edits.ActionAdd, Values: values}}, Actor: "set-up"})
		if err != nil {
			t.Fatal(err)
		}
		config = r.Config
	}
	apply(profile("firms"), edits.Values{"imap": "imap.firms.example", "smtp": "smtp.firms.example", "editable": []any{"name", "webmail"}})
	apply(domain("ann.example"), edits.Values{"profile": "firms", "name": "Ann"})
	apply(domain("ben.example"), edits.Values{"profile": "firms", "name": "Secret of Ben"})
	s.service = &admin.Service{Store: store, Current: func() *domains.Snapshot { return config }, Accounts: s.accounts,
		Saved: func(_ context.Context, r edits.Result) { config = r.Config }}
	s.handler.Store(page.New(page.Options{Admin: s.service, Accounts: s.accounts}))
}

func profile(name string) edits.Ref { return edits.Ref{Kind: edits.Profile, Name: name} }

func domain(name string) edits.Ref { return edits.Ref{Kind: edits.Domain, Name: name} }

// visitor is a browser without script.
type visitor struct {
	t *testing.T
	*http.Client
	site *site
}

func (s *site) visitor(t *testing.T) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := *s.Client()
	client.Jar = jar
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &visitor{t, &client, s}
}

// answer is what a visitor got.
type answer struct {
	*http.Response
	body string
}

func (v *visitor) do(r *http.Request) answer {
	v.t.Helper()
	response, err := v.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return answer{response, string(body)}
}

func (v *visitor) get(path string) answer {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), http.MethodGet, v.site.URL+path, nil)
	if err != nil {
		v.t.Fatal(err)
	}
	return v.do(r)
}

func (v *visitor) request(path string, form url.Values) *http.Request {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), http.MethodPost, v.site.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return r
}

func (v *visitor) post(path string, form url.Values) answer {
	v.t.Helper()
	return v.do(v.request(path, form))
}

func (v *visitor) signIn(name string) answer {
	v.t.Helper()
	a := v.post("/sign-in", url.Values{"name": {name}, "password": {password}})
	if a.StatusCode != http.StatusSeeOther {
		v.t.Fatalf("sign-in as %s: status %d\n%s", name, a.StatusCode, a.body)
	}
	return a
}

// cookie is the session cookie that the visitor has.
func (v *visitor) cookie() string {
	u, _ := url.Parse(v.site.URL)
	for _, c := range v.Jar.Cookies(u) {
		if c.Name == "__Host-mailhint-session" {
			return c.Value
		}
	}
	return ""
}

// fill puts something into the path of a route for each part that a person chooses.
func fill(path string) string {
	return strings.NewReplacer("{domain}", "ann.example", "{profile}", "firms", "{account}", "0123456789abcdef", "{code}", "D01").Replace(path)
}

func TestEveryRouteNeedsASignIn(t *testing.T) {
	s := newSite(t)
	v := s.visitor(t)
	open := 0
	for _, route := range page.Routes() {
		if route.Open {
			open++
			continue
		}
		var a answer
		want := http.StatusSeeOther
		if route.Method == http.MethodGet {
			a = v.get(fill(route.Path))
			if !strings.HasPrefix(a.Header.Get("Location"), "/sign-in") {
				t.Errorf("%s leads to %q", route.Path, a.Header.Get("Location"))
			}
		} else {
			a, want = v.post(fill(route.Path), url.Values{"do": {"save"}}), http.StatusUnauthorized
		}
		if a.StatusCode != want || strings.Contains(a.body, "ann.example") {
			t.Errorf("%s %s: status %d, want %d\n%s", route.Method, route.Path, a.StatusCode, want, a.body)
		}
	}
	if open > 11 { // sign-in, with code, through the provider and back; sign-out; home and assets
		t.Errorf("%d routes are open", open)
	}
}

// Every page has the headers that keep other sites out of it, and what no page needs is refused.
func TestHeaders(t *testing.T) {
	s := newSite(t)
	v := s.visitor(t)
	v.signIn("olga")
	for _, path := range []string{"/domains", "/nowhere", "/domains/ann.example", "/admin/style.css", "/sign-in"} {
		a := v.get(path)
		policy := a.Header.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'", "script-src 'self'"} {
			if !strings.Contains(policy, part) {
				t.Errorf("%s: %s is missing in %q", path, part, policy)
			}
		}
		if strings.Contains(policy, "unsafe") || a.Header.Get("X-Content-Type-Options") != "nosniff" || path != "/admin/style.css" && a.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", path, a.Header)
		}
		if regexp.MustCompile(`<script[^>]*>[^<]|<style|\sstyle=|\son[a-z]+=`).MatchString(a.body) {
			t.Errorf("%s has something inline", path)
		}
	}
	r := v.request("/domains", url.Values{"search": {"x"}})
	r.Header.Set("Content-Type", "text/plain")
	if a := v.do(r); a.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("a form as plain text: status %d", a.StatusCode)
	}
	if a := v.post("/domains", url.Values{"search": {strings.Repeat("x", 300<<10)}}); a.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a form of 300 KB: status %d", a.StatusCode)
	}
	r = v.request("/domains", nil)
	r.Method = http.MethodDelete
	if a := v.do(r); a.StatusCode != http.StatusMethodNotAllowed || a.Header.Get("Allow") == "" {
		t.Errorf("DELETE: status %d, %v", a.StatusCode, a.Header)
	}
}

// Forms of other sites do nothing, and that of the sign-in least of all: otherwise a site could sign somebody in to its own account.
func TestOtherSites(t *testing.T) {
	s := newSite(t)
	v := s.visitor(t)
	for name, change := range map[string]func(*http.Request){
		"another site":   func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		"a sister":       func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") },
		"an old browser": func(r *http.Request) { r.Header.Del("Sec-Fetch-Site"); r.Header.Set("Origin", "https://evil.example") },
		"a sandbox":      func(r *http.Request) { r.Header.Del("Sec-Fetch-Site"); r.Header.Set("Origin", "null") },
	} {
		r := v.request("/sign-in", url.Values{"name": {"olga"}, "password": {password}})
		change(r)
		if a := v.do(r); a.StatusCode != http.StatusForbidden || v.cookie() != "" {
			t.Errorf("%s signs in: status %d", name, a.StatusCode)
		}
	}
	v.signIn("olga")
	for _, route := range page.Routes() {
		if route.Method != http.MethodPost {
			continue
		}
		r := v.request(fill(route.Path), url.Values{"do": {"save"}, "sure": {"1"}})
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		if a := v.do(r); a.StatusCode != http.StatusForbidden {
			t.Errorf("%s from another site: status %d", route.Path, a.StatusCode)
		}
	}
}

func TestSessionCookie(t *testing.T) {
	s := newSite(t)
	v := s.visitor(t)
	a := v.signIn("olga")
	cookie := a.Header.Get("Set-Cookie")
	for _, part := range []string{"__Host-mailhint-session=", "Path=/", "HttpOnly", "Secure", "SameSite=Lax"} {
		if !strings.Contains(cookie, part) {
			t.Errorf("%s is missing in %q", part, cookie)
		}
	}
	if strings.Contains(cookie, "Domain=") || strings.Contains(cookie, "Max-Age") {
		t.Errorf("it reaches too far: %q", cookie)
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, "http://localhost/sign-in", strings.NewReader(url.Values{"name": {"olga"}, "password": {password}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	page.New(page.Options{Admin: s.service, Accounts: s.accounts}).ServeHTTP(w, r)
	if got := w.Header().Get("Set-Cookie"); !strings.HasPrefix(got, "mailhint-session=") || strings.Contains(got, "Secure") {
		t.Errorf("over http: %q", got)
	}
}

// A session that somebody else has planted is not taken over, and one that has ended is of no use any more.
func TestSessionsBeginAndEnd(t *testing.T) {
	s := newSite(t)
	u, _ := url.Parse(s.URL)
	v := s.visitor(t)
	v.Jar.SetCookies(u, []*http.Cookie{{Name: "__Host-mailhint-session", Value: "planted", Path: "/", Secure: true}})
	v.signIn("olga")
	first := v.cookie()
	if first == "planted" || first == "" {
		t.Fatalf("the session is %q", first)
	}
	v.signIn("olga")
	if v.cookie() == first {
		t.Error("a sign-in keeps the session before it")
	}
	other := s.visitor(t)
	other.Jar.SetCookies(u, []*http.Cookie{{Name: "__Host-mailhint-session", Value: first, Path: "/", Secure: true}})
	if a := other.get("/domains"); a.StatusCode != http.StatusSeeOther {
		t.Errorf("the session before a sign-in still works: status %d", a.StatusCode)
	}
	last := v.cookie()
	if a := v.post("/sign-out", nil); a.StatusCode != http.StatusSeeOther || v.cookie() != "" {
		t.Errorf("sign-out: status %d, cookie %q", a.StatusCode, v.cookie())
	}
	other.Jar.SetCookies(u, []*http.Cookie{{Name: "__Host-mailhint-session", Value: last, Path: "/", Secure: true}})
	if a := other.get("/domains"); a.StatusCode != http.StatusSeeOther {
		t.Errorf("the session works after sign-out: status %d", a.StatusCode)
	}

	// Another browser's session is listed, and can be ended.
	v.signIn("olga")
	other.signIn("olga")
	list := v.get("/account")
	ids := regexp.MustCompile(`name="session" value="([^"]+)"`).FindAllStringSubmatch(list.body, -1)
	if len(ids) != 1 || strings.Contains(list.body, other.cookie()) {
		t.Fatalf("%d other sessions are listed\n%s", len(ids), list.body)
	}
	v.post("/account/sessions/end", url.Values{"session": {ids[0][1]}})
	if a := other.get("/domains"); a.StatusCode != http.StatusSeeOther {
		t.Errorf("a session works that somebody has ended: status %d", a.StatusCode)
	}
	// A change of the account ends its sessions.
	ann := s.visitor(t)
	ann.signIn("ann")
	a, err := s.accounts.Account(t.Context(), accounts.CommandLine("test"), "ann")
	if err != nil {
		t.Fatal(err)
	}
	a.Role, a.Domains = accounts.Viewer, nil
	if _, err := s.accounts.ChangeAccount(t.Context(), accounts.CommandLine("test"), a); err != nil {
		t.Fatal(err)
	}
	if a := ann.get("/domains"); a.StatusCode != http.StatusSeeOther {
		t.Errorf("a session survives a change of role: status %d", a.StatusCode)
	}
}

// The sign-in says the same for a wrong password and for an unknown name, leads only to pages of ours, and puts no address into a URL.
func TestSignIn(t *testing.T) {
	s := newSite(t)
	v := s.visitor(t)
	wrong := v.post("/sign-in", url.Values{"name": {"olga"}, "password": {"wrong horse battery"}})
	unknown := v.post("/sign-in", url.Values{"name": {"olgb"}, "password": {"wrong horse battery"}})
	if wrong.StatusCode != http.StatusForbidden || unknown.StatusCode != http.StatusForbidden || wrong.body != strings.Replace(unknown.body, "olgb", "olga", 1) {
		t.Errorf("wrong password: %d\n%s\nunknown name: %d\n%s", wrong.StatusCode, wrong.body, unknown.StatusCode, unknown.body)
	}
	if strings.Contains(wrong.body, "wrong horse") {
		t.Error("the password is shown")
	}
	for next, want := range map[string]string{
		"/domains/ann.example?x=y": "/domains/ann.example?x=y", "//evil.example/": "/domains", "https://evil.example/": "/domains", `/\evil.example`: "/domains",
		"javascript:alert(1)": "/domains", "/\n/evil.example": "/domains", "": "/domains", "domains": "/domains", "/%2f/evil.example": "/%2f/evil.example",
	} {
		a := v.post("/sign-in", url.Values{"name": {"OLGA "}, "password": {password}, "next": {next}})
		if got := a.Header.Get("Location"); got != want {
			t.Errorf("next %q leads to %q, want %q", next, got, want)
		}
	}
	for typed, want := range map[string]string{"ann@firm.example": "/domains?search=firm.example", "firm": "/domains?search=firm", "": "/domains"} {
		if got := v.post("/domains", url.Values{"search": {typed}}).Header.Get("Location"); got != want {
			t.Errorf("a search for %q leads to %q, want %q", typed, got, want)
		}
	}
}

func TestCodes(t *testing.T) {
	s := newSite(t)
	v := s.visitor(t)
	v.signIn("olga")
	setUp := v.post("/account/codes", nil)
	secret := regexp.MustCompile(`name="secret" value="([A-Z2-7]+)"`).FindStringSubmatch(setUp.body)
	if secret == nil || !strings.Contains(setUp.body, "<svg") {
		t.Fatalf("no secret to set up\n%s", setUp.body)
	}
	code := func(at time.Time) string {
		c, err := totp.GenerateCode(secret[1], at)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	now := time.Now()
	if a := v.post("/account/codes/confirm", url.Values{"secret": {secret[1]}, "code": {code(now)}, "password": {"not the password"}}); a.StatusCode != http.StatusForbidden {
		t.Errorf("set up without the password: status %d", a.StatusCode)
	}
	if a := v.post("/account/codes/confirm", url.Values{"secret": {secret[1]}, "code": {"000000"}, "password": {password}}); a.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("set up with a wrong code: status %d", a.StatusCode)
	}
	before := v.cookie()
	done := v.post("/account/codes/confirm", url.Values{"secret": {secret[1]}, "code": {code(now)}, "password": {password}})
	recovery := regexp.MustCompile(`[a-z2-7]{4}-[a-z2-7]{4}-[a-z2-7]{4}-[a-z2-7]{4}`).FindAllString(done.body, -1)
	if done.StatusCode != http.StatusOK || len(recovery) != 10 || v.cookie() == before {
		t.Fatalf("set up: status %d, %d recovery codes, a new session: %v\n%s", done.StatusCode, len(recovery), v.cookie() != before, done.body)
	}
	if a := v.get("/account"); a.StatusCode != http.StatusOK || strings.Contains(a.body, recovery[0]) || strings.Contains(a.body, secret[1]) {
		t.Errorf("the page shows secrets again, or the session has ended: status %d", a.StatusCode)
	}

	other := s.visitor(t)
	if a := other.signIn("olga"); a.Header.Get("Location") != "/sign-in/code?next=%2Fdomains" {
		t.Errorf("after the password: %q", a.Header.Get("Location"))
	}
	if a := other.get("/domains"); a.StatusCode != http.StatusSeeOther {
		t.Errorf("without the code: status %d", a.StatusCode)
	}
	other.signIn("olga")
	half := other.cookie()
	if a := other.post("/sign-in/code", url.Values{"code": {code(now)}}); a.StatusCode != http.StatusForbidden {
		t.Errorf("a code that was used before: status %d", a.StatusCode)
	}
	if a := other.post("/sign-in/code", url.Values{"code": {code(now.Add(30 * time.Second))}}); a.StatusCode != http.StatusSeeOther || other.cookie() == half {
		t.Errorf("with the code: status %d, a new session: %v\n%s", a.StatusCode, other.cookie() != half, a.body)
	}
	if a := other.get("/domains"); a.StatusCode != http.StatusOK {
		t.Errorf("signed in: status %d", a.StatusCode)
	}
	third := s.visitor(t)
	third.signIn("olga")
	if a := third.post("/sign-in/code", url.Values{"code": {recovery[3]}}); a.StatusCode != http.StatusSeeOther {
		t.Errorf("with a recovery code: status %d\n%s", a.StatusCode, a.body)
	}
	third.signIn("olga")
	if a := third.post("/sign-in/code", url.Values{"code": {recovery[3]}}); a.StatusCode != http.StatusForbidden {
		t.Errorf("with a recovery code that was used: status %d", a.StatusCode)
	}
}

func TestPassword(t *testing.T) {
	s := newSite(t)
	v := s.visitor(t)
	v.signIn("ann")
	change := func(present, new, repeated string) answer {
		return v.post("/account/password", url.Values{"password": {present}, "new": {new}, "repeated": {repeated}})
	}
	for name, a := range map[string]answer{
		"another current password": change("something else", "a new password", "a new password"),
		"typed differently":        change(password, "a new password", "a new passwort"),
		"too short":                change(password, "short", "short"),
	} {
		if a.StatusCode < 400 || !strings.Contains(a.body, `role="alert"`) {
			t.Errorf("%s: status %d", name, a.StatusCode)
		}
	}
	if a := change(password, "a new password", "a new password"); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("status %d\n%s", a.StatusCode, a.body)
	}
	if a := v.get("/account?done=password"); a.StatusCode != http.StatusOK || !strings.Contains(a.body, "The password is changed.") {
		t.Errorf("afterwards: status %d", a.StatusCode)
	}
}

func TestFirstStart(t *testing.T) {
	s := newSite(t)
	empty := accounts.New(accountstest.NewMemory(), accounts.Options{})
	server := httptest.NewTLSServer(page.New(page.Options{Admin: s.service, Accounts: empty}))
	defer server.Close()
	v := (&site{Server: server}).visitor(t)
	if a := v.get("/sign-in"); a.StatusCode != http.StatusOK || !strings.Contains(a.body, "mailhint user add") || strings.Contains(a.body, `type="password"`) {
		t.Errorf("status %d\n%s", a.StatusCode, a.body)
	}
}

// What is not visible to somebody is not there, in whatever way it is asked for.
func TestForeignDomains(t *testing.T) {
	s := newSite(t)
	v := s.visitor(t)
	v.signIn("ann")
	for _, path := range []string{"", "/preview", "/dns", "/doctor", "/history"} {
		foreign, missing := v.get("/domains/ben.example"+path), v.get("/domains/nobody.example"+path)
		if foreign.StatusCode != http.StatusNotFound || foreign.body != missing.body {
			t.Errorf("%s: status %d, as if there were none: %v\n%s", path, foreign.StatusCode, foreign.body == missing.body, foreign.body)
		}
	}
	for _, spelled := range []string{"/domains/BEN.example", "/domains/ben.example.", "/domains/%62en.example"} {
		a := v.get(spelled)
		if a.StatusCode == http.StatusSeeOther {
			a = v.get(a.Header.Get("Location"))
		}
		if a.StatusCode != http.StatusNotFound || strings.Contains(a.body, "Secret") {
			t.Errorf("%s: status %d", spelled, a.StatusCode)
		}
	}
	for _, path := range []string{"", "/restore", "/remove", "/doctor", "/preview"} {
		a := v.post("/domains/ben.example"+path, url.Values{"do": {"save"}, "name": {"Ann was here"}, "revision": {"*"}, "sure": {"1"}, "change": {"3"}})
		if a.StatusCode != http.StatusNotFound || strings.Contains(a.body, "Secret") {
			t.Errorf("POST %s: status %d\n%s", path, a.StatusCode, a.body)
		}
	}
	for _, path := range []string{"/domains", "/domains?search=ben", "/domains?profile=firms", "/profiles/firms"} {
		if a := v.get(path); strings.Contains(a.body, "Secret") || strings.Contains(a.body, ">ben.example") {
			t.Errorf("%s shows it", path)
		}
	}
	v.post("/domains/nobody.example/remove", url.Values{"revision": {"*"}, "sure": {"1"}})
	if a := v.get("/audit"); strings.Contains(a.body, "Secret") || strings.Contains(a.body, ">ben.example") != strings.Contains(a.body, ">nobody.example") {
		t.Errorf("the audit trail of what she has tried tells ben.example from a domain that there is not:\n%s", a.body)
	}
	for _, path := range []string{"/accounts", "/add"} {
		if a := v.get(path); a.StatusCode != http.StatusForbidden {
			t.Errorf("%s: status %d", path, a.StatusCode)
		}
	}
}

// A domain admin gets controls for the keys that may be changed and reasons for the others, and what the form does not offer is not saved.
func TestOnlyEditableKeys(t *testing.T) {
	s := newSite(t)
	v := s.visitor(t)
	v.signIn("ann")
	form := v.get("/domains/ann.example")
	names := regexp.MustCompile(`<(?:input|select|textarea)[^>]* name="([^"]+)"`).FindAllStringSubmatch(form.body, -1)
	var keys []string
	for _, n := range names {
		keys = append(keys, n[1])
	}
	slices.Sort(keys)
	if got := strings.Join(slices.Compact(keys), " "); got != "address base name revision webmail" {
		t.Errorf("the form has the controls %s", got)
	}
	if !strings.Contains(form.body, "An operator can add them to the key editable") {
		t.Error("it does not say why the other keys cannot be changed")
	}
	revision := regexp.MustCompile(`name="revision" value="([^"]+)"`).FindStringSubmatch(form.body)[1]
	a := v.post("/domains/ann.example", url.Values{"do": {"save"}, "revision": {revision}, "name": {"Anna"}, "imap.0.url": {"imap.evil.example"}, "profile": {""}, "admins": {"ann"}})
	if a.StatusCode != http.StatusSeeOther {
		t.Fatalf("status %d\n%s", a.StatusCode, a.body)
	}
	r, err := s.service.Store.Get(t.Context(), domain("ann.example"))
	if err != nil || fmt.Sprint(r.Values) != "map[name:Anna profile:firms]" {
		t.Errorf("saved: %v (%v)", r.Values, err)
	}
	// The same revision again is a conflict.
	if a := v.post("/domains/ann.example", url.Values{"do": {"save"}, "revision": {revision}, "name": {"Anne"}}); a.StatusCode != http.StatusConflict || !strings.Contains(a.body, "Anne") {
		t.Errorf("replayed: status %d", a.StatusCode)
	}
	for _, revision := range []string{"", "*"} {
		if a := v.post("/domains/ann.example", url.Values{"do": {"save"}, "revision": {revision}, "name": {"Anne"}}); a.StatusCode != http.StatusConflict {
			t.Errorf("revision %q: status %d", revision, a.StatusCode)
		}
	}
	if a := v.post("/domains/gone.example", url.Values{"do": {"save"}, "name": {"Anne of old"}}); a.StatusCode != http.StatusNotFound || !strings.Contains(a.body, "name = Anne of old") {
		t.Errorf("a domain that is gone: status %d\n%s", a.StatusCode, a.body)
	}
	vera := s.visitor(t)
	vera.signIn("vera")
	if a := vera.get("/domains/ann.example"); strings.Contains(a.body, `value="check"`) && strings.Contains(a.body, "Check and preview") {
		t.Error("a viewer is offered to change it")
	}
}

func TestTokens(t *testing.T) {
	s := newSite(t)
	v := s.visitor(t)
	v.signIn("olga")
	a := v.post("/tokens", url.Values{"name": {"panel"}, "role": {"provisioner"}, "profiles": {"firms"}, "expires": {"30"}})
	secret := regexp.MustCompile(`mailhint_[A-Za-z0-9_-]{43}`).FindString(a.body)
	if a.StatusCode != http.StatusOK || secret == "" {
		t.Fatalf("status %d\n%s", a.StatusCode, a.body)
	}
	if _, err := s.accounts.Token(t.Context(), secret, accounts.Client{}); err != nil {
		t.Errorf("the token does not work: %v", err)
	}
	if a := v.get("/tokens"); !strings.Contains(a.body, "panel") || strings.Contains(a.body, secret) {
		t.Error("the list does not have it, or shows its secret")
	}
	if a := v.post("/tokens", url.Values{"name": {"panel"}, "role": {"viewer"}, "expires": {""}}); a.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("the same name again: status %d", a.StatusCode)
	}
	v.post("/tokens/revoke", url.Values{"token": {"panel"}})
	if _, err := s.accounts.Token(t.Context(), secret, accounts.Client{}); err == nil {
		t.Error("it works after it was revoked")
	}
	ann := s.visitor(t)
	ann.signIn("ann")
	if a := ann.post("/tokens", url.Values{"name": {"more"}, "role": {"operator"}}); a.StatusCode < 400 {
		t.Errorf("a token that can do more than its maker: status %d", a.StatusCode)
	}
}

func TestAccounts(t *testing.T) {
	s := newSite(t)
	v := s.visitor(t)
	v.signIn("olga")
	if a := v.post("/accounts", url.Values{"name": {"carl@firm.example"}, "role": {"domain-admin"}, "domains": {"ann.example, ben.example"}, "password": {password}}); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("add: status %d\n%s", a.StatusCode, a.body)
	}
	list := v.get("/accounts")
	paths := regexp.MustCompile(`<a href="(/accounts/[^"]+)"><bdi>([^<]+)<`).FindAllStringSubmatch(list.body, -1)
	at := map[string]string{}
	for _, p := range paths {
		at[p[2]] = p[1]
	}
	if len(at) != 5 || strings.Contains(at["carl@firm.example"], "carl") {
		t.Fatalf("the accounts are at %v", at)
	}
	carl := s.visitor(t)
	carl.signIn("carl@firm.example")
	revision := func() string {
		return regexp.MustCompile(`name="revision" value="([^"]+)"`).FindStringSubmatch(v.get(at["carl@firm.example"]).body)[1]
	}
	old := revision()
	if a := v.post(at["carl@firm.example"], url.Values{"revision": {old}, "role": {"viewer"}}); a.StatusCode != http.StatusSeeOther {
		t.Errorf("change: status %d\n%s", a.StatusCode, a.body)
	}
	if a := v.post(at["carl@firm.example"], url.Values{"revision": {old}, "role": {"operator"}}); a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(a.body, "meanwhile") {
		t.Errorf("an old revision: status %d", a.StatusCode)
	}
	if a := carl.get("/domains"); a.StatusCode != http.StatusSeeOther {
		t.Errorf("the session goes on after the change: status %d", a.StatusCode)
	}
	if a := v.post(at["olga"]+"/remove", url.Values{"sure": {"1"}}); a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(a.body, "last operator") {
		t.Errorf("the last operator: status %d", a.StatusCode)
	}
	if a := v.post(at["carl@firm.example"]+"/remove", nil); a.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("without being sure: status %d", a.StatusCode)
	}
	if a := v.post(at["carl@firm.example"]+"/remove", url.Values{"sure": {"1"}}); a.StatusCode != http.StatusSeeOther {
		t.Errorf("remove: status %d", a.StatusCode)
	}
}

// Assets stay small, and both are optional.
func TestAssets(t *testing.T) {
	s := newSite(t)
	v := s.visitor(t)
	for name, limit := range map[string]int{"style.css": 12 << 10, "script.js": 6 << 10} {
		if n := len(templates.AdminAsset(name)); n > limit {
			t.Errorf("%s has %d octets, more than %d", name, n, limit)
		}
		if a := v.get("/admin/" + name + "?v=1"); a.StatusCode != http.StatusOK || !strings.Contains(a.Header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s: status %d, %v", name, a.StatusCode, a.Header)
		}
	}
}

// closedServers are mail servers that do not answer.
type closedServers struct{ admin.Prober }

func (closedServers) Look(_ context.Context, host string, ports ...probe.Port) probe.Host {
	return probe.Host{Name: host, Looks: []probe.Look{{Port: ports[0], State: probe.Refused}}}
}

// An account that has used up what it may look at loses nothing of what was typed: the form is shown again, with a way to save it all the same.
func TestSaveWithoutLooking(t *testing.T) {
	s := newSite(t)
	s.service.Prober = closedServers{}
	v := s.visitor(t)
	v.signIn("olga")
	r, err := s.service.Store.Get(t.Context(), domain("ann.example"))
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{"do": {"look imap 0"}, "revision": {string(r.Revision)}, "name": {"Ann"}, "profile": {"firms"}, "imap.0.url": {"imaps://imap.x.example"}}
	if a := v.post("/domains/ann.example", form); a.StatusCode != http.StatusOK || !strings.Contains(a.body, "imaps://imap.x.example: Does not answer") {
		t.Fatalf("a look: status %d\n%s", a.StatusCode, a.body)
	}
	form.Set("do", "save")
	if a := v.post("/domains/ann.example", form); a.StatusCode != http.StatusOK || !strings.Contains(a.body, "Save it although") {
		t.Fatalf("saving what does not work: status %d\n%s", a.StatusCode, a.body)
	}
	form.Set("do", "look imap 0")
	for range 30 {
		v.post("/domains/ann.example", form)
	}
	form.Set("do", "save")
	a := v.post("/domains/ann.example", form)
	if a.StatusCode != http.StatusOK || !strings.Contains(a.body, "cannot be looked at right now") || !strings.Contains(a.body, `value="imaps://imap.x.example"`) {
		t.Fatalf("saving without another look: status %d\n%s", a.StatusCode, a.body)
	}
	form.Set("insist", "1")
	if a := v.post("/domains/ann.example", form); a.StatusCode != http.StatusSeeOther {
		t.Errorf("saving all the same: status %d\n%s", a.StatusCode, a.body)
	}
}

// The guard against mass removal is not a fault of the server: the page says what to do.
func TestTooManyRemovals(t *testing.T) {
	s := newSite(t)
	v := s.visitor(t)
	v.signIn("olga")
	for i := range 11 {
		ref := domain(fmt.Sprintf("c%d.test", i))
		r, err := s.service.Store.Apply(t.Context(), edits.ChangeSet{Edits: []edits.Edit{{Ref: ref, Values: edits.Values{"profile": "firms"}}}, Actor: "set-up"})
		if err != nil {
			t.Fatal(err)
		}
		a := v.post("/domains/"+ref.Name+"/remove", url.Values{"sure": {"on"}, "revision": {string(r.Changes[0].After.Revision)}})
		switch {
		case i < 10 && a.StatusCode != http.StatusSeeOther:
			t.Fatalf("removal %d: %d\n%s", i, a.StatusCode, a.body)
		case i == 10 && (a.StatusCode != http.StatusConflict || !strings.Contains(a.body, "within an hour") || !strings.Contains(a.body, "--allow-removals")):
			t.Errorf("the eleventh removal: %d\n%s", a.StatusCode, a.body)
		}
	}
}

// Each account has a limit of its own, however fast it asks.
func TestTooManyRequests(t *testing.T) {
	s := newSite(t)
	s.handler.Store(page.New(page.Options{Admin: s.service, Accounts: s.accounts, Rate: 1e-6, Burst: 3}))
	olga, again, vera := s.visitor(t), s.visitor(t), s.visitor(t)
	olga.signIn("olga")
	again.signIn("olga")
	vera.signIn("vera")
	for i, v := range []*visitor{olga, again, olga, again, olga} {
		want := http.StatusOK
		if i >= 3 {
			want = http.StatusTooManyRequests
		}
		a := v.get("/domains")
		if a.StatusCode != want || want != http.StatusOK && (a.Header.Get("Retry-After") != "1" || !strings.Contains(a.body, "too many requests") || strings.Contains(a.body, "ann.example")) {
			t.Errorf("request %d: %d, want %d\n%s", i+1, a.StatusCode, want, a.body)
		}
	}
	if a := vera.get("/domains"); a.StatusCode != http.StatusOK {
		t.Errorf("somebody else: %d", a.StatusCode)
	}
	if a := olga.get("/admin/style.css"); a.StatusCode != http.StatusOK {
		t.Errorf("the style: %d", a.StatusCode)
	}
	if a := olga.post("/sign-out", nil); a.StatusCode == http.StatusInternalServerError {
		t.Errorf("sign-out: %d", a.StatusCode)
	}
}

// Long lists of tokens have pages, on which each is once.
func TestPagesOfTokens(t *testing.T) {
	s := newSite(t)
	for i := range 201 {
		if _, _, err := s.accounts.AddToken(t.Context(), accounts.CommandLine("test"), accounts.NewToken{Name: fmt.Sprintf("t%03d", i), Role: accounts.Viewer}); err != nil {
			t.Fatal(err)
		}
	}
	v := s.visitor(t)
	v.signIn("olga")
	next := regexp.MustCompile(`href="(/tokens\?after=[0-9a-f]{16})" rel="next"`)
	seen := 0
	for path, pages := "/tokens", 1; ; pages++ {
		a := v.get(path)
		for _, name := range regexp.MustCompile(`name="token" value="(t\d{3})"`).FindAllStringSubmatch(a.body, -1) {
			if want := fmt.Sprintf("t%03d", seen); name[1] != want {
				t.Fatalf("%s follows %d others", name[1], seen)
			}
			seen++
		}
		if pages > 1 && !strings.Contains(a.body, ">First page<") {
			t.Errorf("page %d has no way back", pages)
		}
		found := next.FindStringSubmatch(a.body)
		if found == nil {
			if pages != 3 || seen != 201 {
				t.Errorf("%d tokens on %d pages, want 201 on 3", seen, pages)
			}
			break
		}
		path = found[1]
	}
	if a := v.get("/accounts"); a.StatusCode != http.StatusOK || strings.Contains(a.body, "Next page") {
		t.Errorf("the accounts: %d\n%s", a.StatusCode, a.body)
	}
}
