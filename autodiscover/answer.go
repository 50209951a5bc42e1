package autodiscover

import (
	"slices"
	"strconv"
	"time"

	"mailhint/settings"
	"mailhint/templates"
)

// outlook is the document for Outlook's schema ([MS-OXDSCLI] section 2.2.4).
type outlook struct {
	// User is the person's address, for DisplayName and AutoDiscoverSMTPAddress. The element is required (3.2.5), and is empty
	// for a request without an address.
	User      string
	Protocols []protocol
}

// protocol is the element Protocol ([MS-OXDSCLI] section 2.2.4.1.1.2.6).
type protocol struct {
	Type   string // IMAP, POP3 or SMTP; in capitals, which Thunderbird compares
	Server string
	Port   uint16
	// LoginName is left out rather than empty: Thunderbird would read an empty one as the word "true".
	LoginName string
	// SPA defaults to "on", so a password login needs "off".
	SPA string
	// SSL is "on" for STARTTLS too: with "off", Thunderbird and Delta Chat connect without encryption, whatever Encryption says.
	SSL string
	// Encryption overrides SSL in Outlook 2010 and later. "SSL" is implicit TLS and "TLS" is STARTTLS; with the wrong one,
	// Outlook waits for a greeting that never comes.
	Encryption string
	// AuthRequired is "off" for a server that needs no login.
	AuthRequired string
	// UsePOPAuth says that submission uses the credentials of the incoming server.
	UsePOPAuth string
}

// mobilesync is the document for ActiveSync's schema ([MS-ASCMD] section 2.2.1.1).
type mobilesync struct{ User, URL string }

var types = map[settings.Protocol]string{settings.IMAP: "IMAP", settings.POP3: "POP3", settings.Submission: "SMTP"}

var ssl = [...]string{settings.ImplicitTLS: "on", settings.STARTTLS: "on", settings.Plaintext: "off"}

var encryption = [...]string{settings.ImplicitTLS: "SSL", settings.STARTTLS: "TLS", settings.Plaintext: "None"}

// newProtocols returns the servers that the format can express, in their order, with holes for domains and logins. Without an
// incoming server there are none: no client sets up an account with submission alone.
func (prep *prepared) newProtocols(s *settings.Settings) []protocol {
	var protocols []protocol
	var incoming settings.Login // that of the first incoming server; incoming servers precede submission
	for _, server := range s.Servers {
		kind, known := types[server.Protocol]
		auth, possible := bestAuth(server)
		if !known || !possible {
			continue
		}
		if incoming == "" && server.Protocol != settings.Submission {
			incoming = server.Login
		}
		p := protocol{
			Type:         kind,
			Server:       prep.expand(server.Host),
			Port:         server.Port,
			SPA:          onOff(auth == settings.NTLM),
			SSL:          ssl[server.Security],
			Encryption:   encryption[server.Security],
			AuthRequired: onOff(auth != settings.NoAuth),
			UsePOPAuth:   onOff(auth != settings.NoAuth && server.Login == incoming),
		}
		if auth != settings.NoAuth {
			p.LoginName = hole(prep.login() + slices.Index(prep.logins, server.Login))
		}
		protocols = append(protocols, p)
	}
	if incoming == "" {
		return nil
	}
	return protocols
}

// bestAuth returns a server's best login method among those that the format knows: a password, NTLM ("secure password
// authentication"), or no login. A server that accepts none of them cannot be expressed.
func bestAuth(s settings.Server) (best settings.Auth, possible bool) {
	for _, a := range s.Auth {
		switch a {
		case settings.Password, settings.NTLM, settings.NoAuth:
			return a, true
		}
	}
	return "", false
}

// firstOfEach keeps the best server of each type.
func firstOfEach(protocols []protocol) []protocol {
	var first []protocol
	for i, p := range protocols {
		if i == 0 || p.Type != protocols[i-1].Type {
			first = append(first, p)
		}
	}
	return first
}

func withoutLogin(protocols []protocol) []protocol {
	anonymous := slices.Clone(protocols)
	for i := range anonymous {
		anonymous[i].LoginName = ""
	}
	return anonymous
}

// Holes in the error documents, in the order of errorValues.
const (
	holeTime = iota
	holeID
	holeCode
	holeMessage
	errorHoles
)

// prepareError makes the Error document with a namespace for its Response. An error here stops the program when it starts, as a broken
// template does.
func prepareError(namespace string) *templates.Document {
	d, err := templates.XML("autodiscover-error.xml.tmpl").Prepare(map[string]any{
		"Namespace": namespace,
		"Time":      hole(holeTime),
		"ID":        hole(holeID),
		"ErrorCode": hole(holeCode),
		"Message":   hole(holeMessage),
	}, errorHoles)
	if err != nil {
		panic(err)
	}
	return &d
}

func errorValues(now time.Time, id uint32, f failure) []string {
	return []string{
		now.UTC().Format("15:04:05.0000000"), // [MS-ASCMD] section 2.2.3.63
		strconv.FormatUint(uint64(id), 10),
		strconv.Itoa(f.code),
		f.message,
	}
}

func onOff(b bool) string {
	if b {
		return "on"
	}
	return "off"
}

func hole(i int) string { return templates.Hole(i) }

// expand returns a field of the settings with holes for the domains, or the hole that it is in a template.
func (p *prepared) expand(field settings.Pattern) string {
	if i, ok := field.Hole(); ok {
		return hole(holeText + i)
	}
	return field.Expand(hole(holeDomain), hole(holePrimary))
}
