package domains

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"mailhint/settings"
)

// Printer writes entries as domains.toml spells them: what goes without saying is left out, a pair of servers that a bare host
// stands for becomes that host, and logins stand at the servers only where they differ.
//
// Nothing is inherited in what it writes, so it must be loaded without [defaults] to give the same answers.
type Printer struct {
	// Aside, if set, keeps a list in a file of its own and returns the file's name. Without it lists of names stand in the text, and
	// a rule for some users cannot be written.
	Aside func(list []string) (file string, err error)
}

// ErrAside means that a rule for some users cannot be written without a file of their addresses.
var ErrAside = errors.New("it has a rule with a users_file, which cannot stand in the text itself")

// longList is the length from which names go into a file of their own.
const longList = 1000

// Entry returns the tables of an entry, with comments above them. A list becomes a profile named after its first domain.
func (p Printer) Entry(e Entry, comments ...string) (string, error) {
	name := "fallback"
	if e.Kind != Fallback {
		name = string(e.Names[0])
	}
	var b tomlText
	for _, c := range comments {
		b.comment(c)
	}
	var err error
	switch e.Kind {
	case List:
		b.header("profiles", name)
		b.choice(e.Choice)
		err = b.names(p, e.Names)
		b.oauth2("profiles", name, e.Settings)
	case Fallback:
		b.profile(name, e.Choice)
		b.line("\n[fallback]")
		b.value("profile", name)
		if e.MX != nil {
			b.list("mx", texts(e.MX))
		}
	default:
		if e.Kind == Wildcard {
			name = "*." + name
		}
		err = b.domain(p, name, e)
	}
	return b.String(), err
}

// tomlText is TOML being written.
type tomlText struct{ strings.Builder }

func (b *tomlText) line(s string) {
	b.WriteString(s)
	b.WriteByte('\n')
}

// comment writes a comment, whatever the text holds, in lines that can be read.
func (b *tomlText) comment(s string) {
	s = strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
	line := "#"
	for _, word := range strings.Fields(s) {
		if len(line)+len(word) >= wide && line != "#" && line != "#  " {
			b.line(line)
			line = "#  "
		}
		line += " " + word
	}
	b.line(line)
}

// wide is the length in octets that lines are broken at.
const wide = 120

func (b *tomlText) header(path ...string) { b.line("[" + spellKey(path...) + "]") }

func (b *tomlText) value(key, text string) { b.line(key + " = " + quote(text)) }

func (b *tomlText) optional(key string, text settings.Pattern) {
	if text != "" {
		b.value(key, string(text))
	}
}

// domain writes the table of a domain or wildcard. Its rules become profiles, because a rule without one would inherit from the
// domain what it does not say.
func (b *tomlText) domain(p Printer, name string, e Entry) error {
	for i, r := range e.Rules {
		if !e.Disabled {
			b.profile(ruleProfile(name, i), r.Choice)
			b.line("")
		}
	}
	b.header("domains", name)
	if e.Disabled {
		b.line("enabled = false")
	}
	if e.Kind == Single && len(e.Names) > 1 {
		b.list("aliases", texts(e.Names[1:]))
	}
	if e.Disabled {
		return nil
	}
	b.choice(e.Choice)
	b.oauth2("domains", name, e.Settings)
	for i, r := range e.Rules {
		b.line("[[" + spellKey("domains", name, "rules") + "]]")
		if r.HasUsers {
			if p.Aside == nil {
				return fmt.Errorf("%s: %w", name, ErrAside)
			}
			file, err := p.Aside(r.Users)
			if err != nil {
				return err
			}
			b.value("users_file", file)
		}
		if r.From != nil {
			b.list("from", networkTexts(r.From))
		}
		b.value("profile", ruleProfile(name, i))
	}
	return nil
}

func ruleProfile(name string, i int) string { return fmt.Sprintf("%s rule %d", name, i+1) }

func (b *tomlText) profile(name string, c Choice) {
	b.header("profiles", name)
	b.choice(c)
	b.oauth2("profiles", name, c.Settings)
}

// names writes the names of a list, each on its line: their order is kept then.
func (b *tomlText) names(p Printer, names []settings.Domain) error {
	list := texts(names)
	if len(list) >= longList && p.Aside != nil {
		file, err := p.Aside(list)
		if err != nil {
			return err
		}
		b.value("domains_file", file)
		return nil
	}
	if len(list) == 1 {
		b.list("domains", list)
		return nil
	}
	b.lines("domains", quoteAll(list))
	return nil
}

