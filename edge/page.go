package edge

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"mailhint/settings"
	"mailhint/templates"
	"mailhint/texts"
)

// The paths of what pages for people consist of besides their HTML. LogoPath is followed by the Name of a settings.Logo.
const (
	StylePath  = "/help/style.css"
	ScriptPath = "/help/script.js"
	IconPath   = "/help/icon.svg"
	CodePath   = "/help/qr.svg"
	LogoPath   = "/help/logo/"
)

// Page is what every page for people has; base.html.tmpl is filled with it.
type Page struct {
	*texts.Printer
	// Title is the heading, and the title of the window. It must not contain an address, since browsers keep titles in their history.
	Title string
	Brand Brand
	// Hidden are the values that the page was asked for with, for the form that changes the language. Without any, the language goes
	// into the URL.
	Hidden []Field
	// Action is the path that this form is sent to; empty for that of the page.
	Action string
	// Content is what the page's own template is filled with.
	Content any
}

// Field is a value of a form.
type Field struct{ Name, Value string }

// Languages returns the languages to choose from.
func (Page) Languages() []texts.Language { return texts.Languages() }

// StyleURL, ScriptURL and IconURL are the files of the page. They change with the content, so that browsers may keep them.
func (Page) StyleURL() string  { return styleURL }
func (Page) ScriptURL() string { return scriptURL }
func (Page) IconURL() string   { return iconURL }

// CodeURL is the QR code of the page.
func (Page) CodeURL() string { return CodePath }

var (
	styleURL  = versioned(StylePath, "style.css")
	scriptURL = versioned(ScriptPath, "script.js")
	iconURL   = versioned(IconPath, "icon.svg")
)

func versioned(path, asset string) string {
	sum := sha256.Sum256(templates.Asset(asset))
	return path + "?v=" + hex.EncodeToString(sum[:4])
}

// Brand is how a provider's pages look.
type Brand struct {
	// Name is the provider's; empty on pages of no provider in particular.
	Name string
	// Logo is nil if there is none.
	Logo *Logo
	// Style sets the accent colour; empty for the usual one.
	Style template.CSS
}

// Logo is an image in a page.
type Logo struct {
	URL           string
	Width, Height int
}

// NewBrand returns how the pages for settings look, with a name for the provider.
func NewBrand(s *settings.Settings, name string) Brand {
	b := Brand{Name: name}
	if s.Logo != nil {
		b.Logo = &Logo{URL: LogoPath + s.Logo.Name, Width: s.Logo.Width, Height: s.Logo.Height}
	}
	light, dark := s.Accent, s.AccentDark
	if dark == nil && light != nil {
		lighter := light.OnDark()
		dark = &lighter
	}
	var style strings.Builder
	if light != nil {
		style.WriteString(":root{--accent:" + light.String() + "}")
	}
	if dark != nil {
		style.WriteString("@media screen and (prefers-color-scheme:dark){:root{--accent:" + dark.String() + "}}")
	}
	b.Style = template.CSS(style.String())
	return b
}

