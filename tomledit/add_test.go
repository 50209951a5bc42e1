package tomledit

import "testing"

func TestAddToAlmostNothing(t *testing.T) {
	for before, want := range map[string]string{
		"":                      "[d.x]\nk = 1\n",
		"\n\n":                  "\n\n[d.x]\nk = 1\n",
		"# comment":             "# comment\n\n[d.x]\nk = 1\n",
		"# comment\r\n":         "# comment\r\n\r\n[d.x]\r\nk = 1\r\n",
		"\xEF\xBB\xBF":          "\xEF\xBB\xBF[d.x]\nk = 1\n",
		"\xEF\xBB\xBFa = 1":     "\xEF\xBB\xBFa = 1\n\n[d.x]\nk = 1\n",
		"d = {}":                "d = { x = { k = 1 } }",
		"[d]\n[e]\n":            "[d]\n\n[d.x]\nk = 1\n[e]\n",
		"[d]\na = 1 # [e]\n#\n": "[d]\na = 1 # [e]\n#\n\n[d.x]\nk = 1\n",
	} {
		r, err := Add([]byte(before), []string{"d", "x"}, []Member{{"k", 1}})
		if err != nil || string(r.Text) != want {
			t.Errorf("%q: %v, %q; want %q", before, err, r.Text, want)
			continue
		}
		if back, err := Revert(r.Text, r.Undo); err != nil || string(back.Text) != before {
			t.Errorf("%q reverted: %v, %q", before, err, back.Text)
		}
	}
	for _, before := range []string{"d = 1\n", "d = [1]\n", "[[d]]\n", "[d]\nx = 1\n", "d.x = [{}]\n", "[[d.x]]\n"} {
		if r, err := Add([]byte(before), []string{"d", "x"}, nil); err == nil {
			t.Errorf("%q: %q", before, r.Text)
		} else {
			t.Logf("%q: %v", before, err)
		}
	}
}

func TestAddSectionsToNothing(t *testing.T) {
	r, err := Add(nil, []string{"d", "x"}, []Member{{"k", 1}, {"rules", []any{map[string]any{"k": 2}}}})
	if want := "[d.x]\nk = 1\n\n[[d.x.rules]]\nk = 2\n"; err != nil || string(r.Text) != want {
		t.Errorf("%v, %q; want %q", err, r.Text, want)
	}
}
