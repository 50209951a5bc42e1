package live

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"mailhint/choices"
	"mailhint/imports"
	"mailhint/settings"
)

// contradictions reports where a format says something else than the one that was converted: another server, or another login name.
func (r *reader) contradictions(base, other found, s *settings.Settings) {
	for _, e := range other.doc.Servers {
		p, ok := protocols[e.Kind]
		if !ok {
			r.c.Remark(other.where, "%s also has a server of type %q, which answers do not support", other.name, e.Kind)
			continue
		}
		own := s.Of(p)
		same := slices.IndexFunc(own, func(o settings.Server) bool { return r.isSame(o, e) })
		if same < 0 {
			r.c.Remark(other.where, "%s contradicts %s: it has the %s server %s, %s has %s", other.name, base.name, p, e, base.name, r.list(own))
			continue
		}
		if login, known := imports.LoginOf(e.Login, r.who); e.HasLogin && e.Login != "" && (!known || login != own[same].Login) {
			r.c.Remark(other.where, "%s contradicts %s: the login name at %s is %q, in %s it is %s", other.name, base.name, e, e.Login, base.name, own[same].Login)
		}
	}
}

var protocols = map[string]settings.Protocol{"imap": settings.IMAP, "pop3": settings.POP3, "smtp": settings.Submission}

// isSame reports whether two formats mean the same server.
func (r *reader) isSame(s settings.Server, e choices.Entry) bool {
	return s.Host.Expand(string(r.who.Domain), string(r.who.Domain)) == e.Host && s.Port == e.Port && s.Security == cmp.Or(e.Security, settings.ImplicitTLS)
}

// list spells servers for a message.
func (r *reader) list(servers []settings.Server) string {
	if len(servers) == 0 {
		return "none"
	}
	var texts []string
	for _, s := range servers {
		texts = append(texts, fmt.Sprintf("%s:%d %s", s.Host.Expand(string(r.who.Domain), string(r.who.Domain)), s.Port, s.Security))
	}
	return strings.Join(texts, " and ")
}
