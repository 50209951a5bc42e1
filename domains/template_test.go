package domains_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"mailhint/domains"
	"mailhint/settings"
)

const templateBase = storeBase + `
[profiles.moved]
imap = "imap.example.com"
smtp = "smtp.example.com"
autodiscover = "redirect:https://autodiscover.new.example/autodiscover/autodiscover.xml"
[lookups.people]
type = "file"
file = "people.txt"
`

// What is made of a template is what the table means when it is read, for tables of all kinds.
func TestTemplatesMeanTheSame(t *testing.T) {
	snapshot := loadFile(t, writeAll(t, t.TempDir(), map[string]string{"domains.toml": templateBase, "people.txt": "ann@new.example ann1\n"}))
	base := snapshot.Base()
	random := rand.New(rand.NewPCG(3, 4))
	templates := make(map[string]*domains.Template)
	filled, refilled, withText := 0, 0, 0
	for range 20_000 {
		values := randomTable(random)
		name := []string{"new.example", "xn--bcher-kva.example", "*.new.example"}[random.IntN(3)]
		want, problems := base.Resolve(name, values)
		if problems != nil && !strings.Contains(problems.Error(), "points back") { // such a table is never asked about
			continue
		}
		profile, _ := values["profile"].(string)
		delete(values, "profile")
		text := encode(t, values)
		outline, ok := domains.NewOutline(text)
		if !ok {
			continue
		}
		key := profile + " " + outline.JSON
		template, known := templates[key]
		if !known {
			var sample map[string]any
			if err := json.Unmarshal([]byte(outline.JSON), &sample); err != nil {
				t.Fatalf("%s: %v", outline.JSON, err)
			}
			if profile != "" {
				sample["profile"] = profile
			}
			template = base.Template(sample)
			templates[key] = template
		}
		if template == nil {
			if problems == nil {
				t.Errorf("%s has no template", text)
			}
			continue
		}
		got := template.Fill(name, outline)
		if problems != nil {
			if got != nil {
				t.Errorf("%s of %s, which is refused (%v), is answered", text, name, problems)
			}
			continue
		}
		if got == nil {
			t.Fatalf("%s of %s is not answered", text, name)
		}
		filled++
		if known {
			refilled++
		}
		if len(outline.Texts) > 1 {
			withText++
		}
		if got.Enabled() != want.Enabled() || got.Shape() != want.Shape() || !slices.Equal(got.Aliases(), want.Aliases()) {
			t.Fatalf("%s: got %v %q %v, want %v %q %v", text, got.Enabled(), got.Shape(), got.Aliases(), want.Enabled(), want.Shape(), want.Aliases())
		}
		compareAnswers(t, text, snapshot.With(domains.NewRecordSet(map[string]*domains.Resolved{name: got})),
			snapshot.With(domains.NewRecordSet(map[string]*domains.Resolved{name: want})))
	}
	if filled < 5000 || refilled < 500 || withText < 2000 {
		t.Errorf("compared %d tables, %d with a template of another table, %d with several texts: not enough", filled, refilled, withText)
	}
}

func compareAnswers(t *testing.T, text string, got, want *domains.Snapshot) {
	t.Helper()
	for _, d := range []settings.Domain{"new.example", "xn--bcher-kva.example", "www.new.example", "second.example"} {
		for _, client := range []string{"203.0.113.1", "10.1.1.1"} {
			q := settings.Question{Host: d, Client: netip.MustParseAddr(client)}
			is, isErr := got.Lookup(t.Context(), q)
			was, wasErr := want.Lookup(t.Context(), q)
			if template := is.Template; template != nil {
				if again := template.Fill(is.Values); !reflect.DeepEqual(again, is.Settings) {
					t.Fatalf("%s: the template comes to %+v, want %+v", text, again, is.Settings)
				}
				is.Template, is.Values = nil, nil
			}
			if !reflect.DeepEqual(is, was) || isErr != wasErr {
				t.Fatalf("%s\n%s for %s: %+v, %v; want %+v, %v", text, d, client, is, isErr, was, wasErr)
			}
		}
	}
}

func encode(t *testing.T, values map[string]any) string {
	t.Helper()
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(values); err != nil {
		t.Fatal(err)
	}
	return string(bytes.TrimSpace(text.Bytes()))
}

