package domains

import (
	"fmt"
	"path"
	"strings"
	"testing"

	"mailhint/settings"
)

// Patterns match what path.Match matches, whatever they are found by; a slash is a letter like any other.
func TestPatterns(t *testing.T) {
	globs := []string{
		"*@a.example", "ann.*@a.example", "*.lee@a.example", "prof*@*.example", "?@a.example", "[ab]x@a.example", "x[^c-e]@a.example", `a\*b@*`,
		`*\*@b.example`, `*\üx@c.example`, "*@*", "s*/t@a.example", "[]x]*@d.example", "ann*", "*x]@e.example",
	}
	texts := []string{
		"ann@a.example", "ann.lee@a.example", "bob.lee@a.example", "prof1@dept.example", "a@a.example", "bx@a.example", "cx@a.example", "xd@a.example",
		"xf@a.example", "a*b@x.example", "axb@x.example", "z*@b.example", "züx@c.example", "s1/2/t@a.example", "a/b@a.example", "x@d.example",
		"]@d.example", "yx]@e.example", "@", "",
	}
	for _, glob := range globs {
		var p patterns
		p.add(glob)
		for _, text := range texts {
			want, err := path.Match(withoutSlashes.Replace(glob), withoutSlashes.Replace(text))
			if got := p.match(text); got != want && err == nil {
				t.Errorf("%q matches %q: %v, want %v", glob, text, got, want)
			}
		}
	}
}

// At most 5,000 patterns are read, and addresses without limit.
func TestTooManyPatterns(t *testing.T) {
	dir := t.TempDir()
	config := conf("x") + "[[domains.\"a.example\".rules]]\nusers_file = \"users.txt\"\nname = \"X\"\n"
	file := write(t, dir, "domains.toml", config)
	good := numberedLines(6000, "u%d@a.example\n") + numberedLines(5000, "p%d*@a.example\n")
	write(t, dir, "users.txt", good)
	if _, err := Load(file); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "users.txt", good+"*more@a.example\n*evenmore@a.example\n")
	if _, err := Load(file); err == nil || !strings.Contains(err.Error(), "users.txt:11001: this pattern exceeds the limit of 5000") || strings.Count(err.Error(), "\n") > 0 {
		t.Errorf("error %v", err)
	}
}

// The most expensive users_file costs a request little: patterns that begin with different texts nearly nothing, and those that must all be
// compared less than a new TLS connection.
func BenchmarkPatterns(b *testing.B) {
	a := settings.Address{Local: strings.Repeat("ab", 30) + "7x", Domain: "a.example"}
	for name, format := range map[string]string{"by prefix": "u%d.*@a.example", "all alike": "*a*%d*@a.example"} {
		b.Run(name, func(b *testing.B) {
			u := &users{}
			for i := range maxPatterns {
				if _, err := u.add(fmt.Sprintf(format, 10_000+i)); err != nil {
					b.Fatal(err)
				}
			}
			for b.Loop() {
				u.contain(a)
			}
		})
	}
}

// Of thousands of patterns that begin or end differently, an address is compared with one.
func TestPatternsAreIndexed(t *testing.T) {
	var u users
	for i := range maxPatterns / 2 {
		for _, format := range []string{"u%d.*@a.example", "*.%d@a.example"} {
			if _, err := u.add(fmt.Sprintf(format, i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, l := range []literals{u.patterns.before, u.patterns.behind} {
		if len(l.by) != maxPatterns/2 || len(l.lengths) > 4 {
			t.Errorf("%d patterns are found by %d texts of %d lengths", maxPatterns/2, len(l.by), len(l.lengths))
		}
	}
	for local, want := range map[string]bool{"u2499.x": true, "x.2499": true, "u2500.x": false, "x2499": false} {
		if got := u.contain(settings.Address{Local: local, Domain: "a.example"}); got != want {
			t.Errorf("%s matches: %v", local, got)
		}
	}
}
