package clients_test

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"mailhint/accounts"
	"mailhint/accounts/oidc"
	"mailhint/admin"
	"mailhint/edits"
)

// adminKind is one kind of page, and how a person gets there. Who is signed in; "" for nobody.
type adminKind struct {
	name, who, path string
	open            func(t *testing.T, a *adminSite, b *browser)
}

// adminKinds are all the pages that there are.
func adminKinds() []adminKind {
	change := func(key, value string) func(*testing.T, *adminSite, *browser) {
		return func(t *testing.T, _ *adminSite, b *browser) {
			b.open(t, "http://localhost/domains/firm.example")
			b.fill(t, key, value)
			b.press(t, check)
		}
	}
	return []adminKind{
		{name: "sign-in", path: "/sign-in"},
		{name: "sign-in-wrong", open: func(t *testing.T, _ *adminSite, b *browser) {
			b.open(t, "http://localhost/sign-in")
			b.submit(t, "form.stack", map[string]string{"name": "nobody", "password": "wrong"})
		}},
		{name: "sign-in-provider", open: func(t *testing.T, a *adminSite, b *browser) {
			a.provider.name.Store("Hoster GmbH")
			b.open(t, "http://localhost/sign-in")
		}},
		{name: "provider-refuses", open: func(t *testing.T, a *adminSite, b *browser) {
			a.provider.name.Store("Hoster GmbH")
			b.open(t, "http://localhost"+oidc.Callback+"?code=x")
		}},
		{name: "domains", who: "olga", path: "/domains"},
		{name: "no-match", who: "olga", path: "/domains?search=nowhere"},
		{name: "domain", who: "olga", path: "/domains/firm.example"},
		{name: "many-keys", who: "olga", path: "/domains/uni.example"},
		{name: "review", who: "olga", open: change("imap.0.url", "imaps://closed.firm.example")},
		{name: "mistake", who: "olga", open: change("imap.0.url", "imaps://firm.example:25")},
		{name: "live", who: "olga", open: func(t *testing.T, _ *adminSite, b *browser) {
			b.open(t, "http://localhost/domains/closed.example")
			b.press(t, "#field-imap button")
		}},
		{name: "conflict", who: "olga", open: func(t *testing.T, a *adminSite, b *browser) {
			b.open(t, "http://localhost/domains/firm.example")
			a.change(t, "firm.example", map[string]any{"webmail": "https://mail.firm.example/" + t.Name()})
			b.fill(t, "webmail", "https://other.firm.example/")
			b.press(t, check)
		}},
		{name: "preview", who: "olga", path: "/domains/firm.example/preview"},
		{name: "dns", who: "olga", path: "/domains/firm.example/dns"},
		{name: "doctor", who: "olga", path: "/domains/firm.example/doctor"},
		{name: "report", who: "olga", open: func(t *testing.T, _ *adminSite, b *browser) {
			b.open(t, "http://localhost/domains/firm.example/doctor")
			b.loads(t, func() { b.click(t, "main button.main") })
		}},
		{name: "code", who: "olga", path: "/codes/D01"},
		{name: "history", who: "olga", path: "/domains/firm.example/history"},
		{name: "add", who: "olga", path: "/add"},
		{name: "found", who: "olga", open: func(t *testing.T, _ *adminSite, b *browser) {
			b.open(t, "http://localhost/add")
			b.submit(t, "form.stack", map[string]string{"domain": "ann@new.example"})
		}},
		{name: "profiles", who: "olga", path: "/profiles"},
		{name: "profile", who: "olga", path: "/profiles/shared"},
		{name: "accounts", who: "olga", path: "/accounts"},
		{name: "account", who: "olga", open: func(t *testing.T, _ *adminSite, b *browser) {
			b.open(t, "http://localhost/accounts")
			b.loads(t, func() { b.click(t, "main table a") })
		}},
		{name: "self", who: "olga", path: "/account"},
		{name: "app", who: "olga", open: func(t *testing.T, _ *adminSite, b *browser) {
			b.open(t, "http://localhost/account")
			b.loads(t, func() { b.click(t, "[action='/account/codes'] button") })
		}},
		{name: "tokens", who: "olga", path: "/tokens"},
		{name: "token", who: "olga", open: func(t *testing.T, _ *adminSite, b *browser) {
			b.open(t, "http://localhost/tokens")
			name := strings.ToLower(strings.NewReplacer("/", ".", "#", ".").Replace(b.unique("panel")))
			b.submit(t, "main section form.stack", map[string]string{"name": name, "role": "viewer"})
		}},
		{name: "audit", who: "olga", path: "/audit"},
		{name: "not-found", who: "olga", path: "/nowhere"},
		{name: "editable-keys", who: "ann", path: "/domains/firm.example"},
		{name: "denied", who: "ann", path: "/accounts"},
		{name: "only-looks", who: "vera", path: "/domains/firm.example"},
		{name: "provisioner-adds", who: "pat", open: func(t *testing.T, _ *adminSite, b *browser) {
			b.open(t, "http://localhost/add")
			b.submit(t, "form.stack", map[string]string{"domain": "new.example", "profile": "shared"})
		}},
	}
}

