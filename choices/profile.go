package choices

import (
	"bytes"
	"strings"

	"howett.net/plist"

	"mailhint/mobileconfig"
	"mailhint/settings"
)

// profileList is a configuration profile, as far as it matters here. Numbers and flags are of several types in the wild.
type profileList struct {
	PayloadContent []struct {
		PayloadType string

		EmailAccountType                 string
		IncomingMailServerAuthentication string
		IncomingMailServerHostName       string
		IncomingMailServerPortNumber     uint16
		IncomingMailServerUseSSL         bool
		IncomingMailServerUsername       string
		OutgoingMailServerAuthentication string
		OutgoingMailServerHostName       string
		OutgoingMailServerPortNumber     uint16
		OutgoingMailServerUseSSL         bool
		OutgoingMailServerUsername       string
	}
}

// profileAuths are the words of profiles for login methods.
var profileAuths = map[string]settings.Auth{
	"EmailAuthPassword": settings.Password,
	"EmailAuthCRAMMD5":  settings.PasswordEncrypted,
	"EmailAuthNTLM":     settings.NTLM,
	"EmailAuthHTTPMD5":  settings.PasswordEncrypted,
	"EmailAuthNone":     settings.NoAuth,
}

// ReadProfile reads the mail account of an Apple profile, signed or not. Without a port the device takes the usual one. A profile does not
// say whether TLS is implicit: the port does.
func ReadProfile(body []byte) (Document, error) {
	text := bytes.TrimSpace(mobileconfig.Unsigned(body))
	if !bytes.HasPrefix(text, []byte("<")) { // the library also reads other forms, which no device accepts
		return Document{}, ErrFormat
	}
	var p profileList
	if _, err := plist.Unmarshal(text, &p); err != nil {
		return Document{}, ErrFormat
	}
	var d Document
	for _, c := range p.PayloadContent {
		if c.PayloadType != "com.apple.mail.managed" {
			continue
		}
		kind, port := "imap", uint16(143)
		if c.EmailAccountType == "EmailTypePOP" {
			kind, port = "pop3", 110
		}
		if c.IncomingMailServerUseSSL {
			port = map[string]uint16{"imap": 993, "pop3": 995}[kind]
		}
		d.Servers = append(d.Servers,
			profileEntry(kind, c.IncomingMailServerHostName, c.IncomingMailServerPortNumber, port, c.IncomingMailServerUseSSL,
				c.IncomingMailServerAuthentication, c.IncomingMailServerUsername),
			profileEntry("smtp", c.OutgoingMailServerHostName, c.OutgoingMailServerPortNumber, 25, c.OutgoingMailServerUseSSL,
				c.OutgoingMailServerAuthentication, c.OutgoingMailServerUsername))
	}
	if len(d.Servers) == 0 {
		return Document{}, ErrFormat
	}
	return d, nil
}

func profileEntry(kind, host string, port, usual uint16, ssl bool, auth, login string) Entry {
	e := Entry{Kind: kind, Host: strings.ToLower(strings.TrimSpace(host)), Port: port, Security: settings.Plaintext, Login: login, HasLogin: login != ""}
	if e.Port == 0 {
		e.Port = usual
	}
	switch {
	case ssl && isSTARTTLSPort(e.Port):
		e.Security = settings.STARTTLS
	case ssl:
		e.Security = settings.ImplicitTLS
	}
	if a, ok := profileAuths[auth]; ok {
		e.Auths = []settings.Auth{a}
	}
	return e
}
