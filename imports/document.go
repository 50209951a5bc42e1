package imports

import (
	"cmp"
	"slices"
	"strings"

	"mailhint/choices"
	"mailhint/domains"
	"mailhint/settings"
)

// kinds are the protocols as documents spell them.
var kinds = map[string]settings.Protocol{"imap": settings.IMAP, "pop3": settings.POP3, "smtp": settings.Submission}

// Document adds the servers of an answer for a person. The places are those of the servers, in their order.
func (m *Mail) Document(places []domains.Position, d choices.Document, person settings.Address) {
	for i, e := range d.Servers {
		where := places[min(i, len(places)-1)]
		p, ok := kinds[e.Kind]
		if !ok {
			m.c.Lose(where, "a server of type %q is left out: answers do not support it", clip(cmp.Or(e.Kind, "none")))
			continue
		}
		if slices.Equal(e.Auths, []settings.Auth{settings.NTLM}) {
			m.c.Remark(where, "secure password authentication (SPA, NTLM) is on or not switched off, although mail servers seldom have it: converted as a password; if yours does, write auth = [\"ntlm\"]")
			e.Auths = nil
		}
		login, known := LoginOf(e.Login, person)
		if !known && e.HasLogin {
			m.c.Remark(where, "the login name %q does not follow from the address; answers have the whole address unless you set login", clip(e.Login))
		}
		m.Server(where, Server{Protocol: p, Host: e.Host, Port: int(e.Port), Security: cmp.Or(e.Security, settings.ImplicitTLS), Login: string(login), Auth: e.Auths})
	}
}

// LoginOf returns the form of a login name that an answer has for a person; false if it does not follow from the address. Names with placeholders
// are forms already.
func LoginOf(name string, person settings.Address) (settings.Login, bool) {
	login, err := settings.ParseLogin(name)
	switch {
	case err != nil:
		return settings.EmailAddress, false
	case strings.Contains(name, "%EMAIL"):
		return login.For(settings.EmailDomain, settings.EmailDomain), true
	case person.IsZero():
		return settings.EmailAddress, false
	case strings.EqualFold(name, person.String()):
		return settings.EmailAddress, true
	case strings.EqualFold(name, person.Local):
		return settings.EmailLocalPart, true
	}
	// The local part on its own: not part of a longer word.
	lower, local := strings.ToLower(name), strings.ToLower(person.Local)
	if i := strings.Index(lower, local); len(local) >= 4 && i >= 0 && strings.Count(lower, local) == 1 && isBoundary(lower, i-1) && isBoundary(lower, i+len(local)) {
		form := name[:i] + settings.EmailLocalPart + strings.ReplaceAll(name[i+len(local):], string(person.Domain), settings.EmailDomain)
		if login, err := settings.ParseLogin(form); err == nil {
			return login.For(settings.EmailDomain, settings.EmailDomain), true
		}
	}
	return settings.EmailAddress, false
}

// isBoundary reports whether the octet at a position is none of a word.
func isBoundary(text string, i int) bool {
	if i < 0 || i >= len(text) {
		return true
	}
	c := text[i]
	return !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c >= 0x80)
}
