package texts

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestMatch(t *testing.T) {
	for _, test := range []struct{ header, chosen, want string }{
		{"", "", "en"},
		{"de", "", "de"},
		{"de-DE,de;q=0.9,en;q=0.8", "", "de"},
		{"DE-de", "", "de"},
		{"pt-BR,pt;q=0.9", "", "pt"},
		{"pt-PT", "", "pt"},
		{"es-419,es;q=0.9", "", "es"},
		{"ja-JP", "", "ja"},
		{"gsw", "", "de"}, // Swiss German
		{"ko, ja;q=0.5", "", "ja"},
		{"xx, cs;q=0.5", "", "cs"},
		{"en;q=0.1, nl;q=0.9", "", "nl"},
		{"fr;q=0, it", "", "it"},
		{"*", "", "en"},
		{"ko", "", "en"},
		{"not a language", "", "en"},
		{"\x00\xff;q=", "", "en"},
		{"de", "fr", "fr"},
		{"de", "klingon", "de"},
		{"de", "../en", "de"},
		{strings.Repeat("xx,", 100000) + "de", "", "en"}, // beyond what is read
		{"pl;q=0.5, " + strings.Repeat("x", 100000), "", "pl"},
		{strings.Repeat("-", 100000), "", "en"},
	} {
		if got := Match(test.header, test.chosen); got.Tag() != test.want {
			t.Errorf("Match(%.40q, %q) = %s, want %s", test.header, test.chosen, got, test.want)
		}
	}
}

// TestMatchIsFast: headers as browsers send them need no memory, and hostile ones only a little time.
func TestMatchIsFast(t *testing.T) {
	for _, header := range []string{"", "de", "fr-FR,fr;q=0.9,en;q=0.8"} {
		if n := testing.AllocsPerRun(100, func() { Match(header, "") }); n > 0 {
			t.Errorf("Match(%q) allocates %v times", header, n)
		}
	}
	hostile := strings.Repeat("a-b-c-d-e-f-g-h;q=0.1,", 1<<16)
	start := time.Now()
	for range 100 {
		Match(hostile, hostile)
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("100 hostile headers of %d octets took %v", len(hostile), d)
	}
}

func TestOfLocale(t *testing.T) {
	for locale, want := range map[string]string{
		"": "en", "C": "en", "POSIX": "en", "C.UTF-8": "en", "en_GB.UTF-8": "en", "de_AT.UTF-8": "de", "de": "de", "fr_BE@euro": "fr", "pt_BR": "pt",
		"ko_KR.UTF-8": "en",
	} {
		if got := OfLocale(locale); got.Tag() != want {
			t.Errorf("OfLocale(%q) = %s, want %s", locale, got, want)
		}
	}
}

func TestLanguages(t *testing.T) {
	for _, l := range Languages() {
		if got, ok := ParseLanguage(l.Tag()); !ok || got != l {
			t.Errorf("ParseLanguage(%q) = %v, %v", l.Tag(), got, ok)
		}
		if p := For(l); p.Language() != l || !p.Has("page.title") {
			t.Errorf("For(%s) has the texts of %s", l, p.Language())
		}
	}
	list := Languages()
	list[0].index++
	if Languages()[0] != English {
		t.Error("a caller can change the list of languages")
	}
	if Match("", "") != (Language{}) {
		t.Error("the zero Language is not English")
	}
}

func TestText(t *testing.T) {
	p := For(English)
	for _, test := range []struct {
		key  string
		args []any
		want string
	}{
		{"page.submit", nil, "Show settings"},
		{"settings.title", []any{"name", "Example Mail"}, "Mail settings for Example Mail"},
		{"why.encrypted_first", []any{"second", "143", "first", "993"}, "Port 993 comes before port 143 because everything is encrypted from the first moment."},
		{"trouble.minutes_ago", []any{"count", 1}, "Checked 1 minute ago."},
		{"trouble.minutes_ago", []any{"count", 1200}, "Checked 1,200 minutes ago."},
		// Mistakes of the caller are visible.
		{"settings.title", nil, "Mail settings for {name}"},
		{"no.such", nil, "no.such"},
	} {
		if got := p.Text(test.key, test.args...); got != test.want {
			t.Errorf("Text(%q, %v) = %q, want %q", test.key, test.args, got, test.want)
		}
	}
	if n := testing.AllocsPerRun(100, func() { p.Text("page.submit") }); n > 0 {
		t.Errorf("a text without placeholders allocates %v times", n)
	}
}

// TestArgumentsAreData: whatever a stranger sends is printed as it is, in every language.
func TestArgumentsAreData(t *testing.T) {
	for _, l := range Languages() {
		for _, hostile := range []string{
			"%s%d%!v(MISSING)%[2]s%%", "{name}{domain}{count}", "<script>alert(1)</script>", "$(reboot) `id` '\"\\", "${name}", "\u202eevil\u202c",
			"a\x00b\nc", "\xff\xfe", strings.Repeat("x", 1<<16), "",
		} {
			got := For(l).Text("settings.title", "name", hostile)
			rest := For(l).Text("settings.title", "name", "NAME")
			if want := strings.Replace(rest, "NAME", hostile, 1); got != want {
				t.Errorf("%s: got %.100q, want %.100q", l, got, want)
			}
		}
	}
}

func ExamplePrinter_Text() {
	p := For(Match("en-GB,en;q=0.9", ""))
	fmt.Println(p.Text("settings.title", "name", "Example Mail"))
	fmt.Println(p.Text("trouble.minutes_ago", "count", 5))
	// Output:
	// Mail settings for Example Mail
	// Checked 5 minutes ago.
}

func BenchmarkText(b *testing.B) {
	p := For(English)
	b.Run("plain", func(b *testing.B) {
		for b.Loop() {
			p.Text("page.submit")
		}
	})
	b.Run("placeholder", func(b *testing.B) {
		for b.Loop() {
			p.Text("settings.title", "name", "Example Mail")
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	for name, header := range map[string]string{
		"plain":   "de-DE,de;q=0.9,en;q=0.8",
		"other":   "gsw,es;q=0.5",
		"hostile": strings.Repeat("a-b-c-d-e-f-g-h;q=0.1,", 1<<10),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				Match(header, "")
			}
		})
	}
}
