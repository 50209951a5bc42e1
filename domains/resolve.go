package domains

import (
	"fmt"
	"slices"

	"mailhint/settings"
)

// resolve makes settings of a finished stack of layers, and notes what contradicts itself. owner is the table whose entry this
// is; mistakes are noted where the value was written, which may be a profile.
func (l *loader) resolve(stack *layer, owner *table) *settings.Settings {
	l.checkComplete(stack, owner)
	if len(stack.allowPlaintext) == 0 {
		l.checkEncryption(stack, owner)
	}
	s := stack.settings()
	l.withForms(s, stack, owner)
	s.Logo = l.logo(stack, owner)
	l.origins[s] = stack.origins()
	return s
}

// checkEncryption refuses servers without encryption that every client would get.
func (l *loader) checkEncryption(stack *layer, owner *table) {
	for _, servers := range stack.servers {
		for _, s := range servers {
			if s.Security == settings.Plaintext {
				l.note(s.at, keyIn(owner, s.key), "%s is not encrypted, so passwords could be read in transit; write %s = %q, or restrict it to your own networks with allow_plaintext = [\"10.0.0.0/8\"]",
					s.URL(), s.key, s.Host)
			}
		}
	}
}

// checkComplete notes what would make clients reject the answer, unless it is so on purpose. A key that is misspelled has been
// reported; that it then seems to be missing would only mislead.
func (l *loader) checkComplete(stack *layer, owner *table) {
	if stack.misspelled {
		return
	}
	imap, pop3, smtp := stack.servers[settings.IMAP], stack.servers[settings.POP3], stack.servers[settings.Submission]
	incoming := len(imap) + len(pop3)
	switch {
	case incoming > 0 && !stack.has("smtp"):
		key := "imap"
		if len(imap) == 0 {
			key = "pop3"
		}
		l.note(stack.at.of(key), keyIn(owner, key), "%s is set but smtp is not, and Thunderbird and others reject settings without a submission server; add smtp = \"smtp.example.com\", or write smtp = [] to offer none", key)
	case len(smtp) > 0 && !stack.has("imap") && !stack.has("pop3"):
		l.note(stack.at.of("smtp"), keyIn(owner, "smtp"), "smtp is set but neither imap nor pop3 is, and clients reject settings without an incoming server; add imap = \"imap.example.com\", or write imap = [] to offer none")
	case !stack.offersAnything() && !l.misnamesProfile(owner):
		l.note(owner.at(), spell(owner.path), "has no settings: neither servers nor a profile; add imap = \"imap.example.com\" and smtp = \"smtp.example.com\", or profile = \"…\"")
	}
}

// misnamesProfile reports whether an entry names a profile that does not exist, which is a mistake of its own.
func (l *loader) misnamesProfile(t *table) bool {
	name, there := t.values["profile"]
	if !there {
		return false
	}
	text, _ := name.(string)
	return l.profiles[text] == nil
}

// offersAnything reports whether there is a service to answer with, or mail servers are missing on purpose.
func (l *layer) offersAnything() bool {
	return l.has("imap") || l.has("pop3") || l.has("smtp") || slices.ContainsFunc(settingKeys, func(k key[values]) bool {
		if !k.isService {
			return false
		}
		v := k.plain(&l.values)
		list, isList := v.([]any)
		return v != nil && (!isList || len(list) > 0)
	})
}

// keyIn spells a key of an entry for a message. The value may have been written in a profile; the line says where.
func keyIn(owner *table, key string) string {
	return spell(append(owner.path[:len(owner.path):len(owner.path)], key))
}

// withoutPlaintext returns the settings for clients outside of the allowed networks: the same without the servers that have no
// encryption, or nil if too little is left to set up mail with.
func withoutPlaintext(s *settings.Settings) *settings.Settings {
	if !slices.ContainsFunc(s.Servers, func(server settings.Server) bool { return server.Security == settings.Plaintext }) {
		return s
	}
	safe := *s
	safe.Servers = nil
	for _, server := range s.Servers {
		if server.Security != settings.Plaintext {
			safe.Servers = append(safe.Servers, server)
		}
	}
	if len(s.Incoming()) > 0 && len(safe.Incoming()) == 0 || len(s.Outgoing()) > 0 && len(safe.Outgoing()) == 0 {
		return nil
	}
	return &safe
}

// note adds a problem at a place that another table wrote.
func (l *loader) note(at Position, key, format string, args ...any) {
	l.problems = append(l.problems, Problem{at, key, fmt.Sprintf(format, args...)})
}
