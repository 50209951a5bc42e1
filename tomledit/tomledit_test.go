package tomledit

import "testing"

func TestChangeAndRevert(t *testing.T) {
	const text = "# file\n\n# about x\n[domains.\"x\"]\nimap = 'a'    # c1\nsmtp = \"b\"    # c2\n\n[[domains.x.rules]]\nwhen = 1\n\n[domains.y]\nimap = \"y\"\n"
	x := []string{"domains", "x"}
	for name, operation := range map[string]func() (Result, error){
		"set": func() (Result, error) {
			return Set([]byte(text), x, []Member{{"imap", "other"}, {"smtp", nil}, {"rules", []any{map[string]any{"when": 2}}}})
		},
		"add": func() (Result, error) {
			return Add([]byte(text), []string{"domains", "z.example"}, []Member{{"imap", "z"}}, "x")
		},
		"remove":  func() (Result, error) { return Remove([]byte(text), x) },
		"replace": func() (Result, error) { return Replace([]byte(text), x, []byte("[domains.x]\nimap = 3")) },
	} {
		t.Run(name, func(t *testing.T) {
			r, err := operation()
			if err != nil {
				t.Fatal(err)
			}
			if string(r.Text) == text {
				t.Error("nothing has changed")
			}
			back, err := Revert(r.Text, r.Undo)
			if err != nil {
				t.Fatal(err)
			}
			if string(back.Text) != text {
				t.Errorf("reverted text:\n%s\nwant:\n%s", back.Text, text)
			}
		})
	}
}
