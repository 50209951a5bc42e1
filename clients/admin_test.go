package clients_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/miekg/dns"

	"mailhint/accounts"
	"mailhint/accounts/accountstest"
	"mailhint/accounts/oidc"
	"mailhint/admin"
	"mailhint/admin/page"
	"mailhint/doctor"
	"mailhint/domains"
	"mailhint/edits"
	"mailhint/filestore"
	"mailhint/probe"
	"mailhint/resolver"
	"mailhint/server"
	"mailhint/settings"
)

// adminSite is the admin page of a server, and what the server answers mail programs.
type adminSite struct {
	*httptest.Server
	public   *server.Server
	service  *admin.Service
	accounts *accounts.Service
	file     string // domains.toml
	signedIn string // who is, in the browser
	handler  *atomic.Value
	provider noProvider
}

// noProvider is an identity provider that nobody has signed in at: the page has its button, if it has a name.
type noProvider struct{ name atomic.Value }

func (p *noProvider) Name() string {
	name, _ := p.name.Load().(string)
	return name
}

func (*noProvider) Begin(string) (location, state string, err error) {
	return "", "", oidc.ErrUnavailable
}

func (*noProvider) Finish(context.Context, url.Values, string) (accounts.Vouched, string, error) {
	return accounts.Vouched{}, "", oidc.ErrRefused
}

// newPage returns the admin page for a store.
func (a *adminSite) newPage(t *testing.T, store edits.Store) http.Handler {
	service := &admin.Service{Store: store, Accounts: a.service.Accounts, Current: a.service.Current, Saved: a.service.Saved, Prober: a.service.Prober,
		Outside: a.service.Outside, Resolver: a.service.Resolver, Examiner: a.service.Examiner, Seen: a.service.Seen}
	return page.New(page.Options{Admin: service, Accounts: a.accounts, External: &a.provider, Log: slog.New(slog.NewTextHandler(testLog{t}, nil))})
}

// readOnly is a store that cannot be written.
type readOnly struct{ edits.Store }

func (readOnly) Writable(context.Context) error {
	return errors.New("domains.toml is on a read-only disk")
}

// password is that of every account.
const password = "correct horse battery"

// serveAdmin serves the page for the domains of testdata/admin. There are accounts for each role: olga, the operator; ann, who may change some
// keys of firm.example; pat, the provisioner; vera, who only looks.
func serveAdmin(t *testing.T) *adminSite {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "admin", "domains.toml"))
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	file := filepath.Join(folder, "domains.toml")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(text), "STATE", filepath.Join(folder, "state"))), 0o644); err != nil {
		t.Fatal(err)
	}
	return serveAdminOf(t, file)
}

func serveAdminOf(t *testing.T, file string) *adminSite {
	t.Helper()
	store, err := filestore.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	snapshot, err := domains.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	a := &adminSite{public: newServer(t, snapshot, snapshot.Server), accounts: accounts.New(accountstest.NewMemory(), accounts.Options{}), file: file}
	names := resolver.New(serveNames(t))
	a.service = &admin.Service{
		Store: store, Accounts: a.accounts,
		Current: func() *domains.Snapshot { return snapshot },
		Saved: func(context.Context, edits.Result) {
			next, err := domains.Load(file)
			if err != nil {
				t.Errorf("what was saved cannot be loaded: %v", err)
				return
			}
			snapshot = next
			a.public.Configure(snapshot, nil)
		},
		Prober: fakeServers{}, Outside: fakeServers{}, Resolver: names,
		Examiner: func(s *domains.Snapshot) *doctor.Doctor {
			d := doctor.New(s, names, nil)
			d.Prober = fakeServers{}
			return d
		},
		Seen: func(host string, s settings.Server) (string, time.Time) {
			return map[bool]string{true: "good", false: "closed"}[!strings.HasPrefix(host, "closed")], time.Now().Add(-20 * time.Minute)
		},
	}
	root := accounts.CommandLine("test")
	for _, account := range []accounts.Account{
		{Name: "olga", Role: accounts.Operator}, {Name: "ann", Role: accounts.DomainAdmin, Domains: []string{"firm.example"}},
		{Name: "pat", Role: accounts.Provisioner, Profiles: []string{"shared"}}, {Name: "vera", Role: accounts.Viewer},
	} {
		if _, err := a.accounts.AddAccount(t.Context(), root, account, password); err != nil {
			t.Fatal(err)
		}
	}
	a.handler = new(atomic.Value)
	a.handler.Store(a.newPage(t, store))
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.handler.Load().(http.Handler).ServeHTTP(w, r) }))
	t.Cleanup(a.Close)
	return a
}

