// Package happydomain reads the service "Email Auto-configuration" of happyDomain (docs/email-autoconfig.md, services/abstract/email_autoconfig.go there):
// from a backup, as its admin API makes it at /backup.json, or from a zone as its API answers it. The service has one incoming and one outgoing
// server as SRV records, and what happyDomain answers to mail programs.
//
// Passwords, tokens and sessions in a backup are not read.
package happydomain

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"mailhint/autoconfig"
	"mailhint/domains"
	"mailhint/imports"
	"mailhint/settings"
)

// Read reads a file. A zone does not say which domain it is for, so that it is given; a backup needs none. The error is that of imports.ReadFile.
func Read(c *imports.Collection, name string, domain settings.Domain) error {
	text, err := imports.ReadFile(name)
	if err != nil {
		return err
	}
	Parse(c, name, text, domain)
	return nil
}

// backup is what matters of a backup.
type backup struct {
	Domains []struct {
		Domain  string   `json:"domain"`
		History []string `json:"zone_history"` // the newest first
	}
	Zones []zone
}

// zone is what matters of a zone: its services by subdomain, which is empty for the domain itself.
type zone struct {
	ID       string               `json:"id"`
	Services map[string][]service `json:"services"`
}

type service struct {
	Type string `json:"_svctype"`
	// Service is the body, which is different for each type.
	Service json.RawMessage `json:"Service"`
}

// serviceType is the type of the service that is converted.
const serviceType = "abstract.EmailAutoConfig"

// body is the body of that service.
type body struct {
	DisplayName      string `json:"displayName"`
	DisplayShortName string `json:"displayShortName"`
	IncomingAuth     string `json:"incomingAuth"`
	OutgoingAuth     string `json:"outgoingAuth"`
	UsernameFormat   string `json:"usernameFormat"`
	ExchangeServer   string `json:"exchangeServer"`
	IncomingSRV      *srv   `json:"incomingSRV"`
	OutgoingSRV      *srv   `json:"outgoingSRV"`
}

// srv is an SRV record.
type srv struct {
	Header struct{ Name string } `json:"Hdr"`
	Port   uint16
	Target string
}

// Parse reads the text of a file.
func Parse(c *imports.Collection, name string, text []byte, domain settings.Domain) {
	where := domains.Position{File: name}
	text = bytes.TrimPrefix(text, []byte("\uFEFF"))
	var kind map[string]json.RawMessage
	if err := json.Unmarshal(text, &kind); err != nil {
		c.Fail(where, "it is not valid JSON with a backup or a zone of happyDomain")
		return
	}
	if _, isZone := kind["services"]; isZone {
		var z zone
		if err := json.Unmarshal(text, &z); err != nil {
			c.Fail(where, "it is not a zone of happyDomain: %s", imports.JSONFault(err))
			return
		}
		if domain == "" {
			c.Fail(where, "a zone does not say which domain it is for; name the domain after the file")
			return
		}
		if !addZone(c, where, domain, z) {
			c.Lose(where, "%s has no service Email Auto-configuration", domain)
		}
		return
	}
	var b backup
	if err := json.Unmarshal(text, &b); err != nil || b.Domains == nil {
		c.Fail(where, "it is neither a backup nor a zone of happyDomain")
		return
	}
	addBackup(c, where, b, domain)
}

// addBackup adds the domains of a backup, or only one.
func addBackup(c *imports.Collection, where domains.Position, b backup, only settings.Domain) {
	zones := make(map[string]zone, len(b.Zones))
	for _, z := range b.Zones {
		zones[z.ID] = z
	}
	before := c.Result.Domains
	for _, d := range b.Domains {
		if len(d.History) == 0 {
			continue // it was never published from here
		}
		z, known := zones[d.History[0]]
		if !hasService(z) && known {
			continue
		}
		domain, ok := c.Domain(where, d.Domain)
		switch {
		case !ok || only != "" && domain != only:
		case !known:
			c.Lose(where, "%s is left out: its newest zone is not in the backup", domain)
		default:
			addZone(c, where, domain, z)
		}
	}
	if c.Result.Domains == before {
		c.Remark(where, "no domain in it has the service Email Auto-configuration")
	}
}

