package domains

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

// Each row describes its key, and can read, copy, print and explain its own example and default.
func TestKeys(t *testing.T) {
	checkKeys(t, "", topKeys)
	checkKeys(t, "server", serverKeys)
	checkKeys(t, "settings", settingKeys)
	checkKeys(t, "oauth2", oauth2Keys)
	checkKeys(t, "a server", mailServerKeys)
	checkKeys(t, "domains", domainKeys)
	checkKeys(t, "rules", ruleKeys)
	checkKeys(t, "profiles", profileKeys)
	checkKeys(t, "fallback", fallbackKeys)
	checkKeys(t, "dns", dnsKeys)
	checkKeys(t, "a zone", zoneKeys)
	for _, table := range Tables() {
		seen := make(map[string]bool)
		for _, k := range table.Keys {
			if k.Type == "" || k.Example == "" || k.Description == "" || seen[k.Name] {
				t.Errorf("[%s] %+v: something is missing, or the key appears twice", table.Name, k)
			}
			seen[k.Name] = true
		}
	}
}

func checkKeys[S any](t *testing.T, name string, keys []key[S]) {
	t.Helper()
	for _, k := range keys {
		checkTypes(t, name, k)
		for _, text := range []string{k.Example, k.Default} {
			if text == "" {
				continue
			}
			var problems Problems
			values := make(map[string]any)
			if _, err := toml.Decode(k.Name+" = "+text, &values); err != nil {
				t.Fatalf("%s: %s = %s: %v", name, k.Name, text, err)
			}
			table := (&source{problems: &problems}).table(nil, values)
			var s, copied S
			if !k.read(table, &s) || len(problems) > 0 {
				t.Errorf("%s: %s = %s: %v", name, k.Name, text, problems)
			}
			if table.done(); len(problems) > 0 {
				t.Errorf("%s: %v", name, problems)
			}
			k.copy(&s, &copied)
			if !reflect.DeepEqual(s, copied) {
				t.Errorf("%s: %s = %s: copied as %+v", name, k.Name, text, copied)
			}
			if k.plain(&s) == nil || text == k.Example && len(k.explain(nil, &s, Position{File: "x"})) == 0 {
				t.Errorf("%s: %s = %s: nothing to print, or nothing to explain", name, k.Name, text)
			}
		}
	}
}

// checkTypes checks that a key's example and default have one of its JSON types, and that no other type is read.
func checkTypes[S any](t *testing.T, name string, k key[S]) {
	t.Helper()
	typeOf := func(v any) string {
		switch v.(type) {
		case string:
			return "string"
		case bool:
			return "boolean"
		case int64:
			return "integer"
		case map[string]any:
			return "object"
		}
		return "array"
	}
	samples := []string{`"x"`, "true", "5", "{}", `["x"]`, "[5]"}
	for i, text := range append(samples, k.Example, k.Default) {
		if text == "" {
			continue
		}
		values := make(map[string]any)
		if _, err := toml.Decode(k.Name+" = "+text, &values); err != nil {
			t.Fatal(err)
		}
		listed := slices.Contains(k.JSONTypes, typeOf(values[k.Name]))
		if i >= len(samples) {
			if !listed {
				t.Errorf("%s: %s = %s: its type is not among %q", name, k.Name, text, k.JSONTypes)
			}
			continue
		}
		src := noSource()
		table, s := src.table(nil, values), *new(S)
		if k.read(table, &s); len(*src.problems) == 0 && !listed {
			t.Errorf("%s: %s = %s is read, but its type is not among %q", name, k.Name, text, k.JSONTypes)
		}
	}
}

// A domain with a single service is complete, and one with a name, a page or the like is not.
func TestServices(t *testing.T) {
	alone := map[string]string{"caldav": "service", "carddav": "service", "webdav": "service", "jmap": "service", "activesync": "service", "ews": "service",
		"autodiscover": "service", "sieve": "service", "imap": "has no partner", "pop3": "has no partner", "smtp": "has no partner"}
	for _, k := range settingKeys {
		err := loadText(t, "[domains.\"a.example\"]\n"+k.Name+" = "+k.Example+"\n")
		switch alone[k.Name] {
		case "service":
			if err != nil {
				t.Errorf("only %s: %v", k.Name, err)
			}
		case "has no partner":
			if err == nil || strings.Contains(err.Error(), "has no settings") {
				t.Errorf("only %s: error %v; want one about the missing servers", k.Name, err)
			}
		default:
			if err == nil || !strings.Contains(err.Error(), "has no settings") {
				t.Errorf("only %s: error %v; want one that there are no settings", k.Name, err)
			}
		}
	}
	if err := loadText(t, "[domains.\"a.example\"]\nsieve = []\n"); err == nil || !strings.Contains(err.Error(), "has no settings") {
		t.Errorf("an empty list of servers: error %v; want one that there are no settings", err)
	}
}