// change changes a domain as somebody else.
func (a *adminSite) change(t *testing.T, domain string, values map[string]any) {
	t.Helper()
	ref := edits.Ref{Kind: edits.Domain, Name: domain}
	ann := accounts.Account{Name: "ann", Role: accounts.DomainAdmin, Domains: []string{domain}}.Principal(netip.MustParseAddr("192.0.2.1"))
	now, err := a.service.Domain(t.Context(), ann, ref)
	if err != nil {
		t.Fatal(err)
	}
	if values["webmail"] == now.Values["webmail"] {
		values["webmail"] = now.Values["webmail"].(string) + "x"
	}
	if _, err := a.service.Patch(t.Context(), ann, ref, values, admin.Options{If: now.Revision, Via: edits.API}); err != nil {
		t.Fatal(err)
	}
}

// unique returns another name each time.
func (b *browser) unique(name string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.names++
	return name + "-" + string(rune('a'+b.names%26)) + string(rune('a'+b.names/26%26))
}

// visit opens a page of a kind.
func (a *adminSite) visit(t *testing.T, b *browser, k adminKind) {
	t.Helper()
	a.provider.name.Store("")
	if a.signedIn != k.who {
		b.open(t, "http://localhost/sign-in")
		if a.signedIn != "" {
			b.loads(t, func() { b.click(t, "[action='/sign-out'] button") })
		}
		if k.who != "" {
			b.signIn(t, k.who)
		}
		a.signedIn = k.who
	}
	if k.open != nil {
		k.open(t, a, b)
		return
	}
	b.open(t, "http://localhost"+k.path)
}

// TestAdminPages looks at every page. Each is seen at two of the combinations of width, light or dark, and script or none; with SOAK set, at all.
func TestAdminPages(t *testing.T) {
	a := serveAdmin(t)
	b := openBrowser(t, a.Server)
	b.speak(t, "en", onLinux)
	for i, kind := range adminKinds() {
		for _, script := range []bool{true, false} {
			if !everything && script != (i%2 == 0) {
				continue
			}
			b.look(t, view{1280, false, script})
			a.visit(t, b, kind)
			for j, width := range []int64{390, 1280} {
				for k, dark := range []bool{false, true} {
					if !everything && (j+k+i)%2 != 0 && os.Getenv("SCREENSHOTS") == "" {
						continue
					}
					v := view{width, dark, script}
					b.look(t, v)
					a.examine(t, b, kind.name, v)
					b.shoot(t, "admin-"+kind.name+"-"+v.String())
				}
			}
			for _, c := range b.complaints() {
				if !strings.Contains(c, "status of 4") {
					t.Errorf("%s: %s", kind.name, c)
				}
			}
		}
	}
}

