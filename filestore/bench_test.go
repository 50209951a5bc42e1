package filestore

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mailhint/edits"
	"mailhint/statedir"
)

// large writes a configuration with many tables of about 300 octets.
func large(t testing.TB, tables int) (file string) {
	t.Helper()
	var b strings.Builder
	b.WriteString("[profiles.shared]\nimap = \"imap.example.com\"\nsmtp = \"smtp.example.com\"\n")
	for i := range tables {
		fmt.Fprintf(&b, "\n# customer %d\n[domains.\"d%05d.example\"]\nname = \"Customer %d\" # as it is on the invoice\nimap = [\"imap.d%05d.example\", \"imap://imap2.d%05d.example\"]\n"+
			"smtp = \"smtp.d%05d.example\"\nlogin = \"%%EMAILLOCALPART%%\"\naliases = [\"www.d%05d.example\", \"d%05d.example.net\"]\nwebmail = \"https://webmail.d%05d.example/\"\n", i, i, i, i, i, i, i, i, i)
	}
	return write(t, t.TempDir(), "domains.toml", b.String())
}

// BenchmarkEdit changes one of 10,000 tables, as a command does that has just been started.
func BenchmarkEdit(b *testing.B) {
	file := large(b, 10_000)
	for i := 0; b.Loop(); i++ {
		s := openStore(b, file)
		ref := domain("d05000.example")
		r, err := s.Get(b.Context(), ref)
		if err != nil {
			b.Fatal(err)
		}
		r.Values["name"] = fmt.Sprint("Number ", i)
		if _, err := s.Apply(b.Context(), edits.ChangeSet{Actor: "ann", Via: edits.Command, Edits: []edits.Edit{{Ref: ref, If: r.Revision, Action: edits.ActionSet, Values: r.Values}}}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkList(b *testing.B) {
	for _, kind := range []string{"tables", "names"} {
		b.Run(kind, func(b *testing.B) {
			file := manyNames(b, 20_000)
			if kind == "tables" {
				file = large(b, 20_000)
			}
			for b.Loop() {
				page, err := openStore(b, file).List(b.Context(), edits.Query{})
				if err != nil || page.Total < 20_000 {
					b.Fatal(page.Total, err)
				}
			}
		})
	}
}

// manyNames writes a configuration with a list.
func manyNames(t testing.TB, count int) (file string) {
	t.Helper()
	dir := t.TempDir()
	var b strings.Builder
	for i := range count {
		fmt.Fprintf(&b, "d%07d.example\n", i)
	}
	write(t, dir, "list.txt", b.String())
	return write(t, dir, "domains.toml", "[profiles.listed]\nimap = \"imap.example.com\"\nsmtp = \"smtp.example.com\"\ndomains_file = \"list.txt\"\n\n[domains.\"a.example\"]\nprofile = \"listed\"\n")
}

// BenchmarkApply brings an empty configuration to 20,000 domains, half of them in a list.
func BenchmarkApply(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		file := manyNames(b, 10)
		s := openStore(b, file)
		set := edits.ChangeSet{Actor: "ann", Via: edits.Command}
		for i := range 20_000 {
			e := edits.Edit{Ref: domain(fmt.Sprintf("new%05d.example", i)), If: edits.Absent, Action: edits.ActionApply, Values: edits.Values{}, List: "listed"}
			if i%2 == 0 {
				e.Values, e.List = edits.Values{"profile": "listed", "name": fmt.Sprint("Customer ", i)}, ""
			}
			set.Edits = append(set.Edits, e)
		}
		b.StartTimer()
		if _, err := s.Apply(b.Context(), set); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		for i := range set.Edits {
			e := &set.Edits[i]
			if e.If = edits.Any; i%2 == 0 {
				e.Values = edits.Values{"profile": "listed", "name": fmt.Sprint("Client ", i)}
			} else {
				e.Values = nil
			}
		}
		b.StartTimer()
		if _, err := s.Apply(b.Context(), set); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkHistory reads a history of 50,000 lines.
func BenchmarkHistory(b *testing.B) {
	file := config(b)
	s := openStore(b, file)
	dir := filepath.Join(filepath.Dir(file), "state")
	root, err := statedir.Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	defer root.Close()
	state := func(i int) *edits.State {
		return &edits.State{Values: edits.Values{"name": fmt.Sprint("Customer ", i), "imap": "imap.example.com", "smtp": "smtp.example.com"}, ManagedBy: edits.ByFile, Revision: "0123456789abcdef",
			Text: strings.Repeat("x", 200), File: "domains.toml"}
	}
	var list []entry
	for i := range 50_000 {
		list = append(list, entry{Change: edits.Change{Number: int64(i + 1), Time: time.Now(), Actor: "ann", Via: edits.Command, Action: "set", Ref: domain(fmt.Sprintf("d%d.example", i%5000)), Before: state(i), After: state(i + 1)}})
		if len(list) == 1000 {
			lines, err := linesOfEntries(list)
			if err == nil {
				err = historyLog.Append(root, lines)
			}
			if err != nil {
				b.Fatal(err)
			}
			list = nil
		}
	}
	for name, q := range map[string]edits.HistoryQuery{"newest": {Limit: 50}, "domain": {Ref: domain("d7.example")}, "newest of domain": {Ref: domain("d7.example"), Limit: 1}, "none": {Ref: domain("none.example")}, "since": {Since: time.Now()}, "all": {}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				changes, err := s.History(b.Context(), q)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(len(changes)), "changes")
			}
		})
	}
}

// BenchmarkObserve notices a name that has been added to a list of a million.
func BenchmarkObserve(b *testing.B) {
	file := manyNames(b, 1_000_000)
	s := openStore(b, file)
	if err := s.Observe(b.Context()); err != nil {
		b.Fatal(err)
	}
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		replace(b, filepath.Join(filepath.Dir(file), "list.txt"), "d0500000.example\n", fmt.Sprintf("d0500000.example\nnew%d.example\n", i))
		b.StartTimer()
		if err := s.Observe(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
