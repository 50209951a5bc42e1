//go:build linux

package lab

import (
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// startPostfix starts one for the submission ports of all hosts. It asks Dovecots for passwords, whose folders authDir names.
func startPostfix(t testing.TB, dir string, good pair, hosts []*mailHost, authDir func(auth string) string) {
	t.Helper()
	master := find(t, "master", "postfix")
	config := filepath.Join(dir, "config")
	write(t, filepath.Join(config, "main.cf"), fmt.Sprintf(`compatibility_level = 3.6
queue_directory = %[1]s/queue
data_directory = %[1]s/data
myhostname = %[2]s
mydestination =
mynetworks =
inet_protocols = all
maillog_file_prefixes = /dev/stdout
maillog_file = /dev/stdout
smtpd_client_connection_count_limit = 0
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_tls_security_level = may
smtpd_tls_auth_only = yes
smtpd_tls_chain_files = %[3]s, %[4]s
`, dir, goodHost, good.key, good.cert))
	var table strings.Builder
	var open []string // addresses to wait for
	for _, h := range hosts {
		for _, s := range services {
			if s.port != 587 && s.port != 465 {
				continue
			}
			for _, address := range h.listens(s) {
				at := net.JoinHostPort(address, strconv.Itoa(s.port))
				fmt.Fprintf(&table, "%s inet n - n - 1000 smtpd%s\n", at, h.postfixOptions(s, authDir(h.auth)))
				if len(h.firewall()) == 0 {
					open = append(open, at)
				}
			}
		}
	}
	for _, part := range []string{"anvil unix - - n - 1 anvil", "tlsmgr unix - - n 1000? 1 tlsmgr", "rewrite unix - - n - - trivial-rewrite",
		"cleanup unix n - n - 0 cleanup", "qmgr unix n - n 300 1 qmgr", "postlog unix-dgram n - n - 1 postlogd", "proxymap unix - - n - - proxymap"} {
		table.WriteString(part + "\n")
	}
	write(t, filepath.Join(config, "master.cf"), table.String())
	makeQueue(t, dir)
	p := start(t, "postfix", dir, master, "-c", config, "-s")
	p.await(t, accepts(open...))
}

// postfixOptions is what differs at a port of the host.
func (h *mailHost) postfixOptions(s service, authDir string) string {
	options := " -o smtpd_sasl_path=" + authDir + "/auth"
	add := func(name, value string) { options += " -o " + name + "=" + value }
	if h.flaw != "" {
		add("smtpd_tls_chain_files", h.cert.key+","+h.cert.cert)
	}
	if h.implicit(s) {
		add("smtpd_tls_wrappermode", "yes")
	}
	if h.has(s.port, "no-starttls") {
		add("smtpd_tls_security_level", "none")
		add("smtpd_tls_auth_only", "no")
	}
	if h.has(s.port, "plain-login") {
		add("smtpd_tls_auth_only", "no")
	}
	if h.has(s.port, "slow") {
		add("smtpd_delay_reject", "no") // the checks of clients come before the greeting
		options += " -o { smtpd_client_restrictions = sleep 6 }"
	}
	if h.has(s.port, "login-disabled") {
		add("smtpd_sasl_auth_enable", "no")
	}
	return options
}

// makeQueue makes the folders that Postfix's own start script would.
func makeQueue(t testing.TB, dir string) {
	t.Helper()
	id := func(text string, err error) int {
		t.Helper()
		n, convErr := strconv.Atoi(text)
		if err != nil || convErr != nil {
			t.Fatal(err, convErr)
		}
		return n
	}
	postfix, err := user.Lookup("postfix")
	if err != nil {
		t.Skip("there is no user postfix: apt-get install postfix")
	}
	postdrop, err := user.LookupGroup("postdrop")
	if err != nil {
		t.Skip("there is no group postdrop: apt-get install postfix")
	}
	uid, gid := id(postfix.Uid, nil), id(postdrop.Gid, nil)
	if err := os.MkdirAll(filepath.Join(dir, "queue", "pid"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range strings.Fields("active bounce corrupt defer deferred flush hold incoming private public saved trace maildrop ../data") {
		path := filepath.Join(dir, "queue", name)
		mode, group := os.FileMode(0o700), -1
		if name == "public" || name == "maildrop" {
			mode, group = 0o710, gid
		}
		if err := os.MkdirAll(path, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(path, uid, group); err != nil {
			t.Fatal(err)
		}
	}
}
