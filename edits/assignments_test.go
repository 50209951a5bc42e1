package edits_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"mailhint/edits"
)

func TestParseAssignments(t *testing.T) {
	for _, test := range []struct {
		arg  string
		key  string
		want any
	}{
		{"imap=imap.example.com", "imap", "imap.example.com"},
		{"imap = imap.example.com ", "imap", "imap.example.com"},
		{"imap=", "imap", nil},
		{`imap="imap.example.com"`, "imap", "imap.example.com"},
		{`imap='imap.example.com'`, "imap", "imap.example.com"},
		{`smtp=["submissions://a.example", "submission://b.example:2587"]`, "smtp", []any{"submissions://a.example", "submission://b.example:2587"}},
		{"smtp=submissions://a.example,submission://b.example:2587", "smtp", []any{"submissions://a.example", "submission://b.example:2587"}},
		{`imap={ url = "imaps://a.example", login = "%EMAILLOCALPART%" }`, "imap", map[string]any{"url": "imaps://a.example", "login": "%EMAILLOCALPART%"}},
		{`imap=[{ url = "imaps://a.example" }, "b.example"]`, "imap", []any{map[string]any{"url": "imaps://a.example"}, "b.example"}},
		{"imap=[]", "imap", []any{}},
		{"imap.login=%EMAILLOCALPART%", "imap.login", "%EMAILLOCALPART%"},
		{"imap.login=", "imap.login", nil},
		{"name=Hoster Mail", "name", "Hoster Mail"},
		{`name="Hoster [\"Mail\"]"`, "name", `Hoster ["Mail"]`},
		{"name=[Hoster] Mail", "name", "[Hoster] Mail"},
		{"name=a=b", "name", "a=b"},
		{`name=""`, "name", ""},
		{"login=00123", "login", "00123"},
		{"enabled=false", "enabled", false},
		{"enabled=true", "enabled", true},
		{"pacc=false", "pacc", false},
		{"aliases=b.example", "aliases", "b.example"},
		{"aliases=b.example, c.example", "aliases", []any{"b.example", "c.example"}},
		{`aliases=["b.example"]`, "aliases", []any{"b.example"}},
		{"auth=oauth2,password", "auth", []any{"oauth2", "password"}},
		{"oauth2.issuer=login.example.com", "oauth2.issuer", "login.example.com"},
		{"oauth2.scope=mail,offline", "oauth2.scope", []any{"mail", "offline"}},
		{"oauth2.issuer=", "oauth2.issuer", nil},
		{"oauth2=", "oauth2", nil},
		{`rules=[{ from = ["192.0.2.0/24"], profile = "inside" }]`, "rules", []any{map[string]any{"from": []any{"192.0.2.0/24"}, "profile": "inside"}}},
		{"rules=", "rules", nil},
		{"profile=no such profile yet", "profile", "no such profile yet"},
	} {
		got, err := edits.ParseAssignments(edits.Domain, []string{test.arg})
		if err != nil {
			t.Errorf("%s: %v", test.arg, err)
			continue
		}
		if got[0].Key() != test.key || !reflect.DeepEqual(got[0].Value, test.want) {
			t.Errorf("%s: got %s = %#v, want %s = %#v", test.arg, got[0].Key(), got[0].Value, test.key, test.want)
		}
	}
}

// TestParseAssignmentsRefuses: each mistake names the argument and says what to write.
func TestParseAssignmentsRefuses(t *testing.T) {
	for arg, want := range map[string]string{
		"imap":                            `"imap": write it as key=value`,
		"":                                `"": write it as key=value`,
		"=x":                              `"=x": write it as key=value`,
		"imapp=x.example":                 `"imapp=x.example": unknown key; did you mean "imap"?`,
		"imapp=":                          `"imapp=": unknown key; did you mean "imap"?`,
		"IMAP=x.example":                  `"IMAP=x.example": unknown key`,
		"host=mail.example.com":           `unknown key; write imap = "imap.example.com" and smtp`,
		"port=993":                        `unknown key; write the port in a URL`,
		"ssl=true":                        `unknown key; write imap = "imaps://`,
		"domains=a.example":               `unknown key; it belongs in a profile`,
		"imap=imaps://a.example:143":      `143`,
		"imap=imap://":                    `"imap=imap://": `,
		"enabled=no":                      `"enabled=no": must be true or false; write enabled = false`,
		"enabled=1":                       `must be true or false`,
		`name="Hoster`:                    `the value is not valid TOML`,
		`imap=["a.example"`:               `the value is not valid TOML`,
		"imap=\"a.example\"\nx = 1":       `there is something after the value`,
		"name=" + strings.Repeat("x", 61): `"name=xxxx`,
		"aliases=not a domain":            "", // what an alias may be depends on the other records
		"oauth2.isuer=x":                  `"oauth2.isuer=x": unknown key; did you mean "issuer"?`,
		"oauth2.issuer=not a host":        `"oauth2.issuer=not a host": `,
		"oauth2.issuer.x=1":               `oauth2.issuer is not a table; write oauth2.issuer=…`,
		"oauth.issuer=login.example":      `unknown key; write oauth2`,
		"name.x=1":                        `name has no keys of its own; write name=…`,
		"rules.from=192.0.2.0/24":         `write all rules at once`,
		`rules=[{ frm = "x" }]`:           `unknown key`,
		"login=%EMAILADRESS%":             `EMAILADDRESS`,
		"imap=" + strings.Repeat("[", 40): `nested more than`,
		"auth=oauth":                      `unknown login method "oauth"; did you mean`,
	} {
		_, err := edits.ParseAssignments(edits.Domain, []string{arg})
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", arg, err)
		case want != "" && err == nil:
			t.Errorf("%s is accepted; want %q", arg, want)
		case want != "" && (!strings.Contains(err.Error(), want) || !errors.Is(err, edits.ErrAssignment)):
			t.Errorf("%s: %v; want %q", arg, err, want)
		}
	}
	_, err := edits.ParseAssignments(edits.Domain, []string{"imap=a.example", "imap=b.example", "foo=1", "enabled=no"})
	if err == nil || strings.Count(err.Error(), "\n") != 2 || !strings.Contains(err.Error(), `imap already has the value of "imap=a.example"`) {
		t.Errorf("got %v; want three lines, one of them about the value that is given twice", err)
	}
}

func FuzzParseAssignments(f *testing.F) {
	for _, seed := range []string{"imap=a.example", `smtp=["a", "b"]`, "oauth2.issuer=x", "enabled=false", "rules=[{from=\"\"}]", "imap={url=1}", "imap=[[[[", "a.b.c=1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, arg string) {
		list, err := edits.ParseAssignments(edits.Domain, []string{arg})
		if err == nil && len(list) != 1 {
			t.Errorf("%q: %v", arg, list)
		}
		if err == nil && list[0].Value != nil {
			again, err := edits.ParseAssignments(edits.Domain, []string{list[0].Key() + "=" + edits.SpellValue(list[0].Value)})
			if err != nil || !reflect.DeepEqual(again[0].Value, list[0].Value) {
				t.Errorf("%q: read as %#v, then as %#v: %v", arg, list[0].Value, again, err)
			}
		}
	})
}