// randomTable returns the values of a table, which may have mistakes.
func randomTable(random *rand.Rand) map[string]any {
	one := func(list ...any) any { return list[random.IntN(len(list))] }
	host := func() string {
		return one("imap.new.example", "mail.example.com", "a-1.b2.example", "xn--bcher-kva.example", "IMAP.New.Example", "imap.bücher.example", "mail.%EMAILDOMAIN%",
			"mail.example.com.", "r3---x.example.com", "imap.%PRIMARYDOMAIN%", "mail.a.example", "mail.b.example").(string)
	}
	server := func(schemes ...string) string {
		switch h := host(); random.IntN(5) {
		case 0, 1:
			return h
		case 2:
			return schemes[0] + "://" + h
		case 3:
			return schemes[1] + "://" + h + one("", "", ":1234", ":993").(string)
		default:
			return schemes[0] + "+anyport://" + h + one("", ":25").(string)
		}
	}
	login := func() any {
		return one("%EMAILADDRESS%", "%EMAILLOCALPART%", "%EMAILLOCALPART%@new.example", "shared.user.example", map[string]any{"lookup": "people", "hint": "your name"})
	}
	servers := func(schemes ...string) any {
		element := func() any {
			if random.IntN(3) > 0 {
				return server(schemes...)
			}
			table := map[string]any{"url": server(schemes...)}
			if random.IntN(2) == 0 {
				table["login"] = login()
			}
			if random.IntN(3) == 0 {
				table["auth"] = []any{"password", "oauth2"}
			}
			return table
		}
		switch random.IntN(8) {
		case 0:
			return []any{}
		case 1, 2:
			return []any{element(), element()}
		case 3:
			return []any{element()}
		}
		return element()
	}
	shown := func() any {
		return one("", "Firm", "Firm 7", `A & B <C>`, `with "quotes"`, `back\slash`, "Bäckerei", "for %EMAILDOMAIN%", "😀", "imap.new.example")
	}
	link := func() any {
		return one("", "https://www.new.example/", "https://help.example.com/", "https://%EMAILDOMAIN%/a?b=%20&c=<", "https://xn--bcher-kva.example:8443/x")
	}
	values := map[string]any{}
	set := func(oneOf int, key string, value any) {
		if random.IntN(oneOf) == 0 {
			values[key] = value
		}
	}
	if random.IntN(3) > 0 {
		values["profile"] = one("shared", "plain", "made", "moved", "incoming")
	}
	set(2, "imap", servers("imaps", "imap"))
	set(2, "smtp", servers("submissions", "submission"))
	set(8, "pop3", servers("pop3s", "pop3+plain"))
	set(8, "sieve", servers("sieve", "sieve+plain"))
	set(4, "name", shown())
	set(8, "short_name", shown())
	set(8, "password_hint", shown())
	for _, key := range []string{"docs", "webmail", "caldav", "carddav", "webdav", "jmap", "activesync", "ews", "password_url"} {
		set(10, key, link())
	}
	set(8, "support", one("mailto:help@new.example", "tel:+49-30-1", "https://www.new.example/help", ""))
	set(4, "login", login())
	set(8, "auth", []any{"password"})
	set(12, "allow_plaintext", one([]any{"10.0.0.0/8"}, []any{}))
	set(12, "pacc", one(true, false))
	set(12, "enabled", one(true, false))
	set(12, "accent", "#0b6e4f")
	set(12, "autodiscover", one("", "redirect:https://autodiscover.example.com/x", "redirect:https://new.example/x"))
	set(6, "aliases", one("second.example", []any{"second.example"}, []any{"Second.Example", "dritte.example"}, []any{}))
	set(30, "rules", []any{map[string]any{"from": []any{"10.0.0.0/8"}, "name": "inside"}})
	return values
}

// Nothing that is not the JSON of a table breaks NewOutline, and what has an outline is JSON again.
func FuzzOutline(f *testing.F) {
	for _, text := range []string{``, `{`, `{}`, `{}x`, `{"imap":`, `{"imap":[`, `{"imap":["a.example","b.example"],"smtp":{"url":"imaps://a.example:993","auth":["x"]}}`, `{"aliases":"a.example"}`,
		`{"aliases":["a.example",`, `{"aliases":[]}`, `{"aliases":[],"name":"x"}`, `{"name":"a\"b"}`, `{"pacc":false,"n":12}`, `{"rules":[]}`, `{"imap":[[[[[[`, `{"login":{"lookup":"people"}}`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !json.Valid([]byte(text)) {
			domains.NewOutline(text)
			return
		}
		if outline, ok := domains.NewOutline(text); ok && !json.Valid([]byte(outline.JSON)) {
			t.Errorf("the outline of %s is %s", text, outline.JSON)
		}
	})
}