// testLog passes a log on to a test.
type testLog struct{ t *testing.T }

func (l testLog) Write(line []byte) (int, error) {
	l.t.Logf("log: %s", line)
	return len(line), nil
}

// fakeServers are mail servers: those whose name begins with "closed" do not answer.
type fakeServers struct{}

func (fakeServers) Look(_ context.Context, host string, ports ...probe.Port) probe.Host {
	h := probe.Host{Name: host}
	for _, p := range ports {
		look := probe.Look{Port: p, Address: netip.MustParseAddr("192.0.2.10"), State: probe.Reached, Speaks: p.Security,
			After: probe.Capabilities{Mechanisms: []string{"PLAIN"}}}
		if strings.HasPrefix(host, "closed") {
			look.State, look.Speaks = probe.Refused, 0
		}
		h.Looks = append(h.Looks, look)
	}
	return h
}

func (fakeServers) LookURL(context.Context, probe.Request) probe.Web { return probe.Web{} }

func (fakeServers) Find(_ context.Context, what probe.Search) (*probe.Finding, error) {
	f := &probe.Finding{Domain: what.Name}
	for _, s := range []struct {
		p    settings.Protocol
		text string
	}{{settings.IMAP, "imaps://imap." + string(what.Name)}, {settings.Submission, "submissions://smtp." + string(what.Name)}} {
		servers, err := settings.ParseServer(s.p, s.text)
		if err != nil {
			return nil, err
		}
		for i := range servers {
			servers[i].Login, servers[i].Auth = settings.EmailAddress, []settings.Auth{settings.Password}
		}
		f.Servers = append(f.Servers, servers...)
	}
	return f, nil
}

// answer is what a mail program gets for a domain.
func (a *adminSite) answer(domain string) string {
	r := httptest.NewRequest(http.MethodGet, "https://autoconfig."+domain+"/mail/config-v1.1.xml?emailaddress=ann@"+domain, nil)
	w := httptest.NewRecorder()
	a.public.Handler(true).ServeHTTP(w, r)
	body, _ := io.ReadAll(w.Result().Body) // from memory
	return fmt.Sprintf("%d %s", w.Code, body)
}

// signIn signs in with a name.
func (b *browser) signIn(t *testing.T, name string) {
	t.Helper()
	b.open(t, "http://localhost/sign-in")
	b.submit(t, "form.stack", map[string]string{"name": name, "password": password})
}

// serveNames starts a name server that knows some of the records that firm.example should publish.
func serveNames(t *testing.T) netip.AddrPort {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	records := make(map[string]dns.RR)
	for _, text := range []string{
		"autoconfig.firm.example. 300 IN CNAME setup.hoster.example.", "_imaps._tcp.firm.example. 300 IN SRV 0 1 993 imap.hoster.example.",
		"_submissions._tcp.firm.example. 300 IN SRV 0 1 465 old.hoster.example.",
	} {
		rr, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		records[rr.Header().Name] = rr
	}
	names := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		answer := new(dns.Msg).SetReply(q)
		if rr := records[strings.ToLower(q.Question[0].Name)]; rr != nil && (rr.Header().Rrtype == q.Question[0].Qtype || rr.Header().Rrtype == dns.TypeCNAME) {
			answer.Answer = append(answer.Answer, rr)
		} else {
			answer.Rcode = dns.RcodeNameError
		}
		if err := w.WriteMsg(answer); err != nil {
			t.Logf("name server: %v", err)
		}
	})}
	go names.ActivateAndServe() // ends with the test
	t.Cleanup(func() { names.Shutdown() })
	return netip.MustParseAddrPort(conn.LocalAddr().String())
}

