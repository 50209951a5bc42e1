package page

import (
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"mailhint/domains"
	"mailhint/edits"
)

// Every key has its place in the form, so that a new one is not forgotten.
func TestLayoutHasEveryKey(t *testing.T) {
	placed := make(map[string]int)
	for _, g := range layout {
		for _, e := range g.keys {
			placed[e.key]++
		}
	}
	known := map[string]bool{"rules": true}
	for _, kind := range []edits.Kind{edits.Domain, edits.Profile} {
		for _, k := range edits.Keys(kind) {
			known[k.Name] = true
			if placed[k.Name] != 1 {
				t.Errorf("the key %s is %d times in the form", k.Name, placed[k.Name])
			}
		}
	}
	for key := range placed {
		if !known[key] {
			t.Errorf("the form has %s, which is no key", key)
		}
	}
}

// sent is what a browser sends of a form, if nothing is typed.
func sent(form []fieldGroup) url.Values {
	values := make(url.Values)
	var add func(f *field)
	add = func(f *field) {
		if f.None {
			values.Set(f.Key+".none", "1")
		}
		switch f.Widget {
		case asServers:
			for _, r := range f.Servers {
				at := fmt.Sprintf("%s.%d.", f.Key, r.Number)
				values.Set(at+"url", r.URL)
				values.Set(at+"login", r.Login)
				values.Set(at+"auth", r.Auth)
			}
		case asChoices:
			for _, c := range f.Choices {
				values.Set(fmt.Sprintf("%s.%d", f.Key, c.Number), c.Value)
			}
		case asChecks:
			for _, o := range f.Options {
				if o.Chosen {
					values.Add(f.Key, o.Value)
				}
			}
		case asTable:
			for _, sub := range f.Table {
				add(sub)
			}
		case asLines:
			values.Set(f.Key, strings.ReplaceAll(f.Value, "\n", "\r\n"))
		case asText, asTruth:
			values.Set(f.Key, f.Value)
		}
	}
	for _, g := range form {
		for _, f := range g.Fields {
			add(f)
		}
	}
	return values
}

// Whatever a record says, a form that nobody has touched changes nothing.
func TestFormOfEveryExample(t *testing.T) {
	source, err := domains.ReadUnchecked(filepath.Join("..", "..", "docs", "example", "domains.toml"))
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	for r := range source.Records() {
		kind := edits.Kind(r.Kind)
		form := newForm(kind, edits.Values(r.Values))
		again := newForm(kind, edits.Values(r.Values))
		typed(again, sent(form))
		if list := changed(kind, again, edits.Values(r.Values)); len(list) > 0 {
			t.Errorf("%s: the form changes %v", r.Name, list)
		}
		for key := range r.Values {
			if f := fieldOf(form, key); f == nil {
				t.Errorf("%s: the form does not have %s", r.Name, key)
			} else {
				seen[key] = seen[key] || f.Widget != shownOnly
				if !f.Set() {
					t.Errorf("%s: %s counts as not set", r.Name, key)
				}
			}
		}
	}
	for _, key := range []string{"imap", "smtp", "pop3", "oauth2", "auth", "aliases", "login", "enabled", "pacc", "allow_plaintext"} {
		if !seen[key] {
			t.Errorf("no example has %s, or the form cannot change it", key)
		}
	}
}