func hasService(z zone) bool {
	for _, list := range z.Services {
		if slices.ContainsFunc(list, func(s service) bool { return s.Type == serviceType }) {
			return true
		}
	}
	return false
}

// addZone adds the domains of a zone that have the service. It returns false if there is none.
func addZone(c *imports.Collection, where domains.Position, origin settings.Domain, z zone) bool {
	found := false
	for _, sub := range slices.Sorted(maps.Keys(z.Services)) {
		for _, s := range z.Services[sub] {
			if s.Type != serviceType {
				continue
			}
			found = true
			name := string(origin)
			if sub = strings.TrimSuffix(sub, "."); sub != "" && sub != "@" {
				name = sub + "." + name
			}
			if d, ok := c.Domain(where, name); ok {
				add(c, where, d, s.Service)
			}
		}
	}
	return found
}

// add adds a domain with its service.
func add(c *imports.Collection, file domains.Position, d settings.Domain, text json.RawMessage) {
	where := domains.Position{File: fmt.Sprintf("%s, service of %s", file.File, d)}
	var b body
	if err := json.Unmarshal(text, &b); err != nil {
		c.Lose(where, "%s is left out: %s", d, imports.JSONFault(err))
		return
	}
	m := c.NewMail()
	addServer(c, m, where, b.IncomingSRV, b.IncomingAuth, b.UsernameFormat)
	addServer(c, m, where, b.OutgoingSRV, b.OutgoingAuth, b.UsernameFormat)
	if b.DisplayName != "" {
		m.Name(where, b.DisplayName)
	}
	if b.DisplayShortName != "" {
		m.ShortName(where, b.DisplayShortName)
	}
	if b.ExchangeServer != "" {
		m.URL(where, "ews", "https://"+strings.TrimSuffix(b.ExchangeServer, ".")+"/EWS/Exchange.asmx")
		c.Remark(where, "the Exchange server is converted to ews, with the usual path; MAPI is left out")
	}
	if e, ok := m.Entry(where, []settings.Domain{d}); ok {
		e.Source = filepath.Base(file.File)
		c.Add(e)
	}
}

// protocols are the services of SRV records.
var protocols = map[string]struct {
	protocol settings.Protocol
	security settings.Security
}{
	"imaps": {settings.IMAP, settings.ImplicitTLS}, "imap": {settings.IMAP, settings.STARTTLS},
	"pop3s": {settings.POP3, settings.ImplicitTLS}, "pop3": {settings.POP3, settings.STARTTLS},
	"submissions": {settings.Submission, settings.ImplicitTLS}, "submission": {settings.Submission, settings.STARTTLS},
}

func addServer(c *imports.Collection, m *imports.Mail, where domains.Position, s *srv, auth, login string) {
	if s == nil || s.Header.Name == "" { // a form that was not filled in
		return
	}
	label, _, _ := strings.Cut(strings.TrimPrefix(s.Header.Name, "_"), ".")
	p, ok := protocols[label]
	if !ok {
		c.Lose(where, "the server of %q is left out: unknown service", s.Header.Name)
		return
	}
	server := imports.Server{Protocol: p.protocol, Host: s.Target, Port: int(s.Port), Security: p.security, Login: login}
	method, ok := autoconfig.Methods.Meaning(cmp.Or(auth, "password-cleartext"))
	if !ok {
		c.Remark(where, "the login method %q is left out: no client knows it", auth)
		method = settings.Password
	}
	server.Auth = []settings.Auth{method}
	if p.protocol != settings.Submission && p.security == settings.STARTTLS {
		c.Remark(where, "answers have STARTTLS for %s on %s, for which happyDomain answers no encryption: its SRV record means STARTTLS", label, s.Target)
	}
	m.Server(where, server)
}
