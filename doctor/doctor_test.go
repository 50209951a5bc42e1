package doctor

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"mailhint/autodiscover"
	"mailhint/probe"
	"mailhint/settings"
)

const usual = `
[domains."a.example"]
imap = "mail.a.example"
smtp = "mail.a.example"
`

const services = usual + `caldav = "https://dav.a.example/calendars/"
carddav = "https://dav.a.example/contacts/"
jmap = "https://jmap.a.example/session"
`

const plaintext = `
[domains."a.example"]
imap = "imap+plain://mail.a.example"
smtp = "submissions://mail.a.example"
allow_plaintext = ["0.0.0.0/0", "::/0"]
`

const microsoft = `
[domains."a.example"]
imap = "imaps://outlook.office365.com"
smtp = "submission://smtp.office365.com"
auth = ["oauth2"]
autodiscover = "redirect:https://autodiscover-s.outlook.com/autodiscover/autodiscover.xml"
[domains."a.example".oauth2]
issuer = "login.microsoftonline.com"
scope = ["https://outlook.office365.com/IMAP.AccessAsUser.All"]
auth_url = "https://login.microsoftonline.com/common/oauth2/v2.0/authorize"
token_url = "https://login.microsoftonline.com/common/oauth2/v2.0/token"
`

// body replaces the answer of a web server.
func body(status int, kind, text string) func(*probe.Web) {
	return func(w *probe.Web) {
		w.State, w.Err, w.Status, w.Location = probe.Reached, nil, status, ""
		w.Body, w.Header = []byte(text), http.Header{"Content-Type": {kind}}
	}
}

func state(s probe.State) func(*probe.Look) {
	return func(l *probe.Look) { *l = probe.Look{Port: l.Port, Address: l.Address, State: s} }
}

// findingCase breaks one thing, or several with one cause, and says what must be found.
type findingCase struct {
	name   string
	config string // usual if empty
	change func(*world)
	want   string // "CODE subject text", with a severity before it if it is a warning; or "CODE, CODE"
}

const htmlType, website = "text/html", "<!doctype html><title>Site</title>"

// certificate changes a TLS connection.
func certificate(change func(*probe.TLS)) func(*probe.Web) {
	return func(w *probe.Web) {
		if w.TLS != nil {
			change(w.TLS)
		}
	}
}

// validFor gives a certificate a lifetime, with some of it left.
func validFor(c *probe.TLS, lifetime, left time.Duration) {
	c.Chain[0].NotAfter = now.Add(left)
	c.Chain[0].NotBefore = c.Chain[0].NotAfter.Add(-lifetime)
}

// TestEveryCode: every code is found in one of the cases.
func TestEveryCode(t *testing.T) {
	var wants []string
	for _, test := range slices.Concat(dnsCases, webCases, mailCases, clientCases, oauthCases, lookupCases) {
		wants = append(wants, test.want)
	}
	for _, test := range challengeCases {
		wants = append(wants, test.want)
	}
	for _, i := range Codes {
		if !strings.Contains(strings.Join(wants, "\n"), string(i.Code)+" ") {
			t.Errorf("no case finds %s", i.Code)
		}
	}
}

// TestFindings breaks one thing, or several with one cause: exactly its code must be reported, with the right subject.
func TestFindings(t *testing.T) {
	for _, test := range slices.Concat(dnsCases, webCases, mailCases, clientCases, oauthCases, lookupCases) {
		t.Run(test.name, func(t *testing.T) {
			if test.config == "" {
				test.config = usual
			}
			snapshot := load(t, test.config)
			w := newWorld(t, snapshot, "a.example")
			w.hosts["autoconfig.thunderbird.net"] = addresses("203.0.113.90")
			test.change(w)
			r := w.doctor().Examine(context.Background(), find(t, snapshot, "a.example"))
			checkReport(t, r, test.want)
		})
	}
}