func TestTyped(t *testing.T) {
	own := edits.Values{"imap": []any{"imaps://a.example", "imap://b.example"}, "smtp": map[string]any{"url": "smtp.example", "login": "%EMAILLOCALPART%"},
		"name": "Firm", "aliases": []any{"a.test", "b.test"}, "auth": []any{"oauth2", "password"}, "enabled": false,
		"oauth2": map[string]any{"issuer": "i.example", "scope": []any{"mail"}, "auth_url": "https://i.example/a", "token_url": "https://i.example/t"}}
	for name, test := range map[string]struct {
		set  map[string]string
		want map[string]any
	}{
		"a server more":        {map[string]string{"imap.2.url": " imap://c.example "}, map[string]any{"imap": []any{"imaps://a.example", "imap://b.example", "imap://c.example"}}},
		"a server less":        {map[string]string{"imap.0.url": ""}, map[string]any{"imap": "imap://b.example"}},
		"a login":              {map[string]string{"imap.1.login": "%EMAILADDRESS%"}, map[string]any{"imap": []any{"imaps://a.example", map[string]any{"url": "imap://b.example", "login": "%EMAILADDRESS%"}}}},
		"no login":             {map[string]string{"smtp.0.login": ""}, map[string]any{"smtp": "smtp.example"}},
		"methods of a server":  {map[string]string{"smtp.0.auth": "none, password"}, map[string]any{"smtp": map[string]any{"url": "smtp.example", "login": "%EMAILLOCALPART%", "auth": []any{"none", "password"}}}},
		"no name":              {map[string]string{"name": ""}, map[string]any{"name": nil}},
		"an empty name":        {map[string]string{"name.none": "1"}, map[string]any{"name": ""}},
		"no POP3 on purpose":   {map[string]string{"pop3.none": "1"}, map[string]any{"pop3": []any{}}},
		"an alias more":        {map[string]string{"aliases": "a.test\r\n\r\n b.test\r\nc.test"}, map[string]any{"aliases": []any{"a.test", "b.test", "c.test"}}},
		"another first method": {map[string]string{"auth.0": "password", "auth.1": "oauth2"}, map[string]any{"auth": []any{"password", "oauth2"}}},
		"inherited":            {map[string]string{"enabled": ""}, map[string]any{"enabled": nil}},
		"switched on":          {map[string]string{"enabled": "true"}, map[string]any{"enabled": true}},
		"one key of a table": {map[string]string{"oauth2.client_id": "id"}, map[string]any{"oauth2": map[string]any{"issuer": "i.example", "scope": []any{"mail"},
			"auth_url": "https://i.example/a", "token_url": "https://i.example/t", "client_id": "id"}}},
		"keys that do not exist": {map[string]string{"logo": "/etc/passwd", "users_file": "x", "imap.99.url": "x", "name.x": "y"}, map[string]any{}},
	} {
		form := newForm(edits.Domain, own)
		values := sent(form)
		for key, value := range test.set {
			values.Set(key, value)
		}
		typed(form, values)
		got := make(map[string]any)
		for _, a := range changed(edits.Domain, form, own) {
			got[a.Key()] = a.Value
		}
		if !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: got %v, want %v", name, got, test.want)
		}
	}
}

// Values that a control would change are only shown.
func TestValuesThatAreOnlyShown(t *testing.T) {
	for key, value := range map[string]any{
		"name": "two\nlines", "webmail": int64(7), "aliases": "a.test", "imap": []any{int64(1)}, "login": map[string]any{"lookup": "people"},
		"smtp": map[string]any{"url": "a.example", "extra": "x"}, "docs": "https://\u202eevil", "enabled": "yes", "auth": []any{"password", "\u2066"}, "pop3": "",
	} {
		f := fieldOf(newForm(edits.Domain, edits.Values{key: value}), key)
		if f.Widget != shownOnly || f.ReadOnly == "" || f.Shown == "" {
			t.Errorf("%s = %v can be changed", key, value)
		}
		form := newForm(edits.Domain, edits.Values{key: value})
		typed(form, url.Values{key: {"evil"}, key + ".0.url": {"evil"}})
		if list := changed(edits.Domain, form, edits.Values{key: value}); len(list) != 0 {
			t.Errorf("%s = %v was changed: %v", key, value, list)
		}
	}
}

func TestMerge(t *testing.T) {
	base := edits.Values{"name": "Old", "webmail": "https://old.example/", "docs": "https://docs.example/", "support": "mailto:a@b.example"}
	now := edits.Values{"name": "Theirs", "webmail": "https://theirs.example/", "docs": "https://docs.example/", "jmap": "https://jmap.example/"}
	form := newForm(edits.Domain, base)
	values := sent(form)
	values.Set("name", "Mine")
	values.Set("docs", "https://mine.example/")
	values.Set("webmail", "https://theirs.example/") // the same change
	typed(form, values)
	merge(edits.Domain, form, base, now)
	got := make(map[string]string)
	for _, key := range []string{"name", "webmail", "docs", "support", "jmap", "caldav"} {
		f := fieldOf(form, key)
		got[key] = fmt.Sprintf("%s|%s|%v", f.Value, f.Theirs, f.Taken)
	}
	want := map[string]string{
		"name": `Mine|"Theirs"|false`, "webmail": "https://theirs.example/||false", "docs": "https://mine.example/||false",
		"support": "|(removed)|true", "jmap": `https://jmap.example/|"https://jmap.example/"|true`, "caldav": "||false",
	}
	if !maps.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	var keys []string
	for _, a := range changed(edits.Domain, form, now) {
		keys = append(keys, a.Key())
	}
	if !slices.Equal(keys, []string{"name", "docs"}) {
		t.Errorf("it would change %v", keys)
	}
}

func TestCells(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "set": "set", "=1+1": "'=1+1", " =1": "' =1", "+49": "'+49", "-1": "'-1", "@x": "'@x", "a\nb": "a b", "\x1b[31m": "\ufffd[31m", "*.a.example": "'*.a.example",
	} {
		if got := cell(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
