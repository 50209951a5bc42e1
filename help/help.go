// Package help says in plain words, in the language of the reader, how to set up a mail program: which server, which port, which encryption,
// which user name, what to do step by step, and what to try if it does not connect.
//
// For decides what to say and returns it as a Page. Page.Text prints it for a terminal, Page.Letter as a letter for a new mailbox, and a web
// page shows the same Page in its own way. The sentences are in package texts; what applies to which mail program is in programs.toml.
//
// Read help.go first, then services.go (the tables), programs.go (the steps) and trouble.go.
package help

import (
	"time"

	"mailhint/settings"
	"mailhint/texts"
)

// Request says whom to tell about what.
type Request struct {
	// Found are the settings.
	Found settings.Found
	// Address is the reader's; without it, the user name is described.
	Address settings.Address
	// Language is the reader's.
	Language texts.Language
	// Unsigned is true if this server does not sign Apple profiles, so that the device warns.
	Unsigned bool
	// Checks are what this server last saw of the mail servers; nil if it does not look at them.
	Checks []Check
}

// Page is what to tell a person about their mail settings. All texts are in one language, and none is HTML.
type Page struct {
	// Language is the BCP 47 tag of the language.
	Language string `json:"language"`
	// Title names the provider or the domain.
	Title string `json:"title"`
	// Intro says what to do with the page, in a sentence or two.
	Intro string `json:"intro"`
	// Services are the mail servers, best first.
	Services []Service `json:"services"`
	// OAuth2 is what to enter in a program that asks for the details of the provider's sign-in page; nil if there is no such page, or programs
	// know it.
	OAuth2 *Service `json:"oauth2,omitempty"`
	// Why explains the words and the order, a sentence or two each.
	Why []string `json:"why,omitempty"`
	// Password says which password to use, a sentence or two each; nil if the domain has no mail servers.
	Password []string `json:"password,omitempty"`
	// Programs are the mail programs with their steps; nil if the domain has no mail servers.
	Programs []Program `json:"programs,omitempty"`
	// Links lead to what else the domain offers, such as calendars.
	Links []Link `json:"links,omitempty"`
	// Trouble says what to do if there is no connection; nil if the domain has no mail servers.
	Trouble *Trouble `json:"trouble,omitempty"`

	name  string // of the provider, or the domain
	words words
}

// Link leads to something that the domain offers besides mail.
type Link struct {
	Title string `json:"title"`
	URL   string `json:"url"`
	// Copy is true for a URL to enter in a program, and false for one to open.
	Copy bool `json:"copy,omitempty"`
}

// For returns what to tell a person.
func For(r Request) Page {
	w := words{texts.For(r.Language), r.Found, r.Address}
	name := readable(w.expand(r.Found.Name))
	if name == "" {
		name = r.Found.Domain.Unicode()
	}
	p := Page{
		Language: r.Language.Tag(),
		Title:    w.Text("settings.title", "name", name),
		Links:    w.links(),
		name:     name,
		words:    w,
	}
	if len(r.Found.Servers) == 0 {
		p.Intro = w.Text("settings.nothing", "name", name)
		if w.hasExchange() {
			p.Intro = w.Text("settings.exchange", "name", name)
		}
		return p
	}
	p.Intro = w.Text("settings.intro")
	if !w.needsPassword() {
		p.Intro = w.Text("settings.intro_sign_in")
	}
	p.Services = w.services()
	p.OAuth2 = w.oauth2()
	p.Why = w.why()
	if w.hasExchange() {
		p.Why = append(p.Why, w.Text("settings.exchange", "name", name))
	}
	p.Password = w.password()
	p.Programs = w.programs(r.Unsigned)
	p.Trouble = w.trouble(r.Checks)
	return p
}

// Program returns what to tell about a program. It reports false if there is none with this ID.
func (p *Page) Program(id string) (Program, bool) {
	for _, program := range p.Programs {
		if program.ID == id {
			return program, true
		}
	}
	return Program{}, false
}

// words finds the texts for a reader.
type words struct {
	*texts.Printer
	found   settings.Found
	address settings.Address
}

// expand fills the domain into a setting.
func (w words) expand(p settings.Pattern) string {
	return p.Expand(string(w.found.Domain), string(w.found.Primary))
}

// hasExchange reports whether there is an Exchange server, which programs find from the address.
func (w words) hasExchange() bool { return w.found.EWS != "" || w.found.ActiveSync != "" }

// links are what the domain offers besides mail.
func (w words) links() []Link {
	var links []Link
	for _, l := range []struct {
		key  string
		url  settings.Pattern
		copy bool
	}{
		{"service.webmail", w.found.Webmail, false}, {"service.caldav", w.found.CalDAV, true}, {"service.carddav", w.found.CardDAV, true},
		{"service.webdav", w.found.WebDAV, true}, {"service.jmap", w.found.JMAP, true}, {"service.docs", w.found.Docs, false},
		{"service.support", w.found.Support, false},
	} {
		if l.url != "" {
			links = append(links, Link{w.Text(l.key), w.expand(l.url), l.copy})
		}
	}
	return links
}

// password says which password to use.
func (w words) password() []string {
	var lines []string
	if hint := w.expand(w.found.PasswordHint); hint != "" {
		lines = append(lines, hint) // in the words and the language of the provider
	} else if !w.needsPassword() {
		lines = append(lines, w.Text("password.oauth2"))
		if w.oauth2() == nil { // else there is something to enter in such a program
			lines = append(lines, w.Text("password.oauth2_missing"))
		}
	} else {
		lines = append(lines, w.Text("password.mailbox"))
	}
	if url := w.expand(w.found.PasswordURL); url != "" {
		lines = append(lines, w.Text("password.page", "url", readable(url)))
	}
	return append(lines, w.Text("password.never"))
}

// Check is what this server last saw of a mail server.
type Check struct {
	Host string
	Port uint16
	// State is a word of package monitor, such as "good".
	State string
	// Ago is how long ago it was.
	Ago time.Duration
}
