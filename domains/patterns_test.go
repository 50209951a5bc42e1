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
		if err := p.add(glob, newPatternQuota()); err != nil {
			t.Fatal(err)
		}
		for _, text := range texts {
			want, err := path.Match(withoutSlashes.Replace(glob), withoutSlashes.Replace(text))
			if got := p.match(text); got != want && err == nil {
				t.Errorf("%q matches %q: %v, want %v", glob, text, got, want)
			}
		}
	}
}

// At most 5,000 patterns are read for one domain, 100 of them with the same beginning or end, and addresses without limit.
func TestTooManyPatterns(t *testing.T) {
	const tooMany = "this pattern exceeds the limit of 5000 in the rules of one domain; "
	const tooManyAlike = "this pattern exceeds the limit of 100 in the rules of one domain with the same text before the first *, ? or [ and after the last; begin or end it with other text, or write addresses, "
	people := numberedLines(6000, "u%d@a.example\n")
	for name, test := range map[string]struct{ first, second, more, want string }{
		"one file":    {people + numberedLines(5000, "p%d*@a.example\n"), "", "*more@a.example\n*evenmore@a.example\n", "second.txt:1: " + tooMany},
		"two files":   {people + numberedLines(2500, "p%d*@a.example\n"), numberedLines(2500, "*%d@a.example\n"), "*more@a.example\n", "second.txt:2501: " + tooMany},
		"no literal":  {numberedLines(50, "*[a-z]*[a-z]*[a-z]*%d*@*\n"), numberedLines(50, "*[a-z]*%d*@*\n"), "*[a-z]*x*@*\n", "second.txt:51: " + tooManyAlike},
		"domain only": {numberedLines(100, "*x*%d*@a.example\n"), people, "?@a.example\n", "second.txt:6001: " + tooManyAlike},
		"same start":  {numberedLines(100, "p*x*%d*@*\n"), numberedLines(100, "p*y*%d*@*\n"), "p*z*@*\n", "second.txt:101: " + tooManyAlike},
		"one end different": {numberedLines(4000, "student-*-%d@a.example\n"), "", "p?*@*\n" + numberedLines(101, "*%d*@*\n"),
			"second.txt:102: " + tooManyAlike},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			const rule = "[[domains.\"a.example\".rules]]\nname = \"X\"\nusers_file = "
			file := write(t, dir, "domains.toml", conf("x")+rule+"\"first.txt\"\n"+rule+"\"second.txt\"\nfrom = [\"192.0.2.0/24\"]\n")
			write(t, dir, "first.txt", test.first)
			write(t, dir, "second.txt", test.second)
			if _, err := Load(file); err != nil {
				t.Fatal(err)
			}
			write(t, dir, "second.txt", test.second+test.more)
			if _, err := Load(file); err == nil || !strings.Contains(err.Error(), test.want) || strings.Count(err.Error(), "\n") > 0 {
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
}

// The most expensive users_file costs a request little: patterns that begin with different texts nearly nothing, and those that must all be
// compared less than a new TLS connection.
func BenchmarkPatterns(b *testing.B) {
	a := settings.Address{Local: strings.Repeat("ab", 30) + "7x", Domain: "a.example"}
	for name, format := range map[string]string{"by prefix": "u%d.*@a.example", "all alike": "*[a-z]*[a-z]*[a-z]*%d*@*"} {
		b.Run(name, func(b *testing.B) {
			u, quota := &users{}, newPatternQuota()
			var err error
			for i := 0; i < maxPatterns && err == nil; i++ {
				_, err = u.add(fmt.Sprintf(format, 10_000+i), quota)
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
	quota := newPatternQuota()
	for i := range maxPatterns / 2 {
		for _, format := range []string{"u%d.*@a.example", "*.%d@a.example"} {
			if _, err := u.add(fmt.Sprintf(format, i), quota); err != nil {
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
