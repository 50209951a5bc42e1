// Package help puts mail settings into plain words, for people who set up their mail program by hand: which server, which port, which
// encryption, which user name.
//
// For decides what to say and returns it as a Page of tables and notes. Page.Text prints it for a terminal; a web page can show the same
// Page in its own way. The words are those that mail programs use in their windows, so that people find them there.
package help

import (
	"slices"
	"strconv"
	"strings"

	"mailhint/settings"
)

// Page is what to tell a person about their mail settings.
type Page struct {
	// Title names the provider or the domain.
	Title string
	// Intro says what to do with the page, in a sentence or two.
	Intro string
	// Services are the mail servers, best first.
	Services []Service
	// Links lead to what else the domain offers, such as calendars.
	Links []Link
}

// Service is one way to reach one kind of server.
type Service struct {
	// Title says what the server is for.
	Title string
	// Note says when to use it, in a sentence; empty if there is no question.
	Note string
	// Rows are the settings to type, in the order in which most programs ask for them.
	Rows []Row
}

// Row is one setting.
type Row struct {
	Label string
	Value string
	// Literal is true if Value is to be entered as it is, and false if it describes what to enter.
	Literal bool
}

// Link leads to something that the domain offers besides mail.
type Link struct {
	Title string
	URL   string
}

// For returns what to tell a person with an address. Without an address, the user name is described.
func For(found settings.Found, a settings.Address) Page {
	expand := func(p settings.Pattern) string { return p.Expand(string(found.Domain), string(found.Primary)) }
	name := expand(found.Name)
	if name == "" {
		name = found.Domain.Unicode()
	}
	p := Page{
		Title: "Mail settings for " + name,
		Intro: "Most mail programs find these settings from your e-mail address alone. If yours asks for them, enter them as shown here.",
	}
	for i, s := range found.Servers {
		service := Service{Title: titles[s.Protocol], Note: note(found.Servers[:i], s)}
		service.add("Server", expand(s.Host))
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
			p.Links = append(p.Links, Link{l.title, expand(l.url)})
		}
	}
	return p
}

func (s *Service) add(label, value string) {
	s.Rows = append(s.Rows, Row{Label: label, Value: value, Literal: true})
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
		settings.NoAuth:            `nothing: your network is enough (choose "no authentication")`,
	}
)

// userName is the user name of a person, or a description of it if the address is not known.
func userName(l settings.Login, a settings.Address) Row {
	const whole, local = "your full e-mail address", "the part of your e-mail address before the @"
	row := Row{Label: "User name"}
	switch {
	case !a.IsZero():
		row.Value, row.Literal = l.Fill(a), true
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