// policy is the Content-Security-Policy of a page: its own files, its own forms, and one style.
func (b Brand) policy() string {
	style := ""
	if b.Style != "" {
		sum := sha256.Sum256([]byte(b.Style))
		style = " 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return "default-src 'none'; script-src 'self'; style-src 'self'" + style + "; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}

// PreparedPage is a page that was executed, with holes.
type PreparedPage struct {
	document templates.Document
	headers  [5][]string // the values of pageHeaders
}

// pageHeaders are those that a page has whoever asks for it.
//
// Referrer-Policy is not "no-referrer", because browsers would then hide where a form comes from, from this server too. No page has a URL
// with anything personal.
var pageHeaders = [5]string{"Content-Type", "Content-Language", "Content-Security-Policy", "Vary", "Referrer-Policy"}

// PreparePage executes a template with a page.
func PreparePage(t *templates.HTMLTemplate, p Page, holes int) (*PreparedPage, error) {
	document, err := t.Prepare(p, holes)
	return &PreparedPage{document, [5][]string{{"text/html; charset=utf-8"}, {p.Language().Tag()}, {p.Brand.policy()}, {"Accept-Language"}, {"same-origin"}}}, err
}

// Serve answers a request with the page, its holes filled with values. A page with status 200 that may be cached (cacheControl does not end
// with "no-store") has an entity tag.
func (p *PreparedPage) Serve(w http.ResponseWriter, r *http.Request, status int, cacheControl string, fill []string) {
	header := w.Header()
	for i, name := range pageHeaders {
		header[name] = p.headers[i]
	}
	v := &values{cacheControl: [1]string{cacheControl}}
	header["Cache-Control"] = v.cacheControl[:]
	if status == http.StatusOK && !strings.HasSuffix(cacheControl, "no-store") {
		v.tag[0] = p.document.Tag(fill)
		header["Etag"] = v.tag[:]
		if HasTag(r, v.tag[0]) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	body := bodies.Get().(*[]byte)
	*body = p.document.Append((*body)[:0], fill)
	v.length[0] = strconv.Itoa(len(*body))
	header["Content-Length"] = v.length[:]
	w.WriteHeader(status)
	w.Write(*body) // the client is gone if this fails; the server's log shows the status
	if cap(*body) <= maxKept {
		bodies.Put(body)
	}
}

// Language returns the language for a request: the one that was chosen, in its query or in a form, or else the best for the browser.
func Language(r *http.Request, chosen string) texts.Language {
	accept := ""
	if headers := r.Header["Accept-Language"]; len(headers) > 0 {
		accept = headers[0]
	}
	return texts.Match(accept, chosen)
}

// ChosenLanguage returns the language that a person has chosen for a page without a form, in its URL.
func ChosenLanguage(r *http.Request) string {
	if r.URL.RawQuery == "" {
		return ""
	}
	return r.URL.Query().Get("lang")
}

// WantsPage reports whether a request is from a browser that shows the answer to a person. Most mail programs do not accept HTML, and none
// reads what a page for an error says.
func WantsPage(r *http.Request) bool {
	return slices.ContainsFunc(r.Header["Accept"], func(accept string) bool { return strings.Contains(accept, "text/html") })
}

// Message is a short page for people: what is wrong, and what to do. It is the same for everyone except for one word.
type Message struct {
	// Title and Text are the keys of its texts.
	Title, Text string
	// Home is true for a page with a link to the start page.
	Home bool
	// Path is what to ask for to get the message again, in another language; empty for the URL of the page without its query.
	Path string
	// Field is the name of the address in a form that is sent to Path; empty if the message does not depend on one.
	Field string
}

// The messages that are the same in every package.
var (
	NotFoundMessage    = Message{Title: "error.not_found_title", Text: "error.not_found", Home: true}
	UnavailableMessage = Message{Title: "error.unavailable_title", Text: "error.unavailable", Path: "/", Field: "email"}
)

type messageKey struct {
	Message
	texts.Language
}

var (
	messagePage = templates.HTML("message.html.tmpl")
	messages    sync.Map // by messageKey, of *PreparedPage: as many as there are messages and languages
)

// Serve answers with the page in a language. Word fills the placeholder {domain} of the texts, and address is that of Field.
func (m Message) Serve(w http.ResponseWriter, r *http.Request, status int, l texts.Language, word, address string) {
	kept, ok := messages.Load(messageKey{m, l})
	if !ok {
		p, err := m.prepare(texts.For(l))
		if err != nil { // a text has a private-use character, which a test finds
			Text(w, status, http.StatusText(status))
			return
		}
		kept, _ = messages.LoadOrStore(messageKey{m, l}, p)
	}
	kept.(*PreparedPage).Serve(w, r, status, NoStore, []string{word, address})
}

// prepare makes the page. Its holes are the word and the address.
func (m Message) prepare(t *texts.Printer) (*PreparedPage, error) {
	domain := []any{"domain", templates.Hole(0)}
	page := Page{Printer: t, Title: t.Text(m.Title, domain...), Action: m.Path, Content: struct {
		Text string
		Home bool
	}{t.Text(m.Text, domain...), m.Home}}
	if m.Field != "" {
		page.Hidden = []Field{{m.Field, templates.Hole(1)}}
	}
	return PreparePage(messagePage, page, 2)
}