// examine reports what is wrong with the page that is open.
func (a *adminSite) examine(t *testing.T, b *browser, name string, v view) {
	t.Helper()
	for wrong := range strings.Lines(eval[string](t, b, fault)) {
		if !strings.Contains(wrong, `class="said"`) { // for screen readers only
			t.Errorf("%s, %s: %s", name, v, wrong)
		}
	}
	// A phone widens what it shows to the widest element, so that nothing scrolls.
	if width := eval[int64](t, b, "document.documentElement.scrollWidth"); width > v.width {
		t.Errorf("%s, %s: it is %d px wide: %s", name, v, width, eval[string](t, b, fmt.Sprintf(
			`[...document.querySelectorAll("main *")].filter(e => e.getBoundingClientRect().right > %d && getComputedStyle(e).position !== "absolute").map(e => e.outerHTML.slice(0, 200))[0] || ""`, v.width)))
	}
}

// TestAdminEdit is the whole way of a change, with script and without: sign in, edit, a server that does not work, preview, save, undo. What mail
// programs get changes with it.
func TestAdminEdit(t *testing.T) {
	for _, script := range []bool{true, false} {
		t.Run(fmt.Sprintf("script %v", script), func(t *testing.T) {
			a := serveAdmin(t)
			b := openBrowser(t, a.Server)
			b.speak(t, "en", onLinux)
			b.look(t, view{1280, false, script})
			b.signIn(t, "olga")
			b.open(t, "http://localhost/domains/firm.example")

			b.fill(t, "imap.0.url", "imaps://closed.firm.example")
			b.press(t, check)
			if got := b.text(t, "#review .states"); !strings.Contains(got, "imaps://closed.firm.example: Does not answer") {
				t.Errorf("the live server: %q", got)
			}
			if got := b.text(t, "#review .previews"); !strings.Contains(got, "closed.firm.example") {
				t.Errorf("the preview does not have the new server: %q", got)
			}
			if got := b.text(t, "#review .diff"); !regexp.MustCompile(`\+imap +=  *"imaps://closed\.firm\.example"`).MatchString(got) {
				t.Errorf("the difference: %q", got)
			}
			b.shoot(t, fmt.Sprintf("review-failed-%v", script))
			b.press(t, save)
			if strings.Contains(a.answer("firm.example"), "closed.firm.example") {
				t.Fatal("a server that does not work was saved although nobody insisted")
			}
			b.look(t, view{1280, false, script})
			b.fill(t, "imap.0.url", "imaps://new.firm.example")
			b.press(t, check)
			b.shootView(t, "admin-page") // docs/admin-page.png
			b.fill(t, "reason", "moved to a new machine")
			b.shoot(t, fmt.Sprintf("review-%v", script))
			b.press(t, save)
			if got := b.text(t, "#notice"); !strings.Contains(got, "Saved.") {
				t.Errorf("after saving: %q", got)
			}
			if !strings.Contains(a.answer("firm.example"), "new.firm.example") {
				t.Errorf("mail programs get: %s", a.answer("firm.example"))
			}
			b.shoot(t, fmt.Sprintf("saved-%v", script))
			b.loads(t, func() { b.click(t, "#notice button") })
			if got := b.text(t, "#notice"); !strings.Contains(got, "Restored.") {
				t.Errorf("after undoing: %q", got)
			}
			if got := a.answer("firm.example"); strings.Contains(got, "new.firm.example") || !strings.Contains(got, "imap.hoster.example") {
				t.Errorf("mail programs get: %s", got)
			}
			b.open(t, "http://localhost/domains/firm.example/history")
			if got := b.text(t, ".changes"); !strings.Contains(got, "moved to a new machine") || !strings.Contains(got, "olga") {
				t.Errorf("the history: %q", got)
			}
			b.shoot(t, fmt.Sprintf("history-%v", script))
			for _, c := range b.complaints() {
				if !strings.Contains(c, "status of 422") {
					t.Error(c)
				}
			}
		})
	}
}

