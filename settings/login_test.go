package settings

import "testing"

// What a login form becomes for ann@firm.test, where firm.test is an alias of firm.example.
func TestLogin(t *testing.T) {
	ann := Address{Local: "ann", Domain: "firm.test"}
	for _, test := range []struct {
		form     string
		answered Login  // what an answer says where the client fills in the rest
		fills    string // what it says when the address is known
	}{
		{"%EMAILADDRESS%", "%EMAILADDRESS%", "ann@firm.test"},
		{"%EMAILLOCALPART%", "%EMAILLOCALPART%", "ann"},
		{"%EMAILLOCALPART%@%EMAILDOMAIN%", "%EMAILADDRESS%", "ann@firm.test"},
		{"%EMAILLOCALPART%@%PRIMARYDOMAIN%", "%EMAILLOCALPART%@firm.example", "ann@firm.example"},
		{"%EMAILLOCALPART%@firm.test", "%EMAILADDRESS%", "ann@firm.test"},
		{`FIRM\%EMAILLOCALPART%`, `FIRM\%EMAILLOCALPART%`, `FIRM\ann`},
		{"%EMAILLOCALPART%%%EMAILDOMAIN%", "%EMAILLOCALPART%%firm.test", "ann%firm.test"},
		{"%EMAILLOCALPART%_%EMAILDOMAIN%", "%EMAILLOCALPART%_firm.test", "ann_firm.test"},
		{"%EMAILDOMAIN%", "firm.test", "firm.test"},
		{"info", "info", "info"},
	} {
		l, err := ParseLogin(test.form)
		if err != nil {
			t.Errorf("ParseLogin(%q): %v", test.form, err)
			continue
		}
		l = l.For("firm.test", "firm.example")
		if l != test.answered || l.Fill(ann) != test.fills {
			t.Errorf("%q is %q for the domain and %q for ann; want %q and %q", test.form, l, l.Fill(ann), test.answered, test.fills)
		}
		if again := l.For("firm.test", "firm.example"); again != l {
			t.Errorf("%q becomes %q, then %q", test.form, l, again)
		}
		if l.IsPlain() != (l == "%EMAILADDRESS%" || l == "%EMAILLOCALPART%") {
			t.Errorf("%q: IsPlain %v", l, l.IsPlain())
		}
	}

	if got := Login("%EMAILLOCALPART%@firm.example").For("firm.example", "firm.example"); got != EmailAddress {
		t.Errorf("for the primary domain itself: %q", got)
	}
	// A local part that looks like a placeholder is filled in once.
	odd := Address{Local: "%EMAILADDRESS%", Domain: "firm.test"}
	if got := Login("x%EMAILLOCALPART%x").Fill(odd); got != "x%EMAILADDRESS%x" {
		t.Errorf("a local part is expanded: %q", got)
	}
}

func TestParseLoginMistakes(t *testing.T) {
	all := "use %EMAILADDRESS%, %EMAILLOCALPART%, %EMAILDOMAIN% or %PRIMARYDOMAIN%"
	for in, want := range map[string]string{
		"":                          `the login name is empty; write "%EMAILADDRESS%" for the whole address, or "%EMAILLOCALPART%" for the part before the @`,
		"%EMAILADRESS%":             "unknown placeholder %EMAILADRESS%; " + all,
		"%USER1%":                   "unknown placeholder %USER1%; " + all,
		"%emailaddress%":            "unknown placeholder %emailaddress%; " + all,
		"%USER%@%EMAILDOMAIN%":      "unknown placeholder %USER%; " + all,
		"%EMAILLOCALPART%@%DOMAIN%": "unknown placeholder %DOMAIN%; " + all,
		"%EMAILADDRESS":             "unfinished placeholder: add the closing %; the placeholders are %EMAILADDRESS%, %EMAILLOCALPART%, %EMAILDOMAIN%, %PRIMARYDOMAIN%",
		"%EMAIL ADDRESS%":           "unfinished placeholder: add the closing %; the placeholders are %EMAILADDRESS%, %EMAILLOCALPART%, %EMAILDOMAIN%, %PRIMARYDOMAIN%",
		"%EMAILADDRESS% ":           `"%EMAILADDRESS% " begins or ends with white space; remove it`,
		"%EMAILADDRESS%\x00":        "the character U+0000 cannot be shown; remove it",
	} {
		if got, err := ParseLogin(in); err == nil || err.Error() != want {
			t.Errorf("ParseLogin(%q) = %q, %v; want %s", in, got, err, want)
		}
	}
}

func TestLookupLogin(t *testing.T) {
	l := NewLookupLogin("people", "your UniID", "%EMAILLOCALPART%@%PRIMARYDOMAIN%")
	if l.Lookup() != "people" || l.Hint() != "your UniID" || l.Form() != "%EMAILLOCALPART%@%PRIMARYDOMAIN%" || l.IsPlain() {
		t.Errorf("%q: look-up %q, hint %q, form %q", l, l.Lookup(), l.Hint(), l.Form())
	}
	of := l.For("firm.test", "firm.example")
	if of.Form() != "%EMAILLOCALPART%@firm.example" || of.Lookup() != "people" || of.Hint() != "your UniID" || of.For("firm.test", "firm.example") != of {
		t.Errorf("for a domain: %q", of)
	}
	if of = l.For("firm.example", "firm.example"); of.Form() != EmailAddress || of == EmailAddress || of.IsPlain() {
		t.Errorf("%q cannot be told from the address", of)
	}
	ann := Address{Local: "ann", Domain: "firm.test"}
	if got := l.For("firm.test", "firm.example").Fill(ann); got != "ann@firm.example" {
		t.Errorf("filled in: %q", got)
	}
	if plain := Login(EmailAddress); plain.Lookup() != "" || plain.Hint() != "" || plain.Form() != plain {
		t.Errorf("%q has a look-up", plain)
	}
	if again := NewLookupLogin("guests", "", l); again.Lookup() != "guests" || again.Hint() != "" || again.Form() != l.Form() {
		t.Errorf("%q", again)
	}
}
