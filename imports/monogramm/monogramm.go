// Package monogramm reads the environment of autodiscover-email-settings (Monogramm/autodiscover-email-settings), a container that answers for
// one domain and has all its settings in environment variables: DOMAIN, IMAP_HOST, IMAP_PORT, IMAP_SOCKET and others, which its README lists.
//
// The variables are read from where people keep them: a Compose file, an env file with a variable on each line, or a systemd unit.
package monogramm

import (
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"mailhint/domains"
	"mailhint/imports"
	"mailhint/settings"
)

// Read reads a file. The error is that of imports.ReadFile.
func Read(c *imports.Collection, name string) error {
	text, err := imports.ReadFile(name)
	if err != nil {
		return err
	}
	Parse(c, name, text)
	return nil
}

// Parse reads the text of a file, whose name says its format: .yml and .yaml are Compose files.
func Parse(c *imports.Collection, name string, text []byte) {
	var all []environment
	switch filepath.Ext(name) {
	case ".yml", ".yaml":
		services, line, err := compose(text)
		if err != nil {
			c.Fail(domains.Position{File: name, Line: line}, "%v", err)
			return
		}
		all = services
	default:
		env, line, err := variables(string(text))
		if err != nil {
			c.Fail(domains.Position{File: name, Line: line}, "%v", err)
			return
		}
		all = []environment{env}
	}
	found := false
	for _, env := range all {
		if _, ok := env["DOMAIN"]; ok {
			found = true
			(&reader{c, name, env}).add()
		}
	}
	if !found {
		c.Fail(domains.Position{File: name}, "it sets no variable DOMAIN, so it is not an environment of autodiscover-email-settings")
	}
}

// environment has variables by name.
type environment map[string]variable

// variable is the value of a variable, and the line that sets it.
type variable struct {
	text string
	line int
}

// reader converts one environment.
type reader struct {
	c    *imports.Collection
	name string
	env  environment
}

func (r *reader) at(variable string) domains.Position {
	return domains.Position{File: r.name, Line: r.env[variable].line}
}

// value returns a variable; empty if it is not set. One that depends on other variables is reported.
func (r *reader) value(name string) string {
	text := r.env[name].text
	if strings.Contains(text, "${") {
		r.c.Lose(r.at(name), "%s is left out: its value %q depends on other variables; write it in full", name, text)
		return ""
	}
	return text
}

func (r *reader) add() {
	name := r.value("DOMAIN")
	if name == "" && r.env["DOMAIN"].text != "" {
		return
	}
	d, ok := r.c.Domain(r.at("DOMAIN"), name)
	if !ok {
		return
	}
	m := r.c.NewMail()
	r.server(m, "IMAP", settings.IMAP)
	r.server(m, "POP", settings.POP3)
	r.server(m, "SMTP", settings.Submission)
	if name := r.value("COMPANY_NAME"); name != "" {
		m.Name(r.at("COMPANY_NAME"), name)
		r.c.Remark(r.at("COMPANY_NAME"), "the name is %q, without the word Email that was added to it", name)
	}
	if url := r.value("SUPPORT_URL"); url != "" {
		m.URL(r.at("SUPPORT_URL"), "docs", url)
	}
	if url := r.value("MOBILESYNC_URL"); url != "" {
		m.URL(r.at("MOBILESYNC_URL"), "activesync", url)
	}
	r.ignored()
	if e, ok := m.Entry(r.at("DOMAIN"), []settings.Domain{d}); ok {
		r.c.Add(e)
	}
}

// server adds a server, which is offered if it has a host.
func (r *reader) server(m *imports.Mail, prefix string, p settings.Protocol) {
	host := r.value(prefix + "_HOST")
	if host == "" {
		return
	}
	s := imports.Server{Protocol: p, Host: host, Security: settings.Plaintext}
	if text := r.value(prefix + "_PORT"); text != "" {
		port, err := strconv.Atoi(text)
		if err != nil {
			r.c.Lose(r.at(prefix+"_PORT"), "this %s server is left out: %q is not a valid port", p, text)
			return
		}
		s.Port = port
	}
	switch socket := strings.ToUpper(r.value(prefix + "_SOCKET")); {
	case socket == "SSL":
		s.Security = settings.ImplicitTLS
	case socket == "STARTTLS" || socket == "TLS":
		s.Security = settings.STARTTLS
	case socket == "":
		s.Security = securityOf(s.Port)
		r.c.Remark(r.at(prefix+"_HOST"), "%s_SOCKET is not set; answers have %s", prefix, s.Security)
	case socket != "PLAIN" && socket != "NONE":
		r.c.Lose(r.at(prefix+"_SOCKET"), "this %s server is left out: unknown encryption %q; write SSL or STARTTLS", p, socket)
		return
	}
	m.Server(r.at(prefix+"_HOST"), s)
}

// securityOf guesses the TLS mode of a port.
func securityOf(port int) settings.Security {
	if port == 143 || port == 110 || port == 587 {
		return settings.STARTTLS
	}
	return settings.ImplicitTLS
}

// ignored reports what has no place in answers.
func (r *reader) ignored() {
	for _, name := range slices.Sorted(maps.Keys(r.env)) {
		switch {
		case name == "LDAP_HOST" && r.env[name].text != "":
			r.c.Remark(r.at(name), "the address book on LDAP is left out: answers do not have it")
		case name == "PROFILE_IDENTIFIER" && r.env[name].text != "":
			r.c.Remark(r.at(name), "Apple profiles get an identifier of their own: a device that has the old profile gets a second account unless the old one is removed")
		}
	}
}