// choice writes the keys of settings, in the order of the documentation.
func (b *tomlText) choice(c Choice) {
	s := c.Settings
	b.optional("name", s.Name)
	b.optional("short_name", s.ShortName)
	b.servers("imap", s.Of(settings.IMAP), s)
	b.servers("pop3", s.Of(settings.POP3), s)
	b.servers("smtp", s.Outgoing(), s)
	b.servers("sieve", s.Of(settings.ManageSieve), s)
	switch { // what is not published must be said, or the loader takes it for forgotten
	case len(s.Outgoing()) == 0 && len(s.Incoming()) == 0:
		b.line("imap = []")
		b.line("smtp = []")
	case len(s.Outgoing()) == 0:
		b.line("smtp = []")
	case len(s.Incoming()) == 0:
		b.line("imap = []")
	}
	if s.Login != builtIn.login.value {
		b.value("login", string(s.Login))
	}
	if !slices.Equal(s.Auth, builtIn.auth.value) {
		b.list("auth", authTexts(s.Auth))
	}
	b.optional("webmail", s.Webmail)
	b.optional("caldav", s.CalDAV)
	b.optional("carddav", s.CardDAV)
	b.optional("webdav", s.WebDAV)
	b.optional("jmap", s.JMAP)
	b.optional("activesync", s.ActiveSync)
	b.optional("ews", s.EWS)
	if s.AutodiscoverRedirect != "" {
		b.value("autodiscover", "redirect:"+s.AutodiscoverRedirect)
	}
	b.optional("docs", s.Docs)
	b.optional("support", s.Support)
	if s.NoPACC {
		b.line("pacc = false")
	}
	if c.Networks != nil {
		b.list("allow_plaintext", networkTexts(c.Networks))
	}
}

// oauth2 writes a table below the one at the path, which must be finished.
func (b *tomlText) oauth2(table, name string, s *settings.Settings) {
	o := s.OAuth2
	if o == nil {
		return
	}
	b.header(table, name, "oauth2")
	b.value("issuer", o.Issuer)
	b.list("scope", o.Scope)
	b.value("auth_url", o.AuthURL)
	b.value("token_url", o.TokenURL)
	if o.ClientID != "" {
		b.value("client_id", o.ClientID)
	}
}

// servers writes the servers of one protocol in their order.
func (b *tomlText) servers(key string, servers []settings.Server, s *settings.Settings) {
	var list []string
	for len(servers) > 0 {
		url, n := servers[0].URL(), 1
		if pair := bareHost(servers); pair > 0 {
			url, n = string(servers[0].Host), pair
		}
		list = append(list, spellServer(url, servers[0], s))
		servers = servers[n:]
	}
	switch len(list) {
	case 0:
	case 1:
		b.line(key + " = " + list[0])
	default:
		b.elements(key, list)
	}
}

// bareHost returns how many of the first servers a bare host name stands for; 0 if they are not what it stands for.
func bareHost(servers []settings.Server) int {
	first := servers[0]
	pair, err := settings.ParseServer(first.Protocol, string(first.Host))
	if err != nil || len(pair) > len(servers) {
		return 0
	}
	for i, want := range pair {
		got := servers[i]
		if got.Host != want.Host || got.Port != want.Port || got.Security != want.Security || got.Login != first.Login || !slices.Equal(got.Auth, first.Auth) {
			return 0
		}
	}
	return len(pair)
}

// spellServer returns a server as an element of a list: a text, or a table if it has a login of its own.
func spellServer(url string, server settings.Server, s *settings.Settings) string {
	text := quote(url)
	var own []string
	if server.Login != s.Login {
		own = append(own, "login = "+quote(string(server.Login)))
	}
	if !slices.Equal(server.Auth, s.Auth) {
		own = append(own, "auth = ["+strings.Join(quoteAll(authTexts(server.Auth)), ", ")+"]")
	}
	if own == nil {
		return text
	}
	return "{ url = " + text + ", " + strings.Join(own, ", ") + " }"
}

func (b *tomlText) list(key string, list []string) { b.elements(key, quoteAll(list)) }

// elements writes a list on one line if it fits.
func (b *tomlText) elements(key string, list []string) {
	if text := key + " = [" + strings.Join(list, ", ") + "]"; len(text) <= wide {
		b.line(text)
		return
	}
	b.lines(key, list)
}

func (b *tomlText) lines(key string, list []string) {
	b.line(key + " = [")
	for _, element := range list {
		b.line("  " + element + ",")
	}
	b.line("]")
}

// spellKey joins the parts of a table's name. Names of domains and profiles are always quoted, as the documentation tells admins.
func spellKey(path ...string) string {
	parts := slices.Clone(path)
	if len(parts) > 1 && (strings.ContainsFunc(parts[1], notBare) || parts[0] == "domains" || parts[1] == "") {
		parts[1] = quote(parts[1])
	}
	return strings.Join(parts, ".")
}

// quote returns a TOML basic string.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case strconv.IsPrint(r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, `\U%08X`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func quoteAll(list []string) []string {
	q := make([]string, len(list))
	for i, s := range list {
		q[i] = quote(s)
	}
	return q
}

func texts(names []settings.Domain) []string {
	list := make([]string, len(names))
	for i, d := range names {
		list[i] = string(d)
	}
	return list
}

func authTexts(auths []settings.Auth) []string {
	list := make([]string, len(auths))
	for i, a := range auths {
		list[i] = string(a)
	}
	return list
}

func networkTexts(networks []netip.Prefix) []string {
	list := make([]string, len(networks))
	for i, n := range networks {
		list[i] = n.String()
	}
	return list
}
