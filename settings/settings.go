// Package settings has the vocabulary of mail setup: mail domains, addresses, servers, TLS modes, login names, and the settings of a
// domain that are made of them.
//
// It does not know any file, network or format. domains.toml is read into these types, and every answer (Mozilla autoconfig,
// Outlook Autodiscover and the others) is written from them. What all formats must agree on is therefore decided here, once: which
// server comes first, what a bare host name means, what a login placeholder stands for.
package settings

import "slices"

// Settings is everything that mailhint says about one domain, or about all the domains of one profile. It is immutable once loaded.
//
// Pattern fields may contain %EMAILDOMAIN% and %PRIMARYDOMAIN%: settings are shared by all domains of a profile and become those of
// one domain when the patterns are expanded.
type Settings struct {
	// Name is the provider's name as a mail program shows it, at most 60 characters; empty means the domain itself.
	Name Pattern
	// ShortName is a shorter one, at most 20 characters; empty means none.
	ShortName Pattern

	// Servers in order of preference within each protocol, the protocols in the order of their constants: IMAP first.
	// An empty list of a protocol means that the service is not offered.
	Servers []Server

	// Login and Auth are for the services with a URL; a Server has its own.
	Login Login
	Auth  []Auth

	// Lookups are the names of the look-ups that logins of these settings refer to, each once; nil for none, as in nearly all settings. See
	// NameLookups.
	Lookups []string

	Docs    Pattern // help page, https URL
	Support Pattern // mailto:, tel: or https: URL to ask for help
	Webmail Pattern // web mail, https URL
	CalDAV  Pattern // calendar context URL
	CardDAV Pattern // contacts context URL
	WebDAV  Pattern // file share URL
	JMAP    Pattern // JMAP session URL (RFC 8620 section 2)

	// PasswordHint says in a sentence which password to use, such as "Create an app password in your account."; empty if it is the usual
	// one. PasswordURL is a page where people create or change it.
	PasswordHint Pattern
	PasswordURL  Pattern

	// Logo is on pages for people; nil if there is none. It is shared by all settings that have the same file.
	Logo *Logo
	// Accent and AccentDark are the colour of links and buttons on such pages, in light and in dark; nil for the usual one. Each can be
	// read as text.
	Accent, AccentDark *Colour

	// ActiveSync is the URL of a real Exchange ActiveSync server. It must not be set for anything else: phones then stop looking for
	// IMAP.
	ActiveSync Pattern

	// EWS is the URL of a real Exchange Web Services endpoint, under the same condition.
	EWS Pattern

	// NoPACC is true if the domain does not publish a PACC document, although one could be made.
	NoPACC bool

	// AutodiscoverRedirect, if set, is where Autodiscover requests are sent with a redirect instead of being answered.
	AutodiscoverRedirect string

	// OAuth2 describes the authorization server, if the provider has one; nil if not.
	OAuth2 *OAuth2
}

// OAuth2 is what a client needs to request a token (draft-ietf-mailmaint-autoconfig, element oAuth2).
type OAuth2 struct {
	Issuer   string   // host name or URL that identifies the authorization server
	Scope    []string // scopes to request
	AuthURL  string   // authorization endpoint
	TokenURL string   // token endpoint
	ClientID string   // public client id; empty if clients have their own

	// RedirectURL is where the sign-in page sends people back to, as it is registered for ClientID; empty for the usual one. It is for people
	// who enter it by hand: the formats have no place for it.
	RedirectURL string
}

// NameLookups sets Lookups, when all logins are set.
func (s *Settings) NameLookups() {
	s.Lookups = nil
	add := func(l Login) {
		if name := l.Lookup(); name != "" && !slices.Contains(s.Lookups, name) {
			s.Lookups = append(s.Lookups, name)
		}
	}
	add(s.Login)
	for _, server := range s.Servers {
		add(server.Login)
	}
}

// Of returns the servers of one protocol, best first.
func (s *Settings) Of(p Protocol) []Server {
	first := 0
	for first < len(s.Servers) && s.Servers[first].Protocol != p {
		first++
	}
	last := first
	for last < len(s.Servers) && s.Servers[last].Protocol == p {
		last++
	}
	return s.Servers[first:last:last]
}

// Incoming returns the servers that mail is read from, best first: IMAP, then POP3. Clients use the first one they understand
// (Geary 43 fails if that is not IMAP).
func (s *Settings) Incoming() []Server {
	imap, pop3 := s.Of(IMAP), s.Of(POP3)
	return append(imap, pop3...)
}

// Outgoing returns the submission servers, best first.
func (s *Settings) Outgoing() []Server { return s.Of(Submission) }

// FirstOfEach returns the best server of each protocol, for clients that can have only one of each.
func FirstOfEach(servers []Server) []Server {
	var first []Server
	for i, s := range servers {
		if i == 0 || s.Protocol != servers[i-1].Protocol {
			first = append(first, s)
		}
	}
	return first
}
