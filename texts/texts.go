// Package texts has every sentence that people read who want to set up their mail program, in ten languages. Admins read English: their
// texts are in the code.
//
// Each language is one file, such as en.toml, that a translator can read and edit; English has the comments for translators, and
// docs/translating.md explains the form. Match chooses the language for a request, For returns its texts:
//
//	p := texts.For(texts.Match(r.Header.Get("Accept-Language"), r.FormValue("lang")))
//	p.Text("page.title", "name", "Example Mail")
//
// Everything here is immutable, and may be used by several goroutines at once.
package texts

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// Printer has the texts of one language.
type Printer struct {
	lang    Language
	texts   map[string]text
	message *message.Printer
}

// text is one entry of the catalogue.
type text struct {
	plain string   // the text, if it has no placeholders
	names []string // its placeholders, in the order in which the catalogue numbers them
}

// For returns the texts of a language. They are read when they are first needed.
func For(l Language) *Printer { return printers[l.index]() }

var printers = func() (p []func() *Printer) {
	for _, l := range languages {
		p = append(p, sync.OnceValue(func() *Printer { return mustLoad(l) }))
	}
	return p
}()

// Language returns the language of the texts.
func (p *Printer) Language() Language { return p.lang }

// Has reports whether there is a text for the key.
func (p *Printer) Has(key string) bool {
	_, ok := p.texts[key]
	return ok
}

// Text returns a text with its placeholders filled in. The arguments are pairs of the name of a placeholder and its value:
//
//	p.Text("settings.title", "name", "Example Mail")
//
// Values are data: nothing in them is taken for a placeholder. {count}, which takes an int, selects the plural form. Numbers that are not
// counts, such as ports, are passed as strings, or a language would group their digits. A placeholder without a value stays as it is, and
// a key without a text is returned itself; both are mistakes of the caller, which tests find.
func (p *Printer) Text(key string, args ...any) string {
	t, ok := p.texts[key]
	switch {
	case !ok:
		return key
	case len(t.names) == 0:
		return t.plain
	}
	values := make([]any, len(t.names))
	for i, name := range t.names {
		values[i] = value(name, args)
	}
	return p.message.Sprintf(message.Key(key, key), values...)
}

// Join puts sentences into one paragraph; empty ones are left out.
func (p *Printer) Join(sentences ...string) string {
	sentences = slices.DeleteFunc(slices.Clone(sentences), func(s string) bool { return s == "" })
	if p.lang.Tag() == "ja" { // has no spaces between sentences
		return strings.Join(sentences, "")
	}
	return strings.Join(sentences, " ")
}

// value finds the argument for a placeholder.
func value(name string, args []any) any {
	for i := 0; i+1 < len(args); i += 2 {
		if args[i] == name {
			return args[i+1]
		}
	}
	if name == count {
		return 0
	}
	return "{" + name + "}"
}

// Language is one of the languages that there are texts in. The zero Language is English.
type Language struct{ index int }

var languages = func() (all []Language) {
	for i := range tags {
		all = append(all, Language{i})
	}
	return all
}()

// tags are the languages by their BCP 47 tags, which are also the names of their files. The first is for everyone whose language is not
// among them.
var tags = []string{"en", "de", "fr", "es", "it", "nl", "pl", "cs", "pt", "ja"}

// ownNames are what the languages are called by those who speak them.
var ownNames = []string{"English", "Deutsch", "Français", "Español", "Italiano", "Nederlands", "Polski", "Čeština", "Português", "日本語"}

// English is the language of everyone whose own is not among the languages.
var English = Language{0}

// Languages returns all languages, in the order in which a list shows them.
func Languages() []Language { return append([]Language(nil), languages...) }

// Tag returns the BCP 47 tag of the language, such as "de", for the attribute lang of HTML.
func (l Language) Tag() string { return tags[l.index] }

// Name returns what the language is called by those who speak it, such as Deutsch.
func (l Language) Name() string { return ownNames[l.index] }

// String returns the tag.
func (l Language) String() string { return l.Tag() }

// ParseLanguage returns the language with a tag. It reports false if there is none.
func ParseLanguage(tag string) (Language, bool) {
	for i, t := range tags {
		if t == tag {
			return Language{i}, true
		}
	}
	return English, false
}

// maxHeader is how much of an Accept-Language header is read. Browsers send less than 100 octets.
const maxHeader = 256

// Match returns the best language for a request: the one that the person has chosen, if it is one of ours, or else the best for the
// Accept-Language header (RFC 9110 section 12.5.4). The work is bounded however long the header is.
func Match(acceptLanguage, chosen string) Language {
	if l, ok := ParseLanguage(chosen); ok {
		return l
	}
	if l, ok := firstOf(acceptLanguage); ok {
		return l
	}
	if len(acceptLanguage) > maxHeader {
		acceptLanguage = acceptLanguage[:maxHeader]
		acceptLanguage = acceptLanguage[:max(strings.LastIndexByte(acceptLanguage, ','), 0)]
	}
	if acceptLanguage == "" {
		return English
	}
	_, i, confidence := matcher().Match(wanted(acceptLanguage)...)
	if confidence == language.No {
		return English
	}
	return Language{i}
}

// wanted returns the languages of a header, the best first. What is not a language is skipped; it does not make the others void.
func wanted(acceptLanguage string) []language.Tag {
	type entry struct {
		tag     language.Tag
		quality float32
	}
	var entries []entry
	for part := range strings.SplitSeq(acceptLanguage, ",") {
		tags, qualities, err := language.ParseAcceptLanguage(part)
		if err == nil && len(tags) == 1 && qualities[0] > 0 {
			entries = append(entries, entry{tags[0], qualities[0]})
		}
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return cmp.Compare(b.quality, a.quality) })
	var tags []language.Tag
	for _, e := range entries {
		tags = append(tags, e.tag)
	}
	return tags
}

// OfLocale returns the language of a POSIX locale such as de_AT.UTF-8; English for C, for none, and for languages that are not ours.
func OfLocale(locale string) Language {
	locale, _, _ = strings.Cut(locale, ".")
	locale, _, _ = strings.Cut(locale, "@")
	return Match(strings.ReplaceAll(locale, "_", "-"), "")
}

// firstOf returns the language that a header begins with, such as "de-DE,de;q=0.9", if it is plainly the one that is preferred. Nearly all
// headers are of this kind, and need no parsing.
func firstOf(acceptLanguage string) (Language, bool) {
	first, _, _ := strings.Cut(acceptLanguage, ",")
	if len(first) == len("de-DE") && first[2] == '-' && isLetter(first[3]) && isLetter(first[4]) {
		first = first[:2]
	}
	return ParseLanguage(first)
}

func isLetter(c byte) bool { return 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' }

var matcher = sync.OnceValue(func() language.Matcher {
	var supported []language.Tag
	for _, t := range tags {
		supported = append(supported, language.MustParse(t))
	}
	return language.NewMatcher(supported)
})
