package autodiscover

import (
	"slices"

	"mailhint/settings"
	"mailhint/templates"
)

// outlook is the document for Outlook's schema ([MS-OXDSCLI] section 2.2.4).
type outlook struct {
	// User is the person's address, for DisplayName and AutoDiscoverSMTPAddress. The element is required (3.2.5), and stays
	// empty for a request that names nobody.
	User      string
	Protocols []protocol
}

// protocol is the element Protocol ([MS-OXDSCLI] section 2.2.4.1.1.2.6).
type protocol struct {
	Type   string // IMAP, POP3 or SMTP; in capitals, which Thunderbird compares
	Server string
	Port   uint16
	// LoginName is left out rather than empty: Thunderbird would take an empty one for the word "true".
	LoginName string
	// SPA is "on" by default, so "off" must be said for a password login.
	SPA string
	// SSL is "on" for STARTTLS too: with "off", Thunderbird and Delta Chat connect without encryption, whatever Encryption says.
	SSL string
	// Encryption wins over SSL in Outlook 2010 and later. "SSL" is implicit TLS and "TLS" is STARTTLS; the wrong one makes
	// Outlook wait for a greeting that never comes.
	Encryption string
	// UsePOPAuth says that submission takes the same credentials as the incoming server.
	UsePOPAuth string
}

// mobilesync is the document for ActiveSync's schema ([MS-ASCMD] section 2.2.1.1).
type mobilesync struct{ User, URL string }

var types = map[settings.Protocol]string{settings.IMAP: "IMAP", settings.POP3: "POP3", settings.Submission: "SMTP"}

var ssl = [...]string{settings.ImplicitTLS: "on", settings.STARTTLS: "on", settings.Plaintext: "off"}

var encryption = [...]string{settings.ImplicitTLS: "SSL", settings.STARTTLS: "TLS", settings.Plaintext: "None"}

// newProtocols spells the servers that the format can express, in their order, with holes for domains and logins.
func newProtocols(s *settings.Settings, logins []settings.Login) []protocol {
	var protocols []protocol
	for _, server := range s.Servers {
		kind, known := types[server.Protocol]
		spa, possible := spa(server)
		if !known || !possible {
			continue
		}
		protocols = append(protocols, protocol{
			Type:       kind,
			Server:     expand(server.Host),
			Port:       server.Port,
			LoginName:  hole(holeLogin + slices.Index(logins, server.Login)),
			SPA:        spa,
			SSL:        ssl[server.Security],
			Encryption: encryption[server.Security],
			UsePOPAuth: onOff(sameLogin(s, server)),
		})
	}
	return protocols
}

// spa spells the best login method the format knows: a password, or NTLM ("secure password authentication"). A server that
// takes neither cannot be expressed.
func spa(s settings.Server) (spelled string, possible bool) {
	for _, a := range s.Auth {
		switch a {
		case settings.Password:
			return "off", true
		case settings.NTLM:
			return "on", true
		}
	}
	return "", false
}

// sameLogin reports whether a server takes the same login as the incoming one.
func sameLogin(s *settings.Settings, server settings.Server) bool {
	incoming := s.Incoming()
	return len(incoming) > 0 && incoming[0].Login == server.Login
}

func withoutLogin(protocols []protocol) []protocol {
	anonymous := slices.Clone(protocols)
	for i := range anonymous {
		anonymous[i].LoginName = ""
	}
	return anonymous
}

func onOff(b bool) string {
	if b {
		return "on"
	}
	return "off"
}

func hole(i int) string { return templates.Hole(i) }

func expand(p settings.Pattern) string { return p.Expand(hole(holeDomain), hole(holePrimary)) }
