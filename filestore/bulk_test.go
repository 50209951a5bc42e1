package filestore

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mailhint/edits"
)

// TestBulk: many edits at once do to each table what they would do one by one.
func TestBulk(t *testing.T) {
	many := manyEdits
	t.Cleanup(func() { manyEdits = many })
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	for range 200 {
		text, names := randomTables(random)
		file := write(t, t.TempDir(), "domains.toml", text)
		v, _ := openStore(t, file).look() // an incomplete oauth2 does not matter here
		var list []edits.Edit
		for _, name := range names {
			r, ok := v.get(domain(name))
			if !ok {
				t.Fatalf("%s is not there", name)
			}
			switch e := (edits.Edit{Ref: r.Ref, Values: r.Values}); random.IntN(4) {
			case 0:
				e.Values = nil
				list = append(list, e)
			case 1:
				e.Values["name"] = fmt.Sprint("Name ", random.IntN(10))
				list = append(list, e)
			case 2:
				delete(e.Values, "name")
				e.Values["oauth2"] = map[string]any{"issuer": "login.example.com"}
				list = append(list, e)
			}
		}
		slices.Reverse(list) // blank lines between tables that are removed may depend on the order
		var texts []string
		for _, manyEdits = range []int{1, 1000} {
			p := newPlanner(v, nil)
			if err := p.plan(list); err != nil {
				t.Fatalf("%v in\n%s", err, text)
			}
			texts = append(texts, p.text(filepath.Clean(file)))
		}
		if texts[0] != texts[1] {
			t.Fatalf("seed %d: %v in\n%s\n--- at once:\n%s\n--- one by one:\n%s", seed, list, text, texts[0], texts[1])
		}
	}
}

// randomTables returns a configuration with tables in various layouts.
func randomTables(random *rand.Rand) (text string, names []string) {
	var b strings.Builder
	pick := func(texts ...string) { b.WriteString(texts[random.IntN(len(texts))]) }
	pick("", "\uFEFF", "# The file\n", "# The file\n\n", "version = 1\n")
	pick("", "[server]\ntls = \"off\"\n")
	b.WriteString("[profiles.shared]\nimap = \"imap.example.com\"\nsmtp = \"smtp.example.com\"\n")
	for i := range 1 + random.IntN(12) {
		name := fmt.Sprintf("d%d.example", i)
		names = append(names, name)
		pick("", "\n", "\n\n", "\n# about the next\n", "# about the one above\n\n", "# between\n")
		fmt.Fprintf(&b, "[domains.\"%s\"]", name)
		pick("\n", " # it\n", "\n\n")
		pick("profile = \"shared\"\n", "# its profile\nprofile = 'shared'   # here\n\n", "  profile = \"shared\"\n")
		pick("", "name = \"Name 1\"\n", "name = \"\"\"\n[domains.\"x\"]\"\"\"\n", "# name = \"none\"\n")
		pick("", "", fmt.Sprintf("[domains.\"%s\".oauth2]\nissuer = \"login.example.com\"\n", name), fmt.Sprintf("\n[[domains.\"%s\".rules]]\nprofile = \"shared\"\nfrom = [\"192.0.2.0/24\"]\n", name))
		pick("", "", "", "[profiles.other"+fmt.Sprint(i)+"]\nimap = \"imap.example.com\"\nsmtp = \"smtp.example.com\"\n")
	}
	pick("", "\n", "# the end\n", "\n# the end")
	text = b.String()
	if random.IntN(3) == 0 {
		text = strings.ReplaceAll(text, "\n", "\r\n")
	}
	return text, names
}
