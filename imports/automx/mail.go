package automx

import (
	"regexp"
	"strconv"
	"strings"

	"mailhint/imports"
	"mailhint/settings"
)

// mail converts what was collected.
func (a *account) mail() *imports.Mail {
	m := a.c.NewMail()
	for _, name := range a.order {
		for _, s := range a.services[name] {
			if p, ok := tcpServices[name]; ok {
				a.server(m, p, s)
			} else {
				a.url(m, s)
			}
		}
	}
	if v, ok := a.constant("account_name"); ok {
		m.Name(a.at(v.line), v.text)
	}
	if v, ok := a.constant("account_name_short"); ok {
		m.ShortName(a.at(v.line), v.text)
	}
	if v, ok := a.constant("help_url"); ok {
		m.URL(a.at(v.line), "docs", v.text)
	}
	if v, ok := a.constant("help_email"); ok {
		m.URL(a.at(v.line), "support", "mailto:"+v.text)
	}
	if v, ok := a.constant("server_url"); ok {
		m.URL(a.at(v.line), "activesync", v.text)
	}
	if v, ok := a.constant("oauth_issuer"); ok {
		m.OAuth2(a.at(v.line), settings.OAuth2{Issuer: v.text, Scope: items(a.values["oauth_scope"].text), AuthURL: a.values["oauth_auth_url"].text,
			TokenURL: a.values["oauth_token_url"].text, ClientID: a.values["oauth_client_id"].text})
	}
	return m
}

// constant returns an option of the account with macros replaced. One that depends on the person is reported and left out.
func (a *account) constant(name string) (value, bool) {
	v, ok := a.values[name]
	if !ok || v.text == "" {
		return v, false
	}
	if variable.MatchString(v.text) {
		a.c.Remark(a.at(v.line), "%s is left out: %q is looked up for each person", name, v.text)
		return v, false
	}
	v.text = macros.Replace(v.text)
	return v, true
}

// variable is a value that a backend has looked up.
var variable = regexp.MustCompile(`\$\{[^}]*\}`)

// macros are those of the file.
var macros = strings.NewReplacer("%s", settings.EmailAddress, "%u", settings.EmailLocalPart, "%d", settings.EmailDomain)

// server converts a mail server.
func (a *account) server(m *imports.Mail, p settings.Protocol, s service) {
	host, line := s.option("server")
	server := imports.Server{Protocol: p, Host: macros.Replace(host)}
	portText, portLine := s.option("port")
	if portText != "" {
		port, err := strconv.Atoi(portText)
		if err != nil {
			a.c.Lose(a.at(portLine), "this %s server is left out: %q is not a valid port", p, portText)
			return
		}
		server.Port = port
	}
	encryption, encryptionLine := s.option("encryption")
	implicit := server.Port == 993 || server.Port == 995 || server.Port == 465
	switch strings.ToLower(encryption) {
	case "ssl":
		server.Security = settings.ImplicitTLS
	case "starttls":
		server.Security = settings.STARTTLS
	case "none", "plain":
		server.Security = settings.Plaintext
		if a.version == V3 && !a.insecure {
			a.c.Lose(a.at(encryptionLine), "this %s server is left out: it has no encryption, which automx refuses without allow_insecure", p)
			return
		}
	case "auto", "":
		server.Security = settings.STARTTLS
		if implicit {
			server.Security = settings.ImplicitTLS
		}
		a.c.Remark(a.at(encryptionLine), "this %s server has no fixed encryption; because of its port, answers have %s", p, server.Security)
	default:
		a.c.Lose(a.at(encryptionLine), "this %s server is left out: unknown encryption %q", p, encryption)
		return
	}
	server.Login, server.Lookup = a.login(s)
	var ok bool
	if server.Auth, ok = a.auth(p, s); ok {
		m.Server(a.at(line), server)
	}
}

// login returns the form of the login name, or the look-up that finds it.
func (a *account) login(s service) (form, lookup string) {
	text, line := s.option("auth_identity")
	switch {
	case text == "" && a.version == V1:
		return settings.EmailLocalPart, ""
	case text == "":
		return settings.EmailAddress, ""
	case variable.MatchString(text):
		return settings.EmailAddress, a.lookup(s, text, line)
	}
	return macros.Replace(text), ""
}

// words are the file's words for login methods. http-basic and http-digest are for services with a URL.
var words = map[string]settings.Auth{
	"plaintext": settings.Password, "cleartext": settings.Password, "password-cleartext": settings.Password, "http-basic": settings.Password,
	"encrypted": settings.PasswordEncrypted, "password-encrypted": settings.PasswordEncrypted, "http-digest": settings.PasswordEncrypted,
	"ntlm": settings.NTLM, "gssapi": settings.GSSAPI, "tls-client-cert": settings.ClientCert, "oauth2": settings.OAuth2Token,
	"none": settings.NoAuth, "client-ip-address": settings.NoAuth,
}

// auth returns the login methods of a service, best first. It returns false, after reporting it, if there is none.
func (a *account) auth(p settings.Protocol, s service) ([]settings.Auth, bool) {
	text, line := s.option("auth")
	var auths []settings.Auth
	for _, word := range items(strings.ToLower(text)) {
		method, ok := words[word]
		if !ok {
			a.c.Remark(a.at(line), "the login method %q is left out: no client knows it", word)
			continue
		}
		auths = append(auths, method)
	}
	if auths == nil && text != "" {
		a.c.Lose(a.at(line), "this %s server is left out: it has no login method that clients know", p)
		return nil, false
	}
	return auths, true
}

// url converts a service that is named by a URL. Version 1 calls it the server.
func (a *account) url(m *imports.Mail, s service) {
	text, line := s.option("url")
	if a.version == V1 {
		text, line = s.option("server")
	}
	m.URL(a.at(line), s.name, macros.Replace(text))
}
