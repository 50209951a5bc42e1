package filestore

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"mailhint/edits"
	"mailhint/tomledit"
)

// TestPlanTogether: edits that are made together do to each table what they would do one by one, and each of them can be taken back.
func TestPlanTogether(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	for range 200 {
		text, names := randomTables(random)
		file := write(t, t.TempDir(), "domains.toml", text)
		v, _ := openStore(t, file).look() // an incomplete oauth2 does not matter here
		name := v.Files[0].Name
		list := randomEdits(t, random, v, names)
		together := newPlanner(v, nil)
		if err := together.plan(list); err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		one := v
		for _, e := range list {
			p := newPlanner(one, nil)
			if err := p.plan([]edits.Edit{e}); err != nil {
				t.Fatalf("%v in\n%s", err, text)
			}
			one, _ = one.with(p.texts)
		}
		if f, _ := one.File(name); together.text(name) != f.Content {
			t.Fatalf("%v in\n%s\n--- together:\n%s\n--- one by one:\n%s", list, text, together.text(name), f.Content)
		}
		back, err := tomledit.Open([]byte(together.text(name)))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range slices.Backward(list) {
			if len(together.restores[e.Ref]) == 0 {
				t.Fatalf("%v cannot be taken back", e)
			}
			for _, r := range slices.Backward(together.restores[e.Ref]) {
				if _, err := back.Revert(*r.Undo); err != nil {
					t.Fatalf("%v: %v in\n%s", e, err, back.Bytes())
				}
			}
		}
		if string(back.Bytes()) != text {
			t.Fatalf("%v in\n%s\n--- taken back:\n%s", list, text, back.Bytes())
		}
	}
}

// randomEdits changes and removes tables, and then adds others: whether a file is sorted may depend on the order.
func randomEdits(t *testing.T, random *rand.Rand, v view, names []string) (list []edits.Edit) {
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
			e.Values["name"] = fmt.Sprint("Number ", random.IntN(10))
			list = append(list, e)
		case 2:
			delete(e.Values, "name")
			e.Values["oauth2"] = map[string]any{"issuer": fmt.Sprintf("login%d.example.com", random.IntN(10))}
			list = append(list, e)
		}
	}
	random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	for i := range random.IntN(5) {
		e := edits.Edit{Ref: domain(fmt.Sprintf("d%d.new%d.example", random.IntN(10), i)), Values: edits.Values{"profile": "shared"}}
		if random.IntN(2) == 0 {
			e.Text = fmt.Sprintf("[domains.%q]\nprofile = \"shared\"\n", e.Name) // as it would be written without
		}
		list = append(list, e)
	}
	return list
}

// TestTextOf: how a record is written is what tomledit takes for it.
func TestTextOf(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	for range 200 {
		text, names := randomTables(random)
		l := layoutOf(text)
		whole, err := tomledit.Open([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			path := []string{"domains", name}
			if want, err := whole.Extract(path); err != nil || l.textOf(path) != string(want) {
				t.Fatalf("%s: %q, want %q, %v in\n%s", name, l.textOf(path), want, err, text)
			}
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
	for i := range 1 + random.IntN(10) {
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

// TestRevertHalf: if one of several things cannot be put back where it was, none is.
func TestRevertHalf(t *testing.T) {
	file := write(t, t.TempDir(), "domains.toml", "[domains.\"a.example\"]\nimap = \"imap.example.com\"\nsmtp = \"smtp.example.com\"\n")
	v, _ := openStore(t, file).look()
	ref := domain("a.example")
	before, _ := v.get(ref)
	p := newPlanner(v, nil)
	if err := p.plan([]edits.Edit{{Ref: ref, Values: edits.Values{"imap": "imap2.example.com", "smtp": "smtp.example.com"}}}); err != nil {
		t.Fatal(err)
	}
	now, err := v.with(p.texts)
	if err != nil {
		t.Fatal(err)
	}
	e := entry{edits.Change{Number: 1, Ref: ref, Before: v.state(ref), After: now.state(ref)}, append([]restoration{{File: "gone.toml"}}, p.restores[ref]...)}
	p = newPlanner(now, func(edits.Ref, int64) ([]entry, error) { return []entry{e}, nil })
	reverted := p.revert(edits.Edit{Ref: ref, Values: before.Values, Undoes: 1})
	if f, _ := now.File(now.Files[0].Name); reverted || p.text(f.Name) != f.Content {
		t.Errorf("%v:\n%s", reverted, p.text(f.Name))
	}
}

// TestAddText: a table that is added as it was written once is there, and is gone when all that was done is taken back.
func TestAddText(t *testing.T) {
	const old = "[domains.\"a.example\"]\nimap = \"imap.example.com\"\n"
	for _, text := range []string{"[domains.\"b.example\"]\nimap = \"imap.example.com\"\n", "# an old customer\n[domains.\"b.example\"]\nimap = 'imap.example.com'\n"} {
		file := write(t, t.TempDir(), "domains.toml", old)
		v, _ := openStore(t, file).look()
		p := newPlanner(v, nil)
		ref := domain("b.example")
		if err := p.plan([]edits.Edit{{Ref: ref, Values: edits.Values{"imap": "imap.example.com"}, Text: text}}); err != nil {
			t.Fatal(err)
		}
		now := p.text(v.Files[0].Name)
		if now != old+"\n"+text {
			t.Errorf("%s", now)
		}
		back, err := tomledit.Open([]byte(now))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range slices.Backward(p.restores[ref]) {
			if _, err := back.Revert(*r.Undo); err != nil {
				t.Fatal(err)
			}
		}
		if string(back.Bytes()) != old {
			t.Errorf("taken back:\n%s", back.Bytes())
		}
	}
}
