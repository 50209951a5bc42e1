package texts

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
)

func mustRead(t *testing.T, l Language) map[string]entry {
	t.Helper()
	entries, err := read(l)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// TestSameTexts: every language has the texts that English has, with the same placeholders, and no others.
func TestSameTexts(t *testing.T) {
	english := mustRead(t, English)
	for _, l := range Languages() {
		entries := mustRead(t, l)
		for _, key := range slices.Sorted(maps.Keys(english)) {
			e, ok := entries[key]
			switch {
			case !ok:
				t.Errorf("%s.toml has no text %s", l, key)
			case e.isPlural() != english[key].isPlural():
				t.Errorf("%s.toml: %s needs plural forms exactly if English has them", l, key)
			case !maps.Equal(e.names(), english[key].names()):
				t.Errorf("%s.toml: %s has the placeholders %v; English has %v", l, key, e.names(), english[key].names())
			}
		}
		for _, key := range slices.Sorted(maps.Keys(entries)) {
			if _, ok := english[key]; !ok {
				t.Errorf("%s.toml: %s is not a text in English; remove it", l, key)
			}
		}
	}
}

// TestPluralForms: every text with a count has exactly the forms of its language.
func TestPluralForms(t *testing.T) {
	for _, l := range Languages() {
		want := map[string]bool{}
		for n := range 1000 {
			want[formNames[plural.Cardinal.MatchPlural(language.MustParse(l.Tag()), n, 0, 0, 0, 0)]] = true
		}
		for key, e := range mustRead(t, l) {
			if !e.isPlural() {
				continue
			}
			for form := range want {
				if e[form] == "" {
					t.Errorf("%s.toml: %s has no form %q", l, key, form)
				}
			}
			for form, text := range e {
				if !want[form] && form != "other" && form != "many" { // "other" is always needed, "many" exists for millions
					t.Errorf("%s.toml: %s has a form %q, which the language does not use", l, key, form)
				}
				if !strings.Contains(text, "{count}") {
					t.Errorf("%s.toml: %s: the form %q has no {count}", l, key, form)
				}
			}
		}
	}
}

var formNames = map[plural.Form]string{
	plural.Zero: "zero", plural.One: "one", plural.Two: "two", plural.Few: "few", plural.Many: "many", plural.Other: "other",
}

// TestForms: the count selects the form.
func TestForms(t *testing.T) {
	for _, l := range Languages() {
		e := mustRead(t, l)["trouble.minutes_ago"]
		for _, n := range []int{0, 1, 2, 3, 5, 12, 21, 22, 100} {
			form := formNames[plural.Cardinal.MatchPlural(language.MustParse(l.Tag()), n, 0, 0, 0, 0)]
			want := strings.ReplaceAll(e[form], "{count}", For(l).Text("count.only", "count", n))
			want = strings.ReplaceAll(want, "count.only", itoa(n))
			if got := For(l).Text("trouble.minutes_ago", "count", n); got != want {
				t.Errorf("%s, %d: got %q, want %q", l, n, got, want)
			}
		}
	}
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + itoa(n%10)
}

// quotes are the outer quotation marks of each language.
var quotes = map[string][2]string{
	"en": {"“", "”"}, "de": {"„", "“"}, "fr": {"«\u202f", "\u202f»"}, "es": {"«", "»"}, "it": {"«", "»"}, "nl": {"‘", "’"},
	"pl": {"„", "”"}, "cs": {"„", "“"}, "pt": {"“", "”"}, "ja": {"「", "」"},
}

// TestTypography: quotation marks, apostrophes and spaces are those of the language.
func TestTypography(t *testing.T) {
	for _, l := range Languages() {
		q := quotes[l.Tag()]
		for key, e := range mustRead(t, l) {
			for _, text := range e {
				if fault := typography(l.Tag(), q, text); fault != "" {
					t.Errorf("%s.toml: %s: %s: %q", l, key, fault, text)
				}
			}
		}
	}
}

var (
	doubleSpace  = regexp.MustCompile(`\s\s|^\s|\s$|\s[,.]( |$)`)
	frenchSpace  = regexp.MustCompile(`[^\x{202f}\x{a0}][;!?:](\s|$|»)|[ ][;:!?»]|«[^\x{202f}]|[^\x{202f}]»`)
	spaceBefore  = regexp.MustCompile(`[\s][;:!?]`)
	latinPeriod  = regexp.MustCompile(`[。、][ ]|[ぁ-んァ-ン一-龥][,.!?]`)
	anyQuotation = "“”„«»「」‚‹›『』"
)

// typography says what is wrong with a text; "" if nothing is.
func typography(tag string, q [2]string, text string) string {
	switch {
	case text == "":
		return "it is empty"
	case strings.ContainsAny(text, `"'`+"`"):
		return "it has a straight quotation mark or apostrophe"
	case strings.Contains(text, "..."):
		return "three dots are one character, …"
	case strings.Contains(text, " - "):
		return "a dash between words is –"
	case doubleSpace.MatchString(text):
		return "it has a space too many"
	case tag == "fr" && frenchSpace.MatchString(text):
		return "French has narrow no-break spaces inside « » and before ; ! ? :"
	case tag != "fr" && spaceBefore.MatchString(text):
		return "there is a space before a punctuation mark"
	case tag == "ja" && latinPeriod.MatchString(text):
		return "the punctuation is not Japanese"
	}
	open, closed := q[0], q[1]
	if tag == "nl" { // where the closing mark is also the apostrophe
		if strings.Count(text, open) > strings.Count(text, closed) {
			return "a quotation is not closed"
		}
	} else if strings.Count(text, open) != strings.Count(text, closed) {
		return "a quotation is not closed, or has the marks of another language"
	}
	rest := strings.NewReplacer(open, "", closed, "").Replace(text)
	if i := strings.IndexAny(rest, anyQuotation); i >= 0 {
		return "it has the quotation marks of another language"
	}
	return ""
}

// avoided are beginnings of words for which a language has another one, in small letters.
var avoided = map[string][]string{
	"it": {"fornitor"},                                // gestore
	"nl": {"u ", "uw "},                               // je
	"pl": {"dotkn", "klient"},                         // stuknij w; program
	"pt": {"utilizador", "ficheiro", "palavra-passe"}, // the words of Brazil
}

// clientID is what programs call a field, and has a word in it that is avoided elsewhere.
const clientID = "Identyfikator klienta"

// TestOneWord: one thing has one word, and the form of address is one.
func TestOneWord(t *testing.T) {
	for _, l := range Languages() {
		for key, e := range mustRead(t, l) {
			for _, text := range e {
				for _, word := range avoided[l.Tag()] {
					if strings.Contains(" "+strings.ToLower(strings.TrimPrefix(text, clientID)), " "+word) {
						t.Errorf("%s.toml: %s has %q: %q", l, key, word, text)
					}
				}
			}
		}
	}
}

// TestLabelsAreKept: what English quotes, such as the label of a button, is quoted in every language.
func TestLabelsAreKept(t *testing.T) {
	english := mustRead(t, English)
	for _, l := range Languages() {
		for key, e := range mustRead(t, l) {
			want := strings.Count(english[key]["other"], quotes["en"][0])
			if got := strings.Count(e["other"], quotes[l.Tag()][0]); got < want {
				t.Errorf("%s.toml: %s quotes %d words; English quotes %d: %q", l, key, got, want, e["other"])
			}
		}
	}
}

// TestTypographyFindsFaults: the check can fail.
func TestTypographyFindsFaults(t *testing.T) {
	for _, test := range []struct{ tag, text string }{
		{"en", `Choose "File".`}, {"en", "Don't."}, {"en", "Choose „File“."}, {"en", "Wait..."}, {"en", "One  two"}, {"en", "Why ?"}, {"en", ""},
		{"de", "Wählen Sie “Datei”."}, {"de", "Wählen Sie „Datei”."}, {"fr", "Ouvrez « Fichier »."}, {"fr", "Pourquoi ?"}, {"fr", "Pourquoi?"},
		{"ja", "ファイル,"}, {"ja", "「ファイル"}, {"nl", "Kies ‘Bestand."}, {"pl", "Wybierz „Plik“."}, {"es", "Elija “Archivo”."},
	} {
		if typography(test.tag, quotes[test.tag], test.text) == "" {
			t.Errorf("%s: nothing is found wrong with %q", test.tag, test.text)
		}
	}
}

// TestEveryTextIsUsed: a text that nothing shows is removed. Its key must appear in quotation marks in the code, a template or the steps.
func TestEveryTextIsUsed(t *testing.T) {
	var all strings.Builder
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "texts" || strings.HasPrefix(d.Name(), ".git")):
			return fs.SkipDir
		case strings.HasSuffix(path, "_test.go"), !slices.Contains([]string{".go", ".tmpl", ".toml", ".html"}, filepath.Ext(path)):
			return nil
		}
		text, err := os.ReadFile(path)
		all.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for key := range mustRead(t, English) {
		if !strings.Contains(all.String(), `"`+key+`"`) && !strings.Contains(all.String(), `: `+key+`"`) {
			t.Errorf("nothing uses %s", key)
		}
	}
}

