package domains

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// documented is a key of the example file, in a table, and the comment on it.
type documented struct{ table, key, comment string }

var (
	exampleHeader = regexp.MustCompile(`^(?:# )?\[\[?(.*?)\]\]?(?: +# (.*))?$`)
	exampleKey    = regexp.MustCompile(`^(?:# )?([a-z0-9_]+) *= *(?:"[^"]*"|\[.*?\]|\{.*?\}|[a-z0-9]+)(?: *# (.*))?$`)
	exampleMore   = regexp.MustCompile(`^ {8,}# (.*)$`)
	exampleInline = regexp.MustCompile(`([a-z_]+) = `)
)

// readExample returns all keys of the example file, also those in comments.
func readExample(t *testing.T) []documented {
	t.Helper()
	text, err := os.ReadFile("../docs/example/domains.toml")
	if err != nil {
		t.Fatal(err)
	}
	var list []documented
	table, above := "", ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if m := exampleHeader.FindStringSubmatch(line); m != nil {
			table = tableKind(m[1])
			if path := strings.Split(table, "."); path[0] == "*" { // a table that is the value of a key
				list = append(list, documented{"profiles.*", path[1], m[2]})
			}
		} else if m := exampleKey.FindStringSubmatch(line); m != nil {
			list = append(list, documented{table, m[1], above + " " + m[2]})
			if _, inline, ok := strings.Cut(line, " = { "); ok && m[1] != "login" {
				for _, key := range exampleInline.FindAllStringSubmatch(inline, -1) {
					list = append(list, documented{table: "*.imap, pop3, smtp or sieve", key: key[1]})
				}
			}
		} else if m := exampleMore.FindStringSubmatch(line); m != nil && len(list) > 0 {
			list[len(list)-1].comment += " " + m[1]
		}
		above = ""
		if comment, ok := strings.CutPrefix(line, "# "); ok {
			above = comment
		}
	}
	return list
}

// tableKind is the Table.Name of a table in the example file.
func tableKind(header string) string {
	switch {
	case strings.HasSuffix(header, ".oauth2"):
		return "*.oauth2"
	case strings.HasSuffix(header, ".login"):
		return "*.login"
	case strings.HasSuffix(header, ".rules"):
		return "domains.*.rules"
	case header == "dns.zones":
		return header
	case strings.HasPrefix(header, "oidc.roles."):
		return "oidc.roles.*"
	}
	if kind, _, ok := strings.Cut(header, "."); ok {
		return kind + ".*"
	}
	return header
}

// The example file has every key, explained as in its row and with its default, and no others.
func TestExampleExplainsEveryKey(t *testing.T) {
	examples := readExample(t)
	inherited := describe(settingKeys)
	layers := []string{"defaults", "profiles.*", "domains.*", "domains.*.rules"}
	known := make(map[documented]bool)
	for _, table := range Tables() {
		for _, k := range table.Keys {
			known[documented{table: table.Name, key: k.Name}] = true
			explained := func(e documented) bool {
				here := e.table == table.Name || slices.Contains(layers, table.Name) && slices.Contains(layers, e.table) &&
					slices.ContainsFunc(inherited, func(i Key) bool { return i.Name == k.Name })
				return here && e.key == k.Name &&
					(strings.HasPrefix(table.Name, "*.imap") || strings.Contains(e.comment, k.Description) && strings.Contains(e.comment, defaultText(k)))
			}
			if !slices.ContainsFunc(examples, explained) {
				t.Errorf("[%s] %s is not in the example with the comment %q %s", table.Name, k.Name, k.Description, defaultText(k))
			}
		}
	}
	for _, e := range examples {
		if !known[documented{table: e.table, key: e.key}] {
			t.Errorf("[%s] %s is in the example and is not a key", e.table, e.key)
		}
	}
}

func defaultText(k Key) string {
	if k.Default == "" {
		return ""
	}
	return "default " + k.Default
}
