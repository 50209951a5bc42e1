package untrusted

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestClip(t *testing.T) {
	tests := []struct {
		text  string
		limit int
		want  string
	}{
		{"", 0, ""},
		{"a", 0, "…"},
		{"mail.example.com", 16, "mail.example.com"},
		{"mail.example.com", 15, "mail.example.co…"},
		{"Grüße aus 東京 🚀", 100, "Grüße aus 東京 🚀"},
		{"äöü", 3, "äöü"},
		{"äöü", 2, "äö…"},
		{"two\nlines\tand a tab", 100, "two lines and a tab"},
		{"\x1b[31mred\x07", 100, "\uFFFD[31mred\uFFFD"},
		{"forged\r\n2026-01-01 level=INFO", 100, "forged\uFFFD 2026-01-01 level=INFO"},
		{"moc.elpmaxe\u202Eliam", 100, "moc.elpmaxe\uFFFDliam"}, // right-to-left override
		{"a\u2066b\u200Bc\uFEFFd", 100, "a\uFFFDb\uFFFDc\uFFFDd"},
		{"no\u00A0break\u2028line", 100, "no\uFFFDbreak\uFFFDline"},
		{"private \uE000 use", 100, "private \uFFFD use"},
		{"C1 \u009B31m", 100, "C1 \uFFFD31m"},
		{"not UTF-8: \xff\xfe", 100, "not UTF-8: \uFFFD\uFFFD"},
		{"\xff\xff\xff", 2, "\uFFFD\uFFFD…"},
	}
	for _, test := range tests {
		if got := Clip(test.text, test.limit); got != test.want {
			t.Errorf("Clip(%q, %d) = %q, want %q", test.text, test.limit, got, test.want)
		}
	}
}

func FuzzClip(f *testing.F) {
	for _, text := range []string{"", "220 mail.example.com ESMTP", "\x1b]0;title\x07", "a\u202Eb", "\xff\n\t\r", strings.Repeat("ü", 50)} {
		f.Add(text, 20)
	}
	f.Fuzz(func(t *testing.T, text string, limit int) {
		limit = max(limit, -limit, 0) % 1000
		got := Clip(text, limit)
		if bad := strings.IndexFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }); bad >= 0 || !utf8.ValidString(got) {
			t.Errorf("%q is not printable (octet %d)", got, bad)
		}
		if n := utf8.RuneCountInString(got); n > limit+1 || n < min(limit, utf8.RuneCountInString(text)) {
			t.Errorf("Clip(%q, %d) has %d characters", text, limit, n)
		}
		if again := Clip(got, limit+1); again != got {
			t.Errorf("cleaned twice, %q becomes %q", got, again)
		}
		if whole := Printable(text); !strings.HasPrefix(whole, strings.TrimSuffix(got, "…")) {
			t.Errorf("Clip says %q, Printable %q", got, whole)
		}
	})
}
