package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A document that does not end with a newline gets one at a terminal, so that the prompt is on a line of its own, and nowhere else.
func TestDocumentsEndWithANewlineAtATerminal(t *testing.T) {
	config := filepath.Join(t.TempDir(), "domains.toml")
	write(t, config, "[domains.\"example.com\"]\nimap = \"imap.example.com\"\nsmtp = \"smtp.example.com\"\n")
	for _, client := range []string{"pacc", "thunderbird"} {
		args := []string{"--config", config, "show", "example.com", "--for", client}
		var piped, errs bytes.Buffer
		if code := run(t.Context(), args, &piped, &errs); code != exitGood {
			t.Fatalf("exit code %d: %s", code, &errs)
		}
		master, terminal := openTerminal(t)
		if code := run(t.Context(), args, terminal, &errs); code != exitGood {
			t.Fatalf("exit code %d: %s", code, &errs)
		}
		shown := make([]byte, 64<<10)
		n, err := master.Read(shown)
		if err != nil {
			t.Fatal(err)
		}
		want := strings.ReplaceAll(strings.TrimSuffix(piped.String(), "\n"), "\n", "\r\n") + "\r\n"
		for len(shown[:n]) < len(want) {
			more, err := master.Read(shown[n:])
			if err != nil {
				t.Fatal(err)
			}
			n += more
		}
		if got := string(shown[:n]); got != want {
			t.Errorf("%s: the terminal shows %q, want %q", client, got, want)
		}
		if client == "pacc" && strings.HasSuffix(piped.String(), "\n") {
			t.Error("the document for PACC ends with a newline: this test needs one that does not")
		}
	}
}

// openTerminal returns both ends of a pseudo-terminal.
func openTerminal(t *testing.T) (master, terminal *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("there is no pseudo-terminal here: %v", err)
	}
	t.Cleanup(func() { master.Close() })
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { terminal.Close() })
	return master, terminal
}

// A shell waits for completions while somebody types: they must come at once, also from a list of 100,000 domains, and fit on a screen.
func TestCompletionOfManyDomains(t *testing.T) {
	dir := t.TempDir()
	var list strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&list, "d%05d.example\n", i)
	}
	write(t, filepath.Join(dir, "list.txt"), list.String())
	config := filepath.Join(dir, "domains.toml")
	write(t, config, "[profiles.p]\nimap = \"imap.hoster.example\"\nsmtp = \"smtp.hoster.example\"\ndomains_file = \"list.txt\"\n"+
		"[domains.\"bücher.example\"]\nprofile = \"p\"\n")
	t.Setenv("LC_ALL", "C.UTF-8")
	for _, test := range []struct {
		args []string
		want []string // nil for 100 domains
	}{
		{[]string{"show", "d9999"}, []string{"d99990.example", "d99991.example", "d99992.example", "d99993.example", "d99994.example", "d99995.example", "d99996.example", "d99997.example", "d99998.example", "d99999.example"}},
		{[]string{"show", "d"}, nil},
		{[]string{"doctor", ""}, nil},
		{[]string{"show", "Ann@D0000"}, []string{"Ann@d00000.example", "Ann@d00001.example", "Ann@d00002.example", "Ann@d00003.example", "Ann@d00004.example", "Ann@d00005.example", "Ann@d00006.example", "Ann@d00007.example", "Ann@d00008.example", "Ann@d00009.example"}},
		{[]string{"dns", "b"}, []string{"bücher.example"}},
		{[]string{"dns", "xn"}, []string{"xn--bcher-kva.example"}},
		{[]string{"export", "d00001.example", "d00001"}, []string{}},
		{[]string{"show", "example.com", "d"}, []string{}},
		{[]string{"show", "--for", ""}, []string{"thunderbird", "outlook", "outlook-json", "apple", "pacc", "srv", "human", "letter"}},
		{[]string{"export", "--format", ""}, []string{"toml", "json", "ispdb", "static"}},
		{[]string{"serve", "--log-format", ""}, []string{"text", "json"}},
	} {
		var out, errs bytes.Buffer
		begin := time.Now()
		if code := run(t.Context(), append([]string{"__complete", "--config", config}, test.args...), &out, &errs); code != exitGood {
			t.Fatalf("%q: exit code %d: %s", test.args, code, &errs)
		}
		took := time.Since(begin)
		lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		lines = lines[:len(lines)-1] // the last is for the shell's script
		if test.want == nil && len(lines) != 100 || test.want != nil && strings.Join(lines, " ") != strings.Join(test.want, " ") {
			t.Errorf("%q: got %d: %q, want %q", test.args, len(lines), lines, test.want)
		}
		if took > 30*time.Second { // it takes a fifth of a second on a machine that does nothing else
			t.Errorf("%q took %s", test.args, took)
		}
		t.Logf("%q: %s", test.args, took)
	}
}

// A shell is offered the form of an international domain that the terminal can show, and the other one to whoever begins to type it.
func TestCompletionOfInternationalDomains(t *testing.T) {
	config := filepath.Join(t.TempDir(), "domains.toml")
	write(t, config, "[domains.\"bücher.example\"]\nimap = \"imap.example.com\"\nsmtp = \"smtp.example.com\"\n")
	for _, test := range []struct{ locale, begun, want string }{
		{"de_DE.UTF-8", "", "bücher.example"},
		{"C.utf8", "b", "bücher.example"},
		{"de_DE.UTF-8", "xn", "xn--bcher-kva.example"},
		{"C", "", "xn--bcher-kva.example"},
		{"C", "b", "bücher.example"},
	} {
		t.Setenv("LC_ALL", test.locale)
		var out, errs bytes.Buffer
		if code := run(t.Context(), []string{"__complete", "--config", config, "dns", test.begun}, &out, &errs); code != exitGood {
			t.Fatalf("exit code %d: %s", code, &errs)
		}
		if got, _, _ := strings.Cut(out.String(), "\n"); got != test.want {
			t.Errorf("%s, %q: got %q, want %q", test.locale, test.begun, got, test.want)
		}
	}
}
