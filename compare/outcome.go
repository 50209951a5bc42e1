package compare

import (
	"fmt"
	"strings"

	"mailhint/choices"
	"mailhint/settings"
	"mailhint/untrusted"
)

// outcome is what a client gets: servers, or a URL, or nothing.
type outcome struct {
	incoming, outgoing *server
	url                string // of a service, or of the Autodiscover to which the client is sent
	password           bool   // because the server asks for a password first
	noAddress          bool   // because the server does not answer requests without an address
	unusable           string // because the client cannot use the document, and why
	unknown            string // why it is not known
}

// server is a mail server as a client would use it.
type server struct {
	kind     string // "imap", "pop3", "smtp" or "ews"
	host     string
	port     uint16
	security settings.Security
	login    string // with placeholders
	auth     settings.Auth
}

func (s *server) String() string {
	if s == nil {
		return "none"
	}
	if s.port == 0 {
		return clip(s.host)
	}
	name := ""
	if s.kind == "pop3" {
		name = "POP3 "
	}
	return fmt.Sprintf("%s%s:%d %s", name, clip(s.host), s.port, s.security)
}

// is reports whether two servers are the same for a client.
func (s *server) is(other *server) bool {
	return s == other || s != nil && other != nil && *s == *other
}

func (o outcome) isNothing() bool { return o.incoming == nil && o.outgoing == nil && o.url == "" }

func (o outcome) is(other outcome) bool {
	return o.incoming.is(other.incoming) && o.outgoing.is(other.outgoing) && o.url == other.url
}

// what says what the client gets.
func (o outcome) what() string {
	if o.url != "" {
		return "URL"
	}
	return "settings"
}

func (o outcome) String() string {
	switch {
	case o.url != "":
		return clip(o.url)
	case o.password:
		return "none before a password is entered"
	case o.isNothing():
		return "none"
	case o.outgoing == nil:
		return o.incoming.String()
	case o.incoming == nil:
		return o.outgoing.String()
	}
	return o.incoming.String() + ", " + o.outgoing.String()
}

// newServer is the server that a client would use.
func newServer(e *choices.Entry, who settings.Address) *server {
	if e == nil {
		return nil
	}
	s := &server{kind: e.Kind, host: e.Host, port: e.Port, security: e.Security, login: loginForm(e.Login, who)}
	if e.URL != "" {
		s.host, s.security = e.URL, 0
	}
	if len(e.Auths) > 0 {
		s.auth = e.Auths[0]
	}
	return s
}

// loginForm is a login name with placeholders for the person: some answers are filled in, others leave it to the client, and Evolution swaps
// back the name that it has asked with.
func loginForm(login string, who settings.Address) string {
	if login == "" {
		return settings.EmailAddress
	}
	for _, local := range []string{who.Local, settings.EvolutionUser} {
		switch {
		case strings.EqualFold(login, local+"@"+string(who.Domain)):
			return settings.EmailAddress
		case login == local:
			return settings.EmailLocalPart
		}
	}
	form := strings.NewReplacer(who.String(), settings.EmailAddress, settings.EmailDomain, string(who.Domain)).Replace(login)
	if form == settings.EmailLocalPart+"@"+string(who.Domain) {
		return settings.EmailAddress
	}
	return clip(form)
}

// maxText is how much of a stranger's text is shown, in characters.
const maxText = 120

func clip(s string) string { return untrusted.Clip(s, maxText) }