// TestAdminAccessibility lets axe-core examine every page, with everything unfolded.
func TestAdminAccessibility(t *testing.T) {
	axe, err := os.ReadFile(axeFile)
	if err != nil {
		t.Skipf("axe-core is not installed (make programs): %v", err)
	}
	a := serveAdmin(t)
	b := openBrowser(t, a.Server)
	b.speak(t, "en", onLinux)
	for i, kind := range adminKinds() {
		b.look(t, view{1280, false, true})
		a.visit(t, b, kind)
		b.run(t, page.SetBypassCSP(true), chromedp.Evaluate(string(axe), nil),
			chromedp.Evaluate(`document.querySelectorAll("details").forEach(d => d.open = true)`, nil))
		for j, v := range []view{{390, false, true}, {1280, true, true}} {
			if !everything && j != i%2 {
				continue
			}
			b.look(t, v)
			report := await[string](t, b, `axe.run(document, {resultTypes: ["violations"]}).then(r => JSON.stringify(
				r.violations.filter(v => ["serious", "critical", "moderate"].includes(v.impact)).map(v => v.id + ": " + v.help + ": " + v.nodes.map(n => n.html.slice(0, 150)).join(" | "))))`)
			var violations []string
			if err := json.Unmarshal([]byte(report), &violations); err != nil {
				t.Fatal(err)
			}
			for _, violation := range violations {
				t.Errorf("%s, %s: %s", kind.name, v, violation)
			}
		}
	}
}

// TestAdminKeyboard changes a domain with nothing but the keyboard: everything can be reached, and is seen to have the focus.
func TestAdminKeyboard(t *testing.T) {
	a := serveAdmin(t)
	b := openBrowser(t, a.Server)
	b.speak(t, "en", onLinux)
	b.look(t, view{1280, false, true})
	press := func(keys string) string {
		t.Helper()
		b.run(t, chromedp.KeyEvent(keys))
		return eval[string](t, b, focused)
	}
	until := func(want string) {
		t.Helper()
		for range 150 {
			at := press(kb.Tab)
			if strings.HasSuffix(at, "UNSEEN") {
				t.Errorf("nobody sees that the focus is on %s", at)
			}
			if at == want {
				return
			}
		}
		t.Fatalf("the keyboard does not reach %q", want)
	}
	b.open(t, "http://localhost/sign-in")
	until("input name")
	b.run(t, chromedp.KeyEvent("olga"))
	until("input password")
	b.run(t, chromedp.KeyEvent(password))
	b.loads(t, func() { b.run(t, chromedp.KeyEvent(kb.Enter)) })
	until("a /domains/firm.example")
	b.loads(t, func() { b.run(t, chromedp.KeyEvent(kb.Enter)) })
	until("input name")
	b.run(t, chromedp.KeyEvent(kb.End), chromedp.KeyEvent(" 2"))
	until("button do") // it is the one of the bar: the buttons that look at servers come before
	b.run(t, chromedp.KeyEvent(kb.Enter), chromedp.WaitReady(`//p[@id="said"][text()="Done"]`, chromedp.BySearch))
	if got := eval[string](t, b, focused); !strings.HasPrefix(got, "h2 review-title") {
		t.Errorf("after checking, the focus is on %q", got)
	}
	until("input reason")
	b.run(t, chromedp.KeyEvent("with the keyboard"))
	until("button do")
	b.loads(t, func() { b.run(t, chromedp.KeyEvent(kb.Enter)) })
	if got := a.answer("firm.example"); !strings.Contains(got, "Firm Mail 2") {
		t.Errorf("mail programs get: %s", got)
	}
	var walk []string
	for range 200 {
		at := press(kb.Tab)
		if strings.HasPrefix(at, "body") || len(walk) > 0 && at == walk[0] {
			break
		}
		walk = append(walk, at)
	}
	if i := slices.IndexFunc(walk, func(at string) bool { return strings.HasSuffix(at, "UNSEEN") }); i >= 0 {
		t.Errorf("nobody sees that the focus is on %s", walk[i])
	}
}

