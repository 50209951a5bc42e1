package settings

import (
	"strings"
	"testing"
)

func TestParseHost(t *testing.T) {
	good := map[string]Pattern{
		"mail.example.com":               "mail.example.com",
		"MAIL.Example.com.":              "mail.example.com",
		"bücher.example":                 "xn--bcher-kva.example",
		"%EMAILDOMAIN%":                  "%EMAILDOMAIN%",
		"mail.%EMAILDOMAIN%":             "mail.%EMAILDOMAIN%",
		"MAIL.%EMAILDOMAIN%.":            "mail.%EMAILDOMAIN%",
		"bücher.%EMAILDOMAIN%":           "xn--bcher-kva.%EMAILDOMAIN%", // only A-labels are used in answers
		"%PRIMARYDOMAIN%.hoster.example": "%PRIMARYDOMAIN%.hoster.example",
		"mx-%EMAILDOMAIN%":               "mx-%EMAILDOMAIN%",
		"%EMAILDOMAIN%.%PRIMARYDOMAIN%":  "%EMAILDOMAIN%.%PRIMARYDOMAIN%",
	}
	for in, want := range good {
		if got, err := ParseHost(in); err != nil || got != want {
			t.Errorf("ParseHost(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
	bad := map[string]string{
		"":                       "empty",
		"mail":                   "at least two labels",
		"mail.%emaildomain%":     "unknown placeholder %emaildomain%",
		"mail.%EMAILDOMAINS%":    "unknown placeholder %EMAILDOMAINS%",
		"mail.%EMAILDOMAIN":      "unfinished placeholder",
		"mail.%EMAIL-DOMAIN%":    "unfinished placeholder",
		"mail.%EMAILLOCALPART%":  "depends on the user",
		"mail%.example.com":      "only letters",
		".%EMAILDOMAIN%":         "begins with a dot",
		"mail..%EMAILDOMAIN%":    "two dots",
		"-.%EMAILDOMAIN%":        "hyphen",
		"ü%EMAILDOMAIN%":         "between dots",
		"%EMAILDOMAIN%%20":       "only letters",
		"mail.%EMAILDOMAIN%/x":   "'/'",
		"%EMAILDOMAIN%\u3002\n.": "only letters",
	}
	for in, want := range bad {
		if got, err := ParseHost(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseHost(%q) = %q, %v; want an error with %q", in, got, err, want)
		}
	}
}

func TestParseURL(t *testing.T) {
	good := []struct{ text, schemes string }{
		{"https://www.example.com", "https"},
		{"https://www.example.com/", "https"},
		{"http://www.example.com/help", "https http"},
		{"https://www.example.com:8443/a/b?c=d&e=%20", "https"},
		{"https://dav.%EMAILDOMAIN%/cal/", "https"},
		{"https://hoster.example/%EMAILDOMAIN%/%PRIMARYDOMAIN%", "https"},
		{"https://hoster.example/caf%C3%A9", "https"},
		{"https://hoster.example/no%C3%ABc%20x", "https"}, // %ABc% is not a placeholder
		{"mailto:help@example.com", "mailto https tel"},
		{"mailto:help@%EMAILDOMAIN%", "mailto https tel"},
		{"tel:+49-30-1234567", "mailto https tel"},
	}
	for _, test := range good {
		if got, err := ParseURL(test.text, strings.Fields(test.schemes)...); err != nil || string(got) != test.text {
			t.Errorf("ParseURL(%q, %s) = %q, %v", test.text, test.schemes, got, err)
		}
	}
	bad := []struct{ text, schemes, want string }{
		{"", "https", `"" must begin with https:, as in https://www.example.com/`},
		{"www.example.com", "https http", `"www.example.com" must begin with https: or http:, as in https://www.example.com/`},
		{"http://www.example.com", "https", `"http://www.example.com" must begin with https:, as in https://www.example.com/`},
		{"javascript:alert(1)", "mailto https tel", `"javascript:alert(1)" must begin with mailto: or https: or tel:, as in mailto:help@example.com`},
		{"https:www.example.com", "https", `in "https:www.example.com", the host is not a valid host name: it is empty; write https://www.example.com/…`},
		{"https:///x", "https", `in "https:///x", the host is not a valid host name: it is empty; write https://www.example.com/…`},
		{"https://localhost/", "https", `in "https://localhost/", the host is not a valid host name: it needs at least two labels; write https://www.example.com/…`},
		{"https://192.0.2.1/", "https", `in "https://192.0.2.1/", the host is not a valid host name: it is an IP address; write https://www.example.com/…`},
		{"https://[::1]/", "https", `in "https://[::1]/", the host is not a valid host name: ':' is not allowed; write https://www.example.com/…`},
		{"https://h.example:99999/", "https", `in "https://h.example:99999/", the port is not a number from 1 to 65535; write https://www.example.com/…`},
		{"https://h.example:x/", "https", `"https://h.example:x/" is not a valid URL; write https://…`},
		{"https://h.example/%zz", "https", `"https://h.example/%zz" is not a valid URL; write https://…`},
		{"https://ann:secret@h.example/", "https", `"https://ann:secret@h.example/" contains a user name or password; remove it`},
		{"https://h.example/#top", "https", `"https://h.example/#top" has a fragment; remove the # and what follows it`},
		{"https://h.example/#", "https", `"https://h.example/#" has a fragment; remove the # and what follows it`},
		{"https://h.example/é", "https", `"https://h.example/é" contains characters that are not allowed in a URL; percent-encode them`},
		{"https://h.example/a b", "https", `"https://h.example/a b" contains characters that are not allowed in a URL; percent-encode them`},
		{"mailto:", "mailto", `"mailto:": not a valid e-mail address: it has no @; write mailto:help@example.com`},
		{"mailto:help", "mailto", `"mailto:help": not a valid e-mail address: it has no @; write mailto:help@example.com`},
		{"mailto://help@example.com", "mailto", `"mailto://help@example.com" contains a user name or password; remove it`},
		{"tel:call-us", "tel", `"tel:call-us" has no digits; write tel:+49-30-1234567`},
		{"https://h.example/%EMAILADDRESS%", "https", `%EMAILADDRESS% depends on the user and cannot be used here; use %EMAILDOMAIN% or %PRIMARYDOMAIN%`},
		{"https://h.example/%USER%", "https", `unknown placeholder %USER%; use %EMAILDOMAIN% or %PRIMARYDOMAIN%`},
	}
	for _, test := range bad {
		if got, err := ParseURL(test.text, strings.Fields(test.schemes)...); err == nil || err.Error() != test.want {
			t.Errorf("ParseURL(%q, %s) = %q, %v; want %s", test.text, test.schemes, got, err, test.want)
		}
	}
}

func TestParseText(t *testing.T) {
	for _, s := range []string{"Firm Ltd. Mail", "Mail für %EMAILDOMAIN%", "100% Mail", "Öß 用户 😀", "20 characters in here", "A & B <C>", "می\u200cخواهم"} {
		if got, err := ParseText(s, 30); err != nil || string(got) != s {
			t.Errorf("ParseText(%q) = %q, %v", s, got, err)
		}
	}
	bad := map[string]string{
		" Firm":            `" Firm" begins or ends with white space; remove it`,
		"Firm\u00a0":       `"Firm\u00a0" begins or ends with white space; remove it`,
		"Firm\nMail":       `the character U+000A cannot be shown; remove it`,
		"Firm\x00":         `the character U+0000 cannot be shown; remove it`,
		"Firm\ue000":       `the character U+E000 cannot be shown; remove it`,
		"Firm\ufffe":       `the character U+FFFE cannot be shown; remove it`,
		"Firm\xff":         `the character U+FFFD cannot be shown; remove it`,
		"A  B":             `"A  B" has two spaces in a row; remove one`,
		"A\u00a0B":         `"A\u00a0B" contains an unusual space or an invisible character, U+00A0; write an ordinary space, or remove it`,
		"A\u2003B":         `"A\u2003B" contains an unusual space or an invisible character, U+2003; write an ordinary space, or remove it`,
		"A\u200bB":         `"A\u200bB" contains an unusual space or an invisible character, U+200B; write an ordinary space, or remove it`,
		"A\u202eB":         `"A\u202eB" contains an unusual space or an invisible character, U+202E; write an ordinary space, or remove it`,
		"A\u2028B":         `"A\u2028B" contains an unusual space or an invisible character, U+2028; write an ordinary space, or remove it`,
		"elevenchars":      `11 characters are too many: clients show at most 10; shorten it`,
		"öäüöäüöäüöä":      `11 characters are too many: clients show at most 10; shorten it`,
		"%EMAILADDRESS%":   `%EMAILADDRESS% depends on the user and cannot be used here; use %EMAILDOMAIN% or %PRIMARYDOMAIN%`,
		"%EMAILDOMAIN":     `unfinished placeholder: add the closing %; the placeholders are %EMAILDOMAIN%, %PRIMARYDOMAIN%`,
		"%PRIMARY DOMAIN%": `unfinished placeholder: add the closing %; the placeholders are %EMAILDOMAIN%, %PRIMARYDOMAIN%`,
	}
	for in, want := range bad {
		if got, err := ParseText(in, 10); err == nil || err.Error() != want {
			t.Errorf("ParseText(%q) = %q, %v; want %s", in, got, err, want)
		}
	}
}

func TestExpand(t *testing.T) {
	for p, want := range map[Pattern]string{
		"mail.example.com":              "mail.example.com",
		"mail.%EMAILDOMAIN%":            "mail.alias.example",
		"%PRIMARYDOMAIN%":               "firm.example",
		"%EMAILDOMAIN%/%PRIMARYDOMAIN%": "alias.example/firm.example",
		"100%":                          "100%",
		"":                              "",
	} {
		if got := p.Expand("alias.example", "firm.example"); got != want {
			t.Errorf("%q for alias.example of firm.example: %q; want %q", p, got, want)
		}
	}
}
