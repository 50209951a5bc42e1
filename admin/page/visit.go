package page

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"mailhint/accounts"
	"mailhint/admin"
	"mailhint/edge"
	"mailhint/templates"
)

// visit is a request and its answer.
type visit struct {
	http.ResponseWriter
	*http.Request
	who     accounts.Principal
	session accounts.Session
}

// document is what every page has; admin/base.html.tmpl is filled with it.
type document struct {
	Title   string
	Account string // who is signed in; empty for nobody
	Pages   []link
	Notice  *notice
	Content any
}

// StyleURL, ScriptURL and IconURL are the files of the page. They change with the content, so that browsers may keep them.
func (document) StyleURL() string  { return styleURL }
func (document) ScriptURL() string { return scriptURL }
func (document) IconURL() string   { return iconURL }

// link is a link to another page.
type link struct {
	Title, Path string
	Here        bool
}

// notice is what has just happened, above a page.
type notice struct {
	Kind        string // good, warn or bad
	Title, Text string
	Undo        *undo
}

// undo is a button that reverts the change of a record.
type undo struct {
	Path   string
	Change int64
	// Revision is the state of the record that it may be applied to.
	Revision string
}

const (
	stylePath  = "/admin/style.css"
	scriptPath = "/admin/script.js"
	iconPath   = "/admin/icon.svg"
)

var (
	assets = map[string]file{
		stylePath:  {"text/css; charset=utf-8", templates.AdminAsset("style.css")},
		scriptPath: {"text/javascript; charset=utf-8", templates.AdminAsset("script.js")},
		iconPath:   {"image/svg+xml", templates.Asset("icon.svg")},
	}
	styleURL, scriptURL, iconURL = versioned(stylePath), versioned(scriptPath), versioned(iconPath)
)

type file struct {
	kind string
	body []byte
}

func versioned(path string) string {
	sum := sha256.Sum256(assets[path].body)
	return path + "?v=" + hex.EncodeToString(sum[:4])
}

// asset answers with a file of the page.
func (h *Handler) asset(v *visit) error {
	f := assets[v.URL.Path]
	v.Header().Set("Content-Type", f.kind)
	if v.URL.RawQuery != "" { // the URL changes with the content
		v.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	_, err := v.Write(f.body)
	return err
}

// serve answers a request for a route.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request, route Route) {
	v := &visit{ResponseWriter: w, Request: r}
	err := h.identify(v, route)
	if err == nil {
		err = v.readForm(route)
	}
	if err == nil {
		err = route.answer(h, v)
	}
	if err != nil {
		h.fail(v, err)
	}
}

// identify finds out who makes the request, and returns accounts.ErrSignedOut if somebody must be signed in and nobody is.
func (h *Handler) identify(v *visit, route Route) error {
	if _, isFile := assets[route.Path]; isFile {
		return nil
	}
	secret := v.cookie(sessionCookie)
	if secret == "" {
		if route.Open {
			return nil
		}
		return accounts.ErrSignedOut
	}
	who, session, err := h.Accounts.Session(v.Context(), secret, v.client())
	if errors.Is(err, accounts.ErrSignedOut) && route.Open {
		return nil
	}
	v.who, v.session = who, session
	if err == nil && !h.rates.Allow(who.Name) {
		h.refused.Inc()
		return &admin.BusyError{What: "this account has sent too many requests", Retry: time.Second}
	}
	return err
}

// readForm reads what a form has sent. Values in the URL of a form are not read.
func (v *visit) readForm(route Route) error {
	if route.Method != post {
		return nil
	}
	if kind, _, _ := strings.Cut(v.Request.Header.Get("Content-Type"), ";"); strings.TrimSpace(strings.ToLower(kind)) != "application/x-www-form-urlencoded" {
		return errNotForm
	}
	if err := v.ParseForm(); err != nil {
		if errors.As(err, new(*http.MaxBytesError)) {
			return errTooLarge
		}
		return errNotForm
	}
	return nil
}

