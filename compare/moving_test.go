package compare

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mailhint/domains"
	"mailhint/edge/edgetest"
	"mailhint/settings"
)

func load(t *testing.T, text string) *domains.Snapshot {
	t.Helper()
	file := filepath.Join(t.TempDir(), "domains.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := domains.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// report compares some people's settings and returns the text for people.
func report(t *testing.T, old *Server, s *domains.Snapshot, people ...string) (string, Summary) {
	t.Helper()
	var targets []Target
	for _, text := range people {
		who, err := settings.ParseAddress(text)
		if err != nil {
			t.Fatal(err)
		}
		target, err := NewTarget(t.Context(), s, who)
		if err != nil {
			t.Fatal(err)
		}
		targets = append(targets, target)
	}
	var out strings.Builder
	var summary Summary
	printer := &TextPrinter{Out: &out, Server: "OLD"}
	run := Run{Server: old, Targets: slices.Values(targets), Parallel: 4}
	if err := run.Compare(t.Context(), func(r Result) error { summary.Add(r); return printer.Print(r) }); err != nil {
		t.Fatal(err)
	}
	if err := printer.End(summary); err != nil {
		t.Fatal(err)
	}
	return out.String(), summary
}

// TestMoving: what changes for whom when the settings of an old server are taken over, and what is different on purpose.
func TestMoving(t *testing.T) {
	for _, test := range []struct {
		name, config string
		old          *Server
	}{
		{"automx2", "imap = [\"imap://imap.a.example\"]\nsmtp = [\"submission://smtp.a.example\"]\n", newOld(t, automx2("a.example"))},
		{"monogramm", "imap = \"imaps://imap.big.example\"\nsmtp = \"submission://smtp.big.example\"\n", newOld(t, monogramm("imap.big.example", "smtp.big.example"))},
		{"mailcow", "imap = \"mail.cow.example\"\npop3 = \"mail.cow.example\"\nsmtp = \"mail.cow.example\"\n", newOld(t, mailcow("mail.cow.example"))},
		{"mailcow with SOGo", "imap = \"mail.cow.example\"\npop3 = \"mail.cow.example\"\nsmtp = \"mail.cow.example\"\n" +
			"activesync = \"https://mail.cow.example/Microsoft-Server-ActiveSync\"\ncaldav = \"https://mail.cow.example/SOGo/dav/\"\n" +
			"carddav = \"https://mail.cow.example/SOGo/dav/\"\n", newOld(t, mailcow("mail.cow.example"))},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, _ := report(t, test.old, load(t, "[domains.\"a.example\"]\n"+test.config), "ann@a.example")
			got = strings.ReplaceAll(got, test.old.base.Host, "OLD")
			edgetest.Golden(t, filepath.Join("testdata", strings.ReplaceAll(test.name, " ", "-")+".txt"), []byte(got))
		})
	}
}

// TestManyDomains: each of many domains is asked for, results are in order, and a change that many domains have is known again. make soak has ten
// thousand of them.
func TestManyDomains(t *testing.T) {
	n := 500
	if os.Getenv("SOAK") != "" {
		n = 10_000
	}
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("d%05d.example", i)
	}
	known := make(map[string]bool)
	for _, name := range names {
		known[name] = true
	}
	old := newOld(t, monogramm("imap.big.example", "smtp.big.example"))
	file := filepath.Join(t.TempDir(), "names.txt")
	if err := os.WriteFile(file, []byte(strings.Join(names[10:], "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := load(t, fmt.Sprintf("[profiles.big]\nimap = \"imaps://imap.big.example\"\nsmtp = \"submission://smtp.big.example\"\ndomains_file = %q\n", file)+
		"[profiles.other]\nimap = \"imaps://new.big.example\"\nsmtp = \"submission://smtp.big.example\"\n"+
		"domains = [\""+strings.Join(names[:10], `", "`)+"\"]\n")
	targets, total := AllTargets(t.Context(), s)
	if total != n {
		t.Fatalf("%d targets", total)
	}
	var summary Summary
	order := s.NamedDomains()
	hosts, like := 0, 0
	err := Run{Server: old, Targets: targets, Parallel: 16}.Compare(t.Context(), func(r Result) error {
		if want := order[summary.Domains]; r.Domain != want {
			t.Errorf("got %s, want %s", r.Domain, want)
		}
		summary.Add(r)
		if slices.ContainsFunc(r.Changes, func(c Change) bool { return slices.Contains(c.Kinds, Host) }) {
			hosts++
			delete(known, string(r.Domain))
		}
		if r.SameAs != "" {
			like++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if summary.Domains != n || summary.Unchecked != 0 || hosts != 10 || known[names[9]] || !known[names[10]] || like != n-2 {
		t.Errorf("got %+v, %d with another host, %d like an earlier one", summary, hosts, like)
	}
}
