package domains

import (
	"errors"
	"strings"
	"testing"
)

// names is a list of n domains that begin with a word.
func listOf(word string, n int) string { return numberedLines(n, word+"%d.example\n") }

// A change by itself that drops more than a fifth of the names, and more than ten, is held back; who asks for it gets it.
func TestHeldBack(t *testing.T) {
	const config = "[profiles.x]\nimap = \"imaps://x.example.com\"\nsmtp = []\ndomains_file = \"names.txt\"\n"
	for _, test := range []struct {
		name, before, after, held string
	}{
		{"a list breaks off", listOf("a", 20_001), "a1.example\n", "20,001 domains would become 1; send SIGHUP (systemctl reload mailhint) to accept"},
		{"ten of ten, and one stays", listOf("a", 10) + "b.example\n", "b.example\n", ""},
		{"eleven of twelve", listOf("a", 11) + "b.example\n", "b.example\n", "12 domains would become 1; send SIGHUP"},
		{"a fifth", listOf("a", 20) + listOf("b", 80), listOf("b", 80), ""},
		{"more than a fifth", listOf("a", 21) + listOf("b", 79), listOf("b", 79), "100 domains would become 79; send SIGHUP"},
		{"all have other names", listOf("a", 1000), listOf("b", 1000), "1,000 of 1,000 domains would be dropped; send SIGHUP"},
		{"many more come", listOf("a", 20), listOf("a", 20) + listOf("b", 5000), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "names.txt", test.before)
			f, err := Open(write(t, dir, "domains.toml", config), func(*Snapshot) error { return nil })
			if err != nil {
				t.Fatal(err)
			}
			old := f.Current()
			tick(t)
			write(t, dir, "names.txt", test.after)
			err, loaded := f.reloadChanged()
			switch {
			case !loaded:
				t.Fatal("it was not read")
			case test.held == "":
				if err != nil || f.Current() == old {
					t.Errorf("error %v", err)
				}
				return
			case !errors.Is(err, ErrHeldBack) || !strings.HasPrefix(err.Error(), test.held) || f.Current() != old:
				t.Errorf("error %v, want %s", err, test.held)
			}
			if !f.held.Load() {
				t.Error("the metric does not show it")
			}
			if err, loaded := f.reloadChanged(); loaded {
				t.Errorf("it was read again without a change: %v", err)
			}
			if err := f.Reload(); err != nil || f.Current() == old || f.held.Load() {
				t.Errorf("not accepted: %v", err)
			}
		})
	}
}

// An exception whose domain leaves the list does not hide why a change is held back, and does not stop one that is not.
func TestExceptionLeavesList(t *testing.T) {
	for _, test := range []struct {
		name, after, held string
	}{
		{"one customer leaves", listOf("a", 99), ""},
		{"a list breaks off", listOf("a", 1), "101 domains would become 1; send SIGHUP (systemctl reload mailhint) to accept"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "names.txt", listOf("a", 100)+"kunde5.example\n")
			f, err := Open(write(t, dir, "domains.toml", "[profiles.x]\nimap = \"imaps://x.example.com\"\nsmtp = []\ndomains_file = \"names.txt\"\n[domains.\"kunde5.example\"]\nlogin = \"%EMAILLOCALPART%\"\n"), func(*Snapshot) error { return nil })
			if err != nil {
				t.Fatal(err)
			}
			tick(t)
			write(t, dir, "names.txt", test.after)
			err, loaded := f.reloadChanged()
			if !loaded {
				t.Fatal("it was not read")
			}
			if test.held == "" && (err != nil || f.Current().Lists("autoconfig.kunde5.example") || len(f.Current().Warnings) != 1) {
				t.Errorf("error %v, warnings %v", err, f.Current().Warnings)
			}
			if test.held != "" && (!errors.Is(err, ErrHeldBack) || err.Error() != test.held) {
				t.Errorf("error %v, want %s", err, test.held)
			}
		})
	}
}
