//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestServeReadsTheFileOnHangup(t *testing.T) {
	r := startProgram(t, oneDomain)
	before := strings.Count(r.log.String(), "configuration read again")
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the file is read again", func() bool { return strings.Count(r.log.String(), "configuration read again") > before })
}

// A list of customers that shrinks to a line is held back until somebody accepts it, and everything says so.
func TestServeHoldsBackAShrinkingList(t *testing.T) {
	var list strings.Builder
	for i := range 30 {
		fmt.Fprintf(&list, "customer%d.example\n", i)
	}
	names := filepath.Join(t.TempDir(), "names.txt")
	write(t, names, list.String())
	r := startProgram(t, oneDomain+"[profiles.hosted]\nimap = \"imap.example.com\"\nsmtp = \"smtp.example.com\"\ndomains_file = \""+names+"\"\n")
	answered := func() bool {
		status, _ := ask(t, r.public(), "autoconfig.customer29.example", path)
		return status == 200
	}
	show := func(what string) string {
		_, text := ask(t, r.admin(), "localhost", "/-/"+what)
		return text
	}
	write(t, names, "customer0.example\n")
	const held = "31 domains would become 2; send SIGHUP"
	eventually(t, "readyz says that the change is held back", func() bool { return strings.Contains(show("readyz"), held) })
	if ready := show("readyz"); strings.Contains(ready, "cannot be used") || !strings.HasPrefix(ready, "ready\n") {
		t.Errorf("readyz:\n%s", ready)
	}
	if log := r.log.String(); !strings.Contains(log, "is held back") || !strings.Contains(log, held) || strings.Contains(log, "cannot be used") {
		t.Errorf("the log:\n%s", log)
	}
	metrics := show("metrics")
	for _, want := range []string{"mailhint_config_held_back 1", "mailhint_config_refused 0", `mailhint_reloads_total{result="held back"} 1`, "mailhint_domains 31"} {
		if !strings.Contains(metrics, "\n"+want+"\n") {
			t.Errorf("metrics lack %s", want)
		}
	}
	if !answered() {
		t.Error("a customer is no longer answered for")
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the change is accepted", func() bool { return strings.Contains(show("readyz"), "domains: 2\n") })
	if answered() || !strings.Contains(show("metrics"), "\nmailhint_config_held_back 0\n") || strings.Contains(show("readyz"), "would become") {
		t.Errorf("after SIGHUP:\n%s", show("readyz"))
	}
}