// TestAdminReadOnly shows a configuration that cannot be written: every control is disabled and says why, and a change can be prepared to be made by
// hand.
func TestAdminReadOnly(t *testing.T) {
	a := serveAdmin(t)
	b := openBrowser(t, a.Server)
	b.speak(t, "en", onLinux)
	b.look(t, view{1280, false, false})
	b.signIn(t, "olga")
	a.handler.Store(a.newPage(t, readOnly{a.service.Store}))
	b.open(t, "http://localhost/domains/firm.example")
	if n := eval[int](t, b, `[...document.querySelectorAll("form.settings :is(input:not([type=hidden]), select, textarea, button:not(.said))")].filter(e => !e.matches(":disabled")).length`); n != 0 {
		t.Errorf("%d controls are not disabled", n)
	}
	if got := b.text(t, ".notice"); !strings.Contains(got, "has to be made by hand") || !strings.Contains(got, "is on a read-only disk") {
		t.Errorf("why: %q", got)
	}
	b.shoot(t, "read-only")
	b.loads(t, func() { b.click(t, ".notice a") })
	b.fill(t, "name", "By hand")
	b.press(t, check)
	if got := b.text(t, "#review"); !strings.Contains(got, "By hand") || !strings.Contains(got, "Make the change by hand") || strings.Contains(got, "Reason for the change") {
		t.Errorf("the change to make by hand: %q", got)
	}
	b.shoot(t, "by-hand")
	text, err := os.ReadFile(a.file)
	if err != nil || strings.Contains(string(text), "By hand") {
		t.Errorf("it was saved (%v)", err)
	}
}

// TestAdminHostileText shows what strangers and other people could have written. Nothing of it does anything.
func TestAdminHostileText(t *testing.T) {
	const hostile = `"><script>alert(1)</script><img src=x onerror=alert(2)>'{{.}}`
	folder := t.TempDir()
	file := filepath.Join(folder, "domains.toml")
	config := "[server]\nstate_dir = " + quote(filepath.Join(folder, "state")) + "\nname = \"setup.example\"\n[domains.\"firm.example\"]\nimap = \"imap.firm.example\"\nsmtp = \"smtp.firm.example\"\n" +
		"name = " + quote(`<b>"&'`) + "\nsupport = " + quote("mailto:x@firm.example?subject=%3Cscript%3E") + "\nadmins = [\"a\"]\n"
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	a := serveAdminOf(t, file)
	ref := edits.Ref{Kind: edits.Domain, Name: "firm.example"}
	olga := accounts.Account{Name: "olga", Role: accounts.Operator}.Principal(netip.MustParseAddr("192.0.2.1"))
	now, err := a.service.Domain(t.Context(), olga, ref)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.service.Patch(t.Context(), olga, ref, map[string]any{"short_name": "<i>x</i>"}, admin.Options{If: now.Revision, Via: edits.Web, Reason: hostile + "\u202egnp.exe\x1b[31m"}); err != nil {
		t.Fatal(err)
	}
	if err := a.accounts.Record(t.Context(), olga, accounts.Event{Action: "set", Subject: hostile, Domain: hostile, Detail: hostile + "\u202e"}); err != nil {
		t.Fatal(err)
	}
	b := openBrowser(t, a.Server)
	b.speak(t, "en", hostile+onLinux)
	b.look(t, view{390, false, true})
	b.signIn(t, "olga")
	for _, path := range []string{"/domains", "/domains/firm.example", "/domains/firm.example/history", "/domains/firm.example/preview", "/audit", "/account", "/domains?search=%22%3E%3Cscript%3Ealert(1)%3C/script%3E%E2%80%AE",
		"/domains?gone=%3Cscript%3Ealert(1)%3C/script%3E&change=1", "/domains/%3Cscript%3E", "/sign-in?next=javascript:alert(1)"} {
		b.open(t, "http://localhost"+path)
		if n := eval[int](t, b, `document.querySelectorAll("script:not([src]), img, b, i, main svg, [onload], [onerror]").length`); n != 0 {
			t.Errorf("%s: something becomes markup", path)
		}
		if eval[bool](t, b, `/[\u202a-\u202e\u2066-\u2069\u0000-\u0008\u001b]/.test(document.documentElement.outerHTML)`) {
			t.Errorf("%s: a character reverses or steers what is read", path)
		}
		for _, c := range b.complaints() {
			if !strings.Contains(c, "status of 404") {
				t.Errorf("%s: %s", path, c)
			}
		}
	}
	b.open(t, "http://localhost/audit")
	if got := b.text(t, "main"); !strings.Contains(got, `<script>alert(1)</script>`) {
		t.Errorf("the text itself is not there, so nothing was tested: %q", got)
	}
}
