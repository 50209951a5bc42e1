// Package help puts mail settings into plain words, for people who set up their mail program by hand: which server, which port, which
// encryption, which user name.
//
// For decides what to say and returns it as a Page of tables and notes. Page.Text prints it for a terminal; a web page can show the same
// Page in its own way. The words are those that mail programs use in their windows, so that people find them there.
package help

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"mailhint/settings"
)

// Page is what to tell a person about their mail settings.
type Page struct {
	// Title names the provider or the domain.
	Title string `json:"title"`
	// Intro says what to do with the page, in a sentence or two.
	Intro string `json:"intro"`
	// Services are the mail servers, best first.
	Services []Service `json:"services"`
	// Links lead to what else the domain offers, such as calendars.
	Links []Link `json:"links,omitempty"`
}

// Service is one way to reach one kind of server.
type Service struct {
	// Title says what the server is for.
	Title string `json:"title"`
	// Note says when to use it, in a sentence; empty if there is no question.
	Note string `json:"note,omitempty"`
	// Rows are the settings to type, in the order in which most programs ask for them.
	Rows []Row `json:"rows"`
}

// Row is one setting.
type Row struct {
	Label string `json:"label"`
	Value string `json:"value"`
	// Literal is true if Value is to be entered as it is, and false if it describes what to enter.
	Literal bool `json:"literal"`
}

// Link leads to something that the domain offers besides mail.
type Link struct {
	Title string `json:"title"`
	URL   string `json:"url"`
}

// For returns what to tell a person with an address. Without an address, the user name is described.
func For(found settings.Found, a settings.Address) Page {
	expand := func(p settings.Pattern) string { return p.Expand(string(found.Domain), string(found.Primary)) }
	name := readable(expand(found.Name))
	if name == "" {
		name = found.Domain.Unicode()
	}
	p := Page{
		Title: "Mail settings for " + name,
		Intro: "Most mail programs find these settings from your e-mail address alone. If yours asks for them, enter them as shown here.",
	}
	for i, s := range found.Servers {
		service := Service{Title: titles[s.Protocol], Note: note(found.Servers[:i], s)}
		service.addHost(expand(s.Host))
		service.add("Port", strconv.Itoa(int(s.Port)))
		service.add("Encryption", encryptions[s.Security])
		if s.Auth[0] != settings.NoAuth {
			service.Rows = append(service.Rows, userName(s.Login.For(found.Domain, found.Primary), a))
		}
		service.Rows = append(service.Rows, Row{Label: "Sign in with", Value: signIns[s.Auth[0]]})
		p.Services = append(p.Services, service)
	}
	if len(p.Services) == 0 {
		p.Intro = "This domain has no mail servers of its own. Ask the mail provider which settings to use."
	}
	for _, l := range []struct {
		title string
		url   settings.Pattern
	}{
		{"Calendars", found.CalDAV}, {"Contacts", found.CardDAV}, {"Files", found.WebDAV}, {"Web mail", found.Webmail},
		{"Help", found.Docs}, {"Support", found.Support},
	} {
		if l.url != "" {
			p.Links = append(p.Links, Link{l.title, readable(expand(l.url))})
		}
	}
	return p
}

func (s *Service) add(label, value string) {
	s.Rows = append(s.Rows, Row{Label: label, Value: value, Literal: true})
}

// addHost adds the name of a server as people write it. Not every program accepts the letters of an international name, so that the form
// that DNS has follows.
func (s *Service) addHost(host string) {
	s.add("Server", readable(host))
	if readable(host) != host {
		s.add("Or, in ASCII", host)
	}
}

// aLabels finds names with the labels that DNS has for international ones.
var aLabels = regexp.MustCompile(`(?i)[a-z0-9.-]*\bxn--[a-z0-9.-]*[a-z0-9]`)

// readable replaces the names in a text by what people write: bücher.example instead of xn--bcher-kva.example.
func readable(text string) string {
	return aLabels.ReplaceAllStringFunc(text, func(name string) string {
		d, err := settings.ParseDomain(name)
		if err != nil {
			return name
		}
		return d.Unicode()
	})
}

// readableLogin is readable for a login name, in which only what follows the last @ is a name of DNS.
func readableLogin(login string) string {
	at := strings.LastIndexByte(login, '@') + 1
	return login[:at] + readable(login[at:])
}

// note says when to use a server, given those that are listed before it.
func note(before []settings.Server, s settings.Server) string {
	var notes []string
	switch {
	case slices.ContainsFunc(before, func(b settings.Server) bool { return b.Protocol == s.Protocol }):
		notes = append(notes, "Use this only if the settings above do not work.")
	case s.Protocol == settings.POP3 && len(before) > 0:
		notes = append(notes, "Use this instead of IMAP only if you want to keep your mail on this one device.")
	case s.Protocol == settings.ManageSieve:
		notes = append(notes, "Only for programs that can change the mail filters on the server.")
	}
	if s.Security == settings.Plaintext {
		notes = append(notes, "Nothing is encrypted: others on the network can read your password and your mail.")
	}
	return strings.Join(notes, " ")
}

// The words that mail programs use for people.
var (
	titles = map[settings.Protocol]string{
		settings.IMAP:        "Incoming mail (IMAP)",
		settings.POP3:        "Incoming mail (POP3)",
		settings.Submission:  "Outgoing mail (SMTP)",
		settings.ManageSieve: "Mail filters (Sieve)",
	}
	encryptions = map[settings.Security]string{
		settings.ImplicitTLS: "SSL/TLS",
		settings.STARTTLS:    "STARTTLS",
		settings.Plaintext:   "none",
	}
	signIns = map[settings.Auth]string{
		settings.Password:          "your password",
		settings.PasswordEncrypted: `your password (choose "encrypted password")`,
		settings.OAuth2Token:       `your provider's sign-in page (choose "OAuth2")`,
		settings.GSSAPI:            `your network account (choose "Kerberos / GSSAPI")`,
		settings.NTLM:              `your Windows password (choose "NTLM")`,
		settings.ClientCert:        `the certificate on your device (choose "TLS certificate")`,
		settings.NoAuth:            `nothing: your network is trusted (choose "no authentication")`,
	}
)

// userName is the user name of a person, or a description of it if the address is not known.
func userName(l settings.Login, a settings.Address) Row {
	const whole, local = "your full e-mail address", "the part of your e-mail address before the @"
	row := Row{Label: "User name"}
	switch {
	case !a.IsZero():
		row.Value, row.Literal = readableLogin(l.Fill(a)), true
	case l == settings.EmailAddress:
		row.Value = whole
	case l == settings.EmailLocalPart:
		row.Value = local
	default:
		row.Value = strings.NewReplacer(settings.EmailAddress, "("+whole+")", settings.EmailLocalPart, "("+local+")").Replace(string(l))
		row.Literal = row.Value == string(l)
	}
	return row
}
