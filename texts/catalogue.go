package texts

import (
	"embed"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/message/catalog"
)

//go:embed *.toml
var files embed.FS

// count is the placeholder that selects the plural form.
const count = "count"

// forms are the plural forms that a language may have (CLDR). A table with only such keys is one text.
var forms = []string{"zero", "one", "two", "few", "many", "other"}

var placeholder = regexp.MustCompile(`\{([a-z_]+)\}`)

// mustLoad reads a language. A broken file is a mistake of the program, as a broken template is, which any use of it in a test shows.
func mustLoad(l Language) *Printer {
	entries, err := read(l)
	if err != nil {
		panic(err)
	}
	p, err := build(l, entries)
	if err != nil {
		panic(err)
	}
	return p
}

// entry is a text as its file has it: the plural forms by name, or only "other" for a text without.
type entry map[string]string

// isPlural reports whether the text has plural forms.
func (e entry) isPlural() bool { return len(e) > 1 || e.names()[count] }

// names returns the placeholders of the text, in all its forms.
func (e entry) names() map[string]bool {
	names := map[string]bool{}
	for _, form := range e {
		for _, m := range placeholder.FindAllStringSubmatch(form, -1) {
			names[m[1]] = true
		}
	}
	return names
}

// read returns the texts of a language by their keys, such as "page.title" for title in the table page.
func read(l Language) (map[string]entry, error) {
	name := l.Tag() + ".toml"
	var tree map[string]any
	if _, err := toml.DecodeFS(files, name, &tree); err != nil {
		return nil, fmt.Errorf("texts: %s: %w", name, err)
	}
	entries := map[string]entry{}
	if err := flatten(entries, "", tree); err != nil {
		return nil, fmt.Errorf("texts: %s: %w", name, err)
	}
	return entries, nil
}

func flatten(entries map[string]entry, prefix string, tree map[string]any) error {
	for key, value := range tree {
		key = prefix + key
		switch v := value.(type) {
		case string:
			entries[key] = entry{"other": v}
		case map[string]any:
			if !isForms(v) {
				if err := flatten(entries, key+".", v); err != nil {
					return err
				}
				continue
			}
			e := entry{}
			for form, text := range v {
				e[form], _ = text.(string)
			}
			if e["other"] == "" {
				return fmt.Errorf("%s has no form %q", key, "other")
			}
			entries[key] = e
		default:
			return fmt.Errorf("%s is not a text", key)
		}
	}
	return nil
}

// isForms reports whether a table is the plural forms of one text.
func isForms(table map[string]any) bool {
	for key, value := range table {
		if _, ok := value.(string); !ok || !slices.Contains(forms, key) {
			return false
		}
	}
	return len(table) > 0
}

// build makes the catalogue of a language.
func build(l Language, entries map[string]entry) (*Printer, error) {
	tag := language.MustParse(l.Tag())
	c := catalog.NewBuilder(catalog.Fallback(tag))
	p := &Printer{lang: l, texts: make(map[string]text, len(entries))}
	for key, e := range entries {
		names := slices.Sorted(maps.Keys(e.names()))
		if len(names) == 0 && len(e) == 1 {
			p.texts[key] = text{plain: e["other"]}
			continue
		}
		p.texts[key] = text{names: names}
		if err := c.Set(tag, key, e.message(names)); err != nil {
			return nil, fmt.Errorf("texts: %s.toml: %s: %w", l.Tag(), key, err)
		}
	}
	p.message = message.NewPrinter(tag, message.Catalog(c))
	return p, nil
}

// message returns the text in the form of package catalog, where placeholders are numbered.
func (e entry) message(names []string) catalog.Message {
	format := func(text string) string {
		return placeholder.ReplaceAllStringFunc(strings.ReplaceAll(text, "%", "%%"), func(name string) string {
			i, _ := slices.BinarySearch(names, name[1:len(name)-1])
			return fmt.Sprintf("%%[%d]v", i+1)
		})
	}
	if !e.isPlural() {
		return catalog.String(format(e["other"]))
	}
	var cases []any
	for _, form := range forms {
		if text, ok := e[form]; ok {
			cases = append(cases, form, format(text))
		}
	}
	i, _ := slices.BinarySearch(names, count)
	return plural.Selectf(i+1, "%d", cases...)
}
