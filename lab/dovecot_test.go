//go:build linux

package lab

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// instance is a running Dovecot. Its login methods hold for all of its addresses.
type instance struct{ auth, config string }

// instances are for the login methods of mail hosts.
var instances = []instance{
	{"password", "auth_mechanisms = plain login\npassdb {\n  driver = static\n  args = password=not-a-secret\n}\n"},
	{"cram-md5", "auth_mechanisms = cram-md5\npassdb {\n  driver = static\n  args = password=not-a-secret\n}\n"},
	{"oauth2", "auth_mechanisms = xoauth2 oauthbearer\npassdb {\n  driver = oauth2\n  mechanisms = xoauth2 oauthbearer\n  args = DIR/oauth2.ext\n}\n"},
	{"both", "auth_mechanisms = plain login xoauth2 oauthbearer\npassdb {\n  driver = static\n  mechanisms = plain login\n  args = password=not-a-secret\n}\n" +
		"passdb {\n  driver = oauth2\n  mechanisms = xoauth2 oauthbearer\n  args = DIR/oauth2.ext\n}\n"},
}

// loginServices are Dovecot's, with the ports of each.
var loginServices = map[string][]int{"imap-login": {143, 993}, "pop3-login": {110, 995}, "managesieve-login": {4190}}

// startDovecot starts one for the hosts with an instance's login methods.
func startDovecot(t testing.TB, dir string, i instance, good pair, hosts []*mailHost) {
	t.Helper()
	dovecot := find(t, "dovecot", "dovecot-imapd dovecot-pop3d dovecot-managesieved")
	for _, part := range []string{"imap", "pop3", "managesieve"} {
		if _, err := os.Stat("/usr/lib/dovecot/" + part); err != nil {
			t.Skipf("%s of Dovecot is not installed: apt-get install dovecot-%sd", part, part)
		}
	}
	write(t, filepath.Join(dir, "oauth2.ext"), "introspection_mode = local\nlocal_validation_key_dict = fs:posix:prefix="+dir+"/keys/\n")
	config := fmt.Sprintf(`base_dir = %[1]s/run
state_dir = %[1]s/state
log_path = /dev/stderr
protocols = imap pop3 sieve
ssl = yes
ssl_cert = <%[2]s
ssl_key = <%[3]s
mail_location = maildir:%[1]s/mail/%%u
userdb {
  driver = static
  args = uid=65534 gid=65534 home=%[1]s/mail/%%u
}
service auth {
  unix_listener %[1]s/auth {
    mode = 0666
  }
}
service stats {
  unix_listener stats-writer {
    mode = 0666
  }
}
%[4]s`, dir, good.cert, good.key, strings.ReplaceAll(i.config, "DIR", dir))
	listeners, open := dovecotListeners(hosts)
	config += listeners
	for _, h := range hosts {
		for _, address := range []string{h.v4, h.v6} {
			config += h.dovecotLocal(address)
		}
	}
	p := start(t, "dovecot", dir, dovecot, "-F", "-c", write(t, filepath.Join(dir, "dovecot.conf"), config))
	p.await(t, accepts(open...))
}

// dovecotListeners is what has the services listen at the addresses of hosts. Those that can be waited for are open.
func dovecotListeners(hosts []*mailHost) (config string, open []string) {
	for name, ports := range loginServices {
		config += "service " + name + " {\n  process_limit = 1024\n"
		for _, usual := range []string{"imap", "imaps", "pop3", "pop3s", "sieve"} { // those that stand in Dovecot's own file
			if strings.HasPrefix(name, usual[:4]) || name == "managesieve-login" && usual == "sieve" {
				config += "  inet_listener " + usual + " {\n    port = 0\n  }\n"
			}
		}
		for n, h := range hosts {
			for _, s := range services {
				addresses := h.listens(s)
				if len(addresses) == 0 || !slices.Contains(ports, s.port) {
					continue
				}
				config += fmt.Sprintf("  inet_listener l%d-%d {\n    address = %s\n    port = %d\n    ssl = %s\n  }\n",
					n, s.port, strings.Join(addresses, ", "), s.port, yes(h.implicit(s)))
				if len(h.firewall()) == 0 {
					open = append(open, net.JoinHostPort(h.v4, strconv.Itoa(s.port)))
				}
			}
		}
		config += "}\n"
	}
	return config, open
}

// dovecotLocal is what differs at an address of the host.
func (h *mailHost) dovecotLocal(address string) string {
	var config string
	if h.flaw != "" {
		config += "  ssl_cert = <" + h.cert.cert + "\n  ssl_key = <" + h.cert.key + "\n"
	}
	if h.hasAny("no-starttls", 143, 110, 4190) {
		config += "  ssl = no\n"
	}
	if h.hasAny("plain-login", 143, 110, 4190) {
		config += "  disable_plaintext_auth = no\n"
	}
	if h.hasAny("login-disabled", 143, 993) {
		config += "  protocol imap {\n    imap_capability = IMAP4rev1 LOGINDISABLED\n  }\n"
	}
	if config == "" {
		return ""
	}
	return "local " + address + " {\n" + config + "}\n"
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