// What the words of a person of seventy are not.
var jargon = regexp.MustCompile(`(?i)\b(authenticat\w*|protocol\w*|configur\w*|credential\w*|parameter\w*|client|daemon|domain|handshake|implicit|` +
	`submission|MX|DNS|ASCII|TCP|mailbox provider|utili[sz]e|functionality|initiali[sz]e|e\.g\.|i\.e\.|via|log ?in|deploy\w*)\b`)

var quoted = regexp.MustCompile(`“[^”]*”|\{[a-z_]+\}|eM Client|Client ID`)

// TestReadability: English sentences are short and have no jargon, apart from what programs themselves call things.
func TestReadability(t *testing.T) {
	const longest = 20
	for key, e := range mustRead(t, English) {
		for _, text := range e {
			text = quoted.ReplaceAllString(text, "x")
			if word := jargon.FindString(text); word != "" {
				t.Errorf("%s: %q is jargon", key, word)
			}
			for _, sentence := range regexp.MustCompile(`[.!?:] `).Split(text, -1) {
				if n := len(strings.Fields(sentence)); n > longest {
					t.Errorf("%s: a sentence has %d words; %d is the most: %q", key, n, longest, sentence)
				}
			}
		}
	}
}

// TestPercent: a percent sign is an ordinary character, for translators and for readers.
func TestPercent(t *testing.T) {
	p, err := build(English, map[string]entry{"a": {"other": "100 % of {name}, %s %[1]d"}, "b": {"one": "{count} %", "other": "{count} %%"}})
	if err != nil {
		t.Fatal(err)
	}
	for got, want := range map[string]string{
		p.Text("a", "name", "50%"): "100 % of 50%, %s %[1]d",
		p.Text("b", "count", 1):    "1 %",
		p.Text("b", "count", 2):    "2 %%",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