// fill types into a control, as a person does.
func (b *browser) fill(t *testing.T, name, value string) {
	t.Helper()
	at := fmt.Sprintf("[name=%q]", name)
	b.run(t, chromedp.Evaluate(fmt.Sprintf("for (let e = document.querySelector(%q); e; e = e.parentElement) { if (e.name === %q) e.value = ''; e.open = true }", at, name), nil), chromedp.SendKeys(at, value, chromedp.ByQuery))
}

func (b *browser) click(t *testing.T, selector string) {
	t.Helper()
	b.run(t, chromedp.Click(selector, chromedp.ByQuery))
}

// press presses a button of the form. Where the page has a script, most of them change it in place.
func (b *browser) press(t *testing.T, selector string) {
	t.Helper()
	if !eval[bool](t, b, fmt.Sprintf("document.querySelector(%q).matches('[data-swap]')", selector)) || !b.script {
		b.loads(t, func() { b.click(t, selector) })
		return
	}
	b.run(t, chromedp.Evaluate(`document.querySelector("#said").textContent = ""`, nil))
	b.click(t, selector)
	b.run(t, chromedp.WaitReady(`//p[@id="said"][text()="Done"]`, chromedp.BySearch))
}

// The buttons of the form.
const (
	check = `form.settings button.main[value="check"]`
	save  = `form.settings button.main[value="save"]`
)

// text is the text of an element, with all that is folded.
func (b *browser) text(t *testing.T, selector string) string {
	t.Helper()
	return eval[string](t, b, fmt.Sprintf("document.querySelector(%q)?.textContent ?? ''", selector))
}

// TestAdminConflict lets two people change one domain. The second learns of it, sees both versions, and loses nothing of what was typed.
func TestAdminConflict(t *testing.T) {
	for _, script := range []bool{true, false} {
		t.Run(fmt.Sprintf("script %v", script), func(t *testing.T) {
			a := serveAdmin(t)
			b := openBrowser(t, a.Server)
			b.speak(t, "en", onLinux)
			b.look(t, view{1280, false, script})
			b.signIn(t, "olga")
			b.open(t, "http://localhost/domains/firm.example")
			b.fill(t, "name", "Firm by Olga")
			b.fill(t, "short_name", "Firm")
			b.press(t, check)

			ref := edits.Ref{Kind: edits.Domain, Name: "firm.example"}
			ann := accounts.Account{Name: "ann", Role: accounts.DomainAdmin, Domains: []string{"firm.example"}}.Principal(netip.MustParseAddr("192.0.2.1"))
			now, err := a.service.Domain(t.Context(), ann, ref)
			if err != nil {
				t.Fatal(err)
			}
			_, err = a.service.Patch(t.Context(), ann, ref, map[string]any{"name": "Firm by Ann", "webmail": "https://mail.firm.example/"}, admin.Options{If: now.Revision, Via: edits.API})
			if err != nil {
				t.Fatal(err)
			}

			b.press(t, save)
			if got := b.text(t, "[aria-labelledby=conflict]"); !strings.Contains(got, "Changed meanwhile") || !strings.Contains(got, "ann") || !strings.Contains(got, "Firm by Ann") || !strings.Contains(got, "Firm by Olga") {
				t.Errorf("the conflict: %q", got)
			}
			b.shoot(t, fmt.Sprintf("conflict-%v", script))
			for name, want := range map[string]string{"name": "Firm by Olga", "short_name": "Firm", "webmail": "https://mail.firm.example/"} {
				if got := eval[string](t, b, fmt.Sprintf("document.querySelector('[name=%s]').value", name)); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
			if got := a.answer("firm.example"); !strings.Contains(got, "Firm by Ann") {
				t.Errorf("something was saved: %s", got)
			}
			b.press(t, check)
			b.press(t, save)
			r, err := a.service.Domain(t.Context(), ann, ref)
			if err != nil || r.Values["name"] != "Firm by Olga" || r.Values["short_name"] != "Firm" || r.Values["webmail"] != "https://mail.firm.example/" {
				t.Errorf("what was saved in the end: %v (%v)", r.Values, err)
			}
		})
	}
}