var (
	errNotForm  = errors.New("not a form")
	errTooLarge = errors.New("too large")
)

// Header returns the headers of the answer.
func (v *visit) Header() http.Header { return v.ResponseWriter.Header() }

// Write writes the body of the answer.
func (v *visit) Write(body []byte) (int, error) { return v.ResponseWriter.Write(body) }

// field returns what was typed into a control for one line.
func (v *visit) field(name string) string { return oneLine(v.PostForm.Get(name)) }

// part returns a part of the path that somebody has chosen, such as {domain}.
func (v *visit) part(name string) string { return mux.Vars(v.Request)[name] }

// client is where the request comes from.
func (v *visit) client() accounts.Client {
	c := accounts.Client{UserAgent: v.UserAgent()}
	if known, ok := v.ResponseWriter.(edge.Visit); ok {
		c.Address = known.ClientAddr()
	}
	if !c.Address.IsValid() {
		if at, err := netip.ParseAddrPort(v.RemoteAddr); err == nil {
			c.Address = at.Addr().Unmap()
		}
	}
	return c
}

// secure reports whether the browser has used https.
func (v *visit) secure() bool { return v.TLS != nil || v.URL.Scheme == "https" }

// The names of the cookies. Over https they begin with "__Host-", which browsers only accept from this host itself, not from a sister of it.
const (
	sessionCookie = "mailhint-session"
	deviceCookie  = "mailhint-device"
)

func (v *visit) cookieName(name string) string {
	if v.secure() {
		return "__Host-" + name
	}
	return name
}

// cookie returns the value of a cookie; empty if there is none. Of several with the same name none counts.
func (v *visit) cookie(name string) string {
	all := v.CookiesNamed(v.cookieName(name))
	if len(all) != 1 {
		return ""
	}
	return all[0].Value
}

// setCookie sets a cookie for so many seconds; 0 is until the browser is closed, and a negative number removes it.
func (v *visit) setCookie(name, value string, seconds int) {
	http.SetCookie(v.ResponseWriter, &http.Cookie{
		Name: v.cookieName(name), Value: value, Path: "/", MaxAge: seconds, Secure: v.secure(), HttpOnly: true,
		SameSite: http.SameSiteLaxMode, // not strict: whoever follows a link in a message, or comes back from an identity provider, is signed in
	})
}

// show answers with a page.
func (h *Handler) show(v *visit, status int, t *templates.AdminTemplate, d document) error {
	d.Account = v.who.Name
	if d.Account != "" {
		d.Pages = h.pages(v)
	}
	var page bytes.Buffer
	if err := t.Execute(&page, d); err != nil {
		return err
	}
	v.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.WriteHeader(status)
	_, err := v.Write(page.Bytes())
	if err != nil {
		return nil // the browser is gone
	}
	return nil
}

// pages are those in the heading, for what somebody may do.
func (h *Handler) pages(v *visit) []link {
	list := []link{{Title: "Domains", Path: "/domains"}, {Title: "Profiles", Path: "/profiles"}}
	if v.who.May(accounts.ManageAccounts, accounts.Target{}) {
		list = append(list, link{Title: "Accounts", Path: "/accounts"})
	}
	list = append(list, link{Title: "Tokens", Path: "/tokens"}, link{Title: "Audit", Path: "/audit"})
	for i := range list {
		list[i].Here = v.URL.Path == list[i].Path || strings.HasPrefix(v.URL.Path, list[i].Path+"/") || list[i].Path == "/domains" && v.URL.Path == "/add"
	}
	return list
}

// to sends the browser to another page of ours, after a form was accepted.
func (v *visit) to(path string, query url.Values) error {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	v.Header().Set("Location", path)
	v.WriteHeader(http.StatusSeeOther)
	return nil
}

// domainPath is the path of a domain's page, or of one below it.
func domainPath(name, below string) string { return "/domains/" + url.PathEscape(name) + below }

// profilePath is the path of a profile's page, or of one below it.
func profilePath(name, below string) string { return "/profiles/" + url.PathEscape(name) + below }
