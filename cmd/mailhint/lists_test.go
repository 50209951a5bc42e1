//go:build unix

package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A list that a program writes: bad lines are skipped and shown everywhere, a list that breaks off is held back until SIGHUP, and an
// exception to the list keeps its own values through it all.
func TestLists(t *testing.T) {
	names := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "customer%d.example\n", i)
		}
		return b.String()
	}
	dir := t.TempDir()
	list := filepath.Join(dir, "customers.txt")
	write(t, list, names(100)+"München.example\n")
	r := startProgram(t, oneDomain+fmt.Sprintf(`
[profiles.shared]
imap = "imap.hoster.example"
smtp = "smtp.hoster.example"
domains_file = %q

[domains."customer7.example"]
imap = "imap.customer7.example"
`, list))
	answers := func(domain, host string) bool {
		status, body := ask(t, r.public(), "autoconfig."+domain, path)
		return status == 200 && strings.Contains(body, "<hostname>"+host)
	}
	shows := func(path, text string) func() bool {
		return func() bool {
			_, body := ask(t, r.admin(), "localhost", path)
			return strings.Contains(body, text)
		}
	}
	if !answers("customer7.example", "imap.customer7.example") || !answers("customer7.example", "smtp.hoster.example") || !answers("customer8.example", "imap.hoster.example") {
		t.Error("the exception or its neighbor is not answered for")
	}

	write(t, list, names(100)+"München.example\nxn--mnchen-3ya.example\nsecret of somebody\ncustomer8.example\nnew.example\n")
	eventually(t, "the good lines of a bad list are served", func() bool { return answers("new.example", "imap.hoster.example") })
	if !answers("xn--mnchen-3ya.example", "imap.hoster.example") || !answers("customer7.example", "imap.customer7.example") {
		t.Error("a name that is there twice, or the exception, is not answered for")
	}
	if !shows("/-/metrics", "\nmailhint_domains 103\n")() {
		t.Error("the metric counts the exception or a repeated line twice, or not at all")
	}
	if !shows("/-/metrics", "\nmailhint_list_lines_skipped 2\n")() {
		t.Error("the metric does not count 2 skipped lines")
	}
	_, ready := ask(t, r.admin(), "localhost", "/-/readyz")
	for _, want := range []string{"customers.txt:103: this line is not a valid domain name", "customers.txt:104: repeats line 9", "customers.txt:102: is the same domain as line 101"} {
		if !strings.Contains(ready, want) || !strings.Contains(r.log.String(), want) {
			t.Errorf("readyz or the log lacks %q:\n%s", want, ready)
		}
	}
	if strings.Contains(ready+r.log.String(), "secret") {
		t.Error("a line of the list is repeated")
	}

	write(t, list, "customer7.example\ncustomer8.example\n")
	eventually(t, "a list that broke off is held back", shows("/-/metrics", "\nmailhint_config_held_back 1\n"))
	const held = "103 domains would become 3; send SIGHUP"
	if !shows("/-/readyz", held)() || !strings.Contains(r.log.String(), held) {
		t.Errorf("readyz or the log does not say %q", held)
	}
	if status, _ := ask(t, r.admin(), "localhost", "/-/readyz"); status != 200 || !answers("customer99.example", "imap.hoster.example") {
		t.Error("the old list is not served any more")
	}
	if err := syscall.Kill(syscall.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "SIGHUP accepts it", shows("/-/metrics", "\nmailhint_config_held_back 0\n"))
	if status, _ := ask(t, r.public(), "autoconfig.customer99.example", path); status != 404 {
		t.Errorf("a customer that is gone gets status %d", status)
	}
	if !answers("customer7.example", "imap.customer7.example") {
		t.Error("the exception is not answered for")
	}
}
