package doctor

import (
	"fmt"
	"strconv"
	"strings"

	"mailhint/probe"
	"mailhint/settings"
)

// The snippets are for the mail servers that most self-hosters run, Dovecot (2.3, and 2.4 where it differs) and Postfix.

// keys are the keys of domains.toml for each protocol.
var keys = map[settings.Protocol]string{settings.IMAP: "imap", settings.POP3: "pop3", settings.Submission: "smtp",
	settings.ManageSieve: "sieve"}

// entryWith is the line of domains.toml in which a server has the TLS mode that its port uses. It is empty for a port that is known for
// the other mode, which is better fixed in the mail server.
func (o *observations) entryWith(server settings.Server, speaks settings.Security) string {
	if speaks == settings.Plaintext {
		return "" // nobody should be advised to do without encryption
	}
	var urls []string
	for _, s := range o.Servers {
		if s.Protocol != server.Protocol {
			continue
		}
		if s.Host == server.Host && s.Port == server.Port {
			s.Security = speaks
		}
		if url := s.URL(); url != "" && !s.UnusualPort() { // otherwise, fix the mail server
			urls = append(urls, strconv.Quote(url))
		}
	}
	switch len(urls) {
	case 0:
		return ""
	case 1:
		return keys[server.Protocol] + " = " + urls[0]
	}
	return keys[server.Protocol] + " = [" + strings.Join(urls, ", ") + "]"
}

// listenLines make a service listen on the port.
func listenLines(look probe.Look) string {
	if look.State != probe.Refused {
		return ""
	}
	p := look.Port
	implicit := p.Security == settings.ImplicitTLS
	switch {
	case p.Protocol == settings.Submission && implicit:
		return fmt.Sprintf("# Postfix, master.cf\n"+
			"%d inet n - y - - smtpd -o smtpd_tls_wrappermode=yes -o smtpd_sasl_auth_enable=yes", p.Number)
	case p.Protocol == settings.Submission:
		return fmt.Sprintf("# Postfix, master.cf\n"+
			"%d inet n - y - - smtpd -o smtpd_tls_security_level=encrypt -o smtpd_sasl_auth_enable=yes", p.Number)
	case p.Protocol == settings.ManageSieve:
		return fmt.Sprintf("# Dovecot (package dovecot-managesieved)\n"+
			"service managesieve-login {\n  inet_listener sieve {\n    port = %d\n  }\n}", p.Number)
	}
	name := keys[p.Protocol]
	if implicit {
		return fmt.Sprintf("# Dovecot\nservice %s-login {\n  inet_listener %ss {\n    port = %d\n    ssl = yes\n  }\n}", name, name,
			p.Number)
	}
	return fmt.Sprintf("# Dovecot\nservice %s-login {\n  inet_listener %s {\n    port = %d\n  }\n}", name, name, p.Number)
}

func modeLines(server settings.Server) string {
	implicit := server.Security == settings.ImplicitTLS
	switch {
	case server.Protocol == settings.Submission && implicit:
		return "# Postfix, master.cf, for this port\n  -o smtpd_tls_wrappermode=yes"
	case server.Protocol == settings.Submission:
		return "# Postfix, master.cf, for this port\n  -o smtpd_tls_wrappermode=no -o smtpd_tls_security_level=encrypt"
	case implicit:
		return "# Dovecot, in the inet_listener of this port\nssl = yes"
	}
	return "# Dovecot, in the inet_listener of this port\nssl = no"
}

func startTLSLines(p settings.Protocol) string {
	if p == settings.Submission {
		return "# Postfix, master.cf, for this port\n  -o smtpd_tls_security_level=encrypt"
	}
	return "# Dovecot\nssl = required"
}

func certificateLines(p settings.Protocol) string {
	if p == settings.Submission {
		return "# Postfix, main.cf: the key, then the certificate with its intermediates\n" +
			"smtpd_tls_chain_files = /path/privkey.pem, /path/fullchain.pem"
	}
	return "# Dovecot 2.3; since 2.4 ssl_server_cert_file and ssl_server_key_file, without the <\n" +
		"ssl_cert = </path/fullchain.pem\nssl_key = </path/privkey.pem"
}

func reloadLines(p settings.Protocol) string {
	if p == settings.Submission {
		return "systemctl reload postfix"
	}
	return "systemctl reload dovecot"
}

func onlyTLSLines(p settings.Protocol) string {
	if p == settings.Submission {
		return "# Postfix, main.cf\nsmtpd_tls_auth_only = yes"
	}
	return "# Dovecot 2.3; since 2.4 auth_allow_cleartext = no\ndisable_plaintext_auth = yes"
}

// authLines correct the entry if the server offers any login method, and otherwise the server.
func authLines(p settings.Protocol, look probe.Look) string {
	offered := look.After.Auths()
	if look.Speaks == settings.Plaintext {
		offered = look.Before.Auths()
	}
	var quoted []string
	for _, a := range offered {
		quoted = append(quoted, fmt.Sprintf("%q", string(a)))
	}
	if len(quoted) > 0 {
		return "auth = [" + strings.Join(quoted, ", ") + "]"
	}
	if p == settings.Submission {
		return "# Postfix, main.cf, with Dovecot for the logins\n" +
			"smtpd_sasl_auth_enable = yes\nsmtpd_sasl_type = dovecot\nsmtpd_sasl_path = private/auth"
	}
	return "# Dovecot\nauth_mechanisms = plain login"
}
