package tomledit

import (
	"errors"
	"testing"
)

// TestVerify gives the proof changes that no operation should make.
func TestVerify(t *testing.T) {
	const text = "top = 1\n[a]\nk = 1\n[domains.x]\nimap = \"i\"\n[b]\nk = 1\n"
	key, table := &expression{kind: assignment, path: []string{"b", "k"}}, &expression{kind: header, path: []string{"c"}}
	for _, c := range []struct {
		name, text string
		after      *expression
		ok         bool
	}{
		{"same", text, key, true},
		{"only the table", "top = 1\n[a]\nk = 1\n[domains.x]\nsmtp = \"s\"\n[b]\nk = 1\n", key, true},
		{"another value", "top = 1\n[a]\nk = 2\n[domains.x]\nimap = \"i\"\n[b]\nk = 1\n", key, false},
		{"a key fewer", "top = 1\n[a]\n[domains.x]\nimap = \"i\"\n[b]\nk = 1\n", key, false},
		{"a key of another table", "top = 1\n[domains.x]\nimap = \"i\"\n[a]\n[b]\nk = 1\nk = 1\n", key, false},
		{"a header fewer", "top = 1\n[a]\nk = 1\n[domains.x]\nimap = \"i\"\n", key, false},
		{"another order", "top = 1\n[b]\nk = 1\n[domains.x]\nimap = \"i\"\n[a]\nk = 1\n", key, false},
		{"a header above the keys below", text + "[domains.x.oauth2]\n", key, false},
		{"a header above another header", text + "[domains.x.oauth2]\n", table, true},
		{"no line end above what follows", text + "[domains.x.oauth2]", table, false},
		{"no line end at the end", text + "[domains.x.oauth2]", nil, true},
		{"a table twice", text + "[domains.x]\n", nil, false},
		{"a key twice", "top = 1\n[a]\nk = 1\n[domains.x]\nimap = \"i\"\nimap = \"i\"\n[b]\nk = 1\n", nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			old, now := document{after: c.after}, document{after: c.after}
			if err := errors.Join(old.scan([]byte(text)), now.scan([]byte(c.text))); err != nil {
				t.Fatal(err)
			}
			_, _, err := verify(&old, &now, []string{"domains", "x"})
			if c.ok && err != nil || !c.ok && !errors.Is(err, ErrUnsafe) {
				t.Errorf("error %v, want ok %t", err, c.ok)
			}
		})
	}
	t.Run("within an inline table", func(t *testing.T) {
		old, now := document{}, document{}
		if err := errors.Join(old.scan([]byte("d = { x = {}, y = 1 }\n")), now.scan([]byte("d = { x = {}, y = 2 }\n"))); err != nil {
			t.Fatal(err)
		}
		if _, _, err := verify(&old, &now, []string{"d", "x"}); !errors.Is(err, ErrUnsafe) {
			t.Error(err)
		}
	})
}

func TestRevertRefuses(t *testing.T) {
	x := []string{"domains", "x"}
	before := []byte("[domains.x]\nimap = \"a\"\nsmtp = \"s\"\n")
	set, err := Set(before, x, []Member{{"imap", "b"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"the value has changed again": "[domains.x]\nimap = \"c\"\nsmtp = \"s\"\n",
		"another key has changed":     "[domains.x]\nimap = \"b\"\nsmtp = \"t\"\n",
		"the table has gone":          "[domains.y]\nimap = \"b\"\n",
		"the text is empty":           "",
	} {
		if r, err := Revert([]byte(text), set.Undo); !errors.Is(err, ErrChanged) {
			t.Errorf("%s: %v\n%s", name, err, r.Text)
		}
	}
}
