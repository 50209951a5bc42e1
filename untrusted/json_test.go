package untrusted

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// encode spells a text as JSON for people, on a line of its own.
func encode(t *testing.T, text string) string {
	t.Helper()
	var b strings.Builder
	encoder := json.NewEncoder(JSON(&b))
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(map[string]string{"text": text}); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func TestJSON(t *testing.T) {
	for text, want := range map[string]string{
		"plain <b> ü 日本 👍":             `"plain <b> ü 日本 👍"`,
		"moc.elpmaxe\u202eexample.com": `"moc.elpmaxe\u202eexample.com"`,
		"a\u2066b\u2069c\u200fd":       `"a\u2066b\u2069c\u200fd"`,
		"\x7f\u009b31m":                `"\u007f\u009b31m"`,
		"\U000E0041":                   `"\udb40\udc41"`,
		"a\nb\tc":                      `"a\nb\tc"`,
	} {
		if got := encode(t, text); got != `{"text":`+want+`}` {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func FuzzJSON(f *testing.F) {
	for _, text := range []string{"", "a\u202eb", "\x1b]0;title\x07", "\xff", "\U000E0041\u2028", `\u202e`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := encode(t, text)
		if i := strings.IndexFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
			t.Errorf("%q is not printable (octet %d)", got, i)
		}
		var back map[string]string
		if err := json.Unmarshal([]byte(got), &back); err != nil || utf8.ValidString(text) && back["text"] != text {
			t.Errorf("%q became %s, which says %q, %v", text, got, back["text"], err)
		}
	})
}
