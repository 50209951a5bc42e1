package domains

import (
	"fmt"

	"mailhint/settings"
)

// resolve makes settings of a finished stack of layers, and notes what contradicts itself. owner is the table whose entry this
// is; mistakes are noted where the value was written, which may be a profile.
func (l *loader) resolve(stack layer, owner *table) *settings.Settings {
	l.checkComplete(stack, owner)
	s := &settings.Settings{
		Name:                 stack.name.value,
		ShortName:            stack.shortName.value,
		Login:                stack.login.value,
		Auth:                 stack.auth.value,
		Docs:                 stack.docs.value,
		Support:              stack.support.value,
		Webmail:              stack.webmail.value,
		CalDAV:               stack.caldav.value,
		CardDAV:              stack.carddav.value,
		WebDAV:               stack.webdav.value,
		JMAP:                 stack.jmap.value,
		ActiveSync:           stack.activesync.value,
		EWS:                  stack.ews.value,
		NoPACC:               stack.pacc.set && !stack.pacc.value,
		AutodiscoverRedirect: stack.autodiscover.value,
		OAuth2:               stack.oauth2.value,
	}
	for _, servers := range stack.allServers() {
		for _, spec := range servers.value {
			server := spec.Server
			if server.Login == "" {
				server.Login = stack.login.value
			}
			if server.Auth == nil {
				server.Auth = stack.auth.value
			}
			if server.Security == settings.Plaintext && len(stack.allowPlaintext.value) == 0 {
				l.note(spec.at, keyIn(owner, servers.key), "%s has no encryption, passwords could be read on the way; write %s, or limit it to networks of yours with allow_plaintext = [\"10.0.0.0/8\"]",
					server.URL(), servers.key+" = \""+string(server.Host)+"\"")
			}
			s.Servers = append(s.Servers, server)
		}
	}
	l.origins[s] = stack.origins()
	return s
}

// checkComplete notes what would make programs reject the answer, unless it is so on purpose. A key that is misspelt is told already;
// that it then seems to be missing would only mislead.
func (l *loader) checkComplete(stack layer, owner *table) {
	if stack.misspelt {
		return
	}
	incoming := len(stack.imap.value) + len(stack.pop3.value)
	switch {
	case incoming > 0 && !stack.smtp.set:
		at, key := stack.imap.at, "imap"
		if len(stack.imap.value) == 0 {
			at, key = stack.pop3.at, "pop3"
		}
		l.note(at, keyIn(owner, key), "%s without smtp: Thunderbird and others reject an answer without a submission server; add smtp = \"smtp.example.com\", or write smtp = [] to publish none on purpose", key)
	case len(stack.smtp.value) > 0 && incoming == 0 && !stack.imap.set && !stack.pop3.set:
		l.note(stack.smtp.at, keyIn(owner, "smtp"), "smtp without imap or pop3: programs reject an answer without an incoming server; add imap = \"imap.example.com\", or write imap = [] to publish none on purpose")
	case incoming == 0 && len(stack.smtp.value) == 0 && !stack.saysAnything() && !l.misnamesProfile(owner):
		l.note(owner.at(), spell(owner.path), "it says nothing: no server, no profile; add imap = \"imap.example.com\" and smtp = \"smtp.example.com\", or profile = \"…\"")
	}
}

// misnamesProfile reports whether an entry means a profile that is not there, which is a mistake of its own.
func (l *loader) misnamesProfile(t *table) bool {
	name, there := t.values["profile"]
	if !there {
		return false
	}
	text, _ := name.(string)
	return l.profiles[text] == nil
}

// saysAnything reports whether there is something to answer besides mail servers.
func (l layer) saysAnything() bool {
	return l.imap.set || l.pop3.set || l.smtp.set || len(l.sieve.value) > 0 || l.autodiscover.value != "" || l.activesync.value != "" || l.ews.value != "" ||
		l.caldav.value != "" || l.carddav.value != "" || l.webdav.value != "" || l.jmap.value != ""
}

// keyIn spells a key of an entry for a message. The value may have been written in a profile; the line says where.
func keyIn(owner *table, key string) string {
	return spell(append(owner.path[:len(owner.path):len(owner.path)], key))
}

// withoutPlaintext returns the settings for everybody outside the allowed networks: the same without the servers that have no
// encryption, or nil if that leaves too little to set up mail with.
func withoutPlaintext(s *settings.Settings) *settings.Settings {
	safe := *s
	safe.Servers = nil
	for _, server := range s.Servers {
		if server.Security != settings.Plaintext {
			safe.Servers = append(safe.Servers, server)
		}
	}
	switch {
	case len(safe.Servers) == len(s.Servers):
		return s
	case len(s.Incoming()) > 0 && len(safe.Incoming()) == 0, len(s.Outgoing()) > 0 && len(safe.Outgoing()) == 0:
		return nil
	}
	return &safe
}

// note adds a problem at a place that another table wrote.
func (l *loader) note(at Position, key, format string, args ...any) {
	l.problems = append(l.problems, Problem{at, key, fmt.Sprintf(format, args...)})
}
