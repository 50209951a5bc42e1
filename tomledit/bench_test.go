package tomledit

import (
	"fmt"
	"strings"
	"testing"
)

// large returns a file with many full entries, about 330 octets each.
func large(entries int) []byte {
	var b strings.Builder
	b.WriteString("[defaults]\nauth = [\"password\"]\n")
	for i := range entries {
		fmt.Fprintf(&b, "\n# customer %[1]d\n[domains.\"customer-%[1]d.example\"]\nname = \"Customer %[1]d\"\nimap = \"imaps://imap.customer-%[1]d.example\" # one\n"+
			"smtp = [\"submissions://smtp.example\", \"submission://smtp.example\"]\nlogin = \"%%EMAILADDRESS%%\"\nwebmail = { url = \"https://mail.example/%[1]d\" }\n"+
			"\n[domains.\"customer-%[1]d.example\".oauth2]\nissuer = \"https://login.example\"\n", i)
	}
	return []byte(b.String())
}

func BenchmarkTenThousandEntries(b *testing.B) {
	text := large(10_000)
	path := []string{"domains", "customer-5000.example"}
	members := []Member{{"imap", "imap.example.com"}, {"pop3", "pop3.example.com"}, {"login", nil}, {"oauth2", map[string]any{"issuer": "https://x.example"}}}
	changed, err := Set(text, path, members)
	if err != nil {
		b.Fatal(err)
	}
	for _, op := range []struct {
		name string
		run  func() (Result, error)
	}{
		{"Set", func() (Result, error) { return Set(text, path, members) }},
		{"Add", func() (Result, error) { return Add(text, []string{"domains", "new.example"}, members[:2]) }},
		{"Remove", func() (Result, error) { return Remove(text, path) }},
		{"Replace", func() (Result, error) { return Replace(text, path, []byte("[domains.\"customer-5000.example\"]\n")) }},
		{"Revert", func() (Result, error) { return Revert(changed.Text, changed.Undo) }},
	} {
		b.Run(op.name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if _, err := op.run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkThousandChanges(b *testing.B) {
	text := large(10_000)
	for b.Loop() {
		t, err := Open(text)
		if err != nil {
			b.Fatal(err)
		}
		for i := range 1000 {
			if _, err := t.Set([]string{"domains", fmt.Sprintf("customer-%d.example", 10*i)}, []Member{{"imap", "new.example"}}); err != nil {
				b.Fatal(err)
			}
			if _, err := t.Add([]string{"domains", fmt.Sprintf("new-%d.example", i)}, []Member{{"imap", "new.example"}}); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkLongList(b *testing.B) {
	var text strings.Builder
	text.WriteString("[profiles.shared]\ndomains = [\n")
	names := make([]any, 20_000)
	for i := range names {
		names[i] = fmt.Sprintf("customer-%d.example", i)
		fmt.Fprintf(&text, "    %q, # number %d\n", names[i], i)
	}
	text.WriteString("]\n")
	wanted := append(append(names[:0:0], names[:10_000]...), append(names[10_001:], "new.example")...)
	for b.Loop() {
		r, err := Set([]byte(text.String()), []string{"profiles", "shared"}, []Member{{"domains", wanted}})
		if err != nil {
			b.Fatal(err)
		}
		if size := len(r.Undo.Hunks[0].Old); size > 500_000 {
			b.Fatalf("the hunk has %d octets", size)
		}
	}
}

// BenchmarkOneSection changes an entry among others below the same header, which are one region.
func BenchmarkOneSection(b *testing.B) {
	var text strings.Builder
	text.WriteString("[domains]\n")
	for i := range 10_000 {
		fmt.Fprintf(&text, "\"customer-%[1]d.example\" = { name = \"Customer %[1]d\", imap = \"imaps://imap.customer-%[1]d.example\", login = \"%%EMAILADDRESS%%\", "+
			"smtp = [\"submissions://smtp.example\", \"submission://smtp.example\"], oauth2 = { issuer = \"https://login.example\" } } # customer\n", i)
	}
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		if _, err := Set([]byte(text.String()), []string{"domains", "customer-5000.example"}, []Member{{"imap", "new.example"}, {"pop3", "new.example"}}); err != nil {
			b.Fatal(err)
		}
	}
}