func checkReport(t *testing.T, r Report, want string) {
	t.Helper()
	severity := Problem
	if rest, ok := strings.CutPrefix(want, "warning "); ok {
		severity, want = Warning, rest
	}
	code, about, _ := strings.Cut(want, " ")
	if before, _, several := strings.Cut(want, ", "); several && len(before) == 3 {
		if got := strings.Join(codes(r), ", "); got != want {
			t.Errorf("got %s, want %s: %+v", got, want, r.Findings)
		}
		return
	}
	var all []string
	if code != "" {
		all = []string{code}
	}
	for _, f := range r.Findings {
		if i := slices.IndexFunc(Codes, func(i Info) bool { return i.Code == f.Code }); f.Severity == Problem && Codes[i].Severity != Problem {
			t.Errorf("%s is a problem, but at most a warning according to the table of codes", f.Code)
		}
	}
	if !slices.Equal(codes(r), all) {
		t.Fatalf("got %q, want %q: %+v", codes(r), all, r.Findings)
	}
	if len(r.Unchecked) > 0 || r.Incomplete {
		t.Errorf("not checked: %q", r.Unchecked)
	}
	if code == "" {
		return
	}
	subject, text, _ := strings.Cut(about, " ")
	for rest, found := text, true; found && strings.HasSuffix(subject, ","); { // several subjects
		var next string
		next, rest, found = strings.Cut(rest, " ")
		subject, text = subject+" "+next, rest
	}
	if !slices.ContainsFunc(r.Findings, func(f Finding) bool {
		return f.Severity == severity && strings.Contains(f.Subject, subject) && strings.Contains(f.Text,
			text) && f.Fix != "" && f.Page == f.Code.Page()
	}) {
		t.Errorf("no %s %s about %q with %q in %+v", severity, code, subject, text, r.Findings)
	}
}

// ours lets the real server answer, whatever address a name has, and whichever of its domains the name belongs to.
func (w *world) ours(web *probe.Web) {
	const domain = "a.example"
	u, err := url.Parse(web.URL)
	if err != nil {
		return
	}
	method, text := http.MethodGet, ""
	if u.Path == autodiscover.Path {
		method, text = http.MethodPost, string(autodiscover.Request(domain, settings.Address{Local: "postmaster", Domain: domain}).Body)
	}
	r := httptest.NewRequest(method, web.URL, strings.NewReader(text))
	r.Header.Set("Content-Type", "text/xml")
	if settings.DomainOfServiceHost(u.Hostname()) != domain {
		r.Host = "autodiscover." + domain
	}
	recorder := httptest.NewRecorder()
	w.handler.ServeHTTP(recorder, r)
	web.State, web.Err, web.Status, web.Header, web.Body = probe.Reached, nil, recorder.Code, recorder.Header(), recorder.Body.Bytes()
}

// asHTTP lets the real server answer a request of which a proxy says that it came over plain http.
func (w *world) asHTTP(web *probe.Web) {
	u, err := url.Parse(web.URL)
	if err != nil || settings.DomainOfServiceHost(u.Hostname()) != "a.example" {
		return
	}
	r := httptest.NewRequest(http.MethodGet, web.URL, nil)
	r.Header.Set("X-Forwarded-Proto", "http")
	recorder := httptest.NewRecorder()
	w.handler.ServeHTTP(recorder, r)
	web.Status, web.Header, web.Body = recorder.Code, recorder.Header(), recorder.Body.Bytes()
	web.Location = web.Header.Get("Location")
}

// redirect answers with a redirect.
func redirect(to string) func(*probe.Web) {
	return func(w *probe.Web) {
		body(302, htmlType, "")(w)
		w.Location = to
	}
}

// replace changes an answer on the way.
func replace(from, to string) func(*probe.Web) {
	return func(w *probe.Web) { w.Body = []byte(strings.ReplaceAll(string(w.Body), from, to)) }
}

const otherConfig = `<clientConfig version="1.1"><emailProvider id="elsewhere.example"><domain>elsewhere.example</domain>
<incomingServer type="imap"><hostname>imap.elsewhere.example</hostname><port>993</port><socketType>SSL</socketType>
<authentication>password-cleartext</authentication><username>%EMAILADDRESS%</username></incomingServer>
<outgoingServer type="smtp"><hostname>smtp.elsewhere.example</hostname><port>465</port><socketType>SSL</socketType>
<authentication>password-cleartext</authentication><username>%EMAILADDRESS%</username></outgoingServer>
</emailProvider></clientConfig>`

const otherPOX = `<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006">
<Response xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"><User/>
<Account><AccountType>email</AccountType>
<Action>settings</Action><Protocol><Type>IMAP</Type><Server>imap.elsewhere.example</Server><Port>993</Port><SPA>off</SPA><SSL>on</SSL></Protocol>
<Protocol><Type>SMTP</Type><Server>smtp.elsewhere.example</Server><Port>465</Port><SPA>off</SPA><SSL>on</SSL></Protocol>
</Account></Response></Autodiscover>`
