package settings

import (
	"errors"
	"strings"
	"testing"
)

func TestParseAddress(t *testing.T) {
	good := map[string]string{
		"ann@example.com":                         "ann@example.com",
		"Ann.Lee@EXAMPLE.com":                     "Ann.Lee@example.com", // the local part belongs to the mail server
		"u+tag@example.com":                       "u+tag@example.com",
		"ann@bücher.example":                      "ann@xn--bcher-kva.example",
		"ann@example.com.":                        "ann@example.com",
		"a@b@example.com":                         "a@b@example.com", // the last @ counts, as for Thunderbird
		`"ann lee"@example.com`:                   `"ann lee"@example.com`,
		"EVOLUTIONUSER@example.com":               "EVOLUTIONUSER@example.com",
		"用户@例え.テスト":                               "用户@xn--r8jz45g.xn--zckzah",
		"<script>@example.com":                    "<script>@example.com", // hostile, but its domain can be answered for
		"%EMAILADDRESS%@example.com":              "%EMAILADDRESS%@example.com",
		" @example.com":                           " @example.com",
		strings.Repeat("x", 242) + "@example.com": strings.Repeat("x", 242) + "@example.com",
	}
	for in, want := range good {
		a, err := ParseAddress(in)
		if err != nil || a.String() != want {
			t.Errorf("ParseAddress(%q) = %q, %v; want %q", in, a, err, want)
		}
	}

	bad := map[string]string{
		"":                      "no @",
		"ann":                   "no @",
		"example.com":           "no @",
		"@example.com":          "before the @",
		"ann@":                  "empty",
		"ann@localhost":         "at least two labels",
		"ann@192.0.2.1":         "IP address",
		"ann@[192.0.2.1]":       "'['",
		"ann@-secret-.example":  "hyphen",
		"ann@exa mple.com":      "' '",
		"ann@example.com>":      "only letters",
		"ann@example.com\r\nX:": "control characters",
		"an\x00n@example.com":   "control characters",
		"an\u0085n@example.com": "control characters",
		"an\xffn@example.com":   "UTF-8",
		strings.Repeat("x", 243) + "@example.com":      "254 octets",
		strings.Repeat("x", 1<<20) + "@example.com":    "254 octets",
		"ann@" + strings.Repeat("ü.", 400) + "example": "254 octets",
	}
	for in, want := range bad {
		a, err := ParseAddress(in)
		if err == nil || !a.IsZero() {
			t.Errorf("ParseAddress(%q) = %q, %v; want an error", in, a, err)
			continue
		}
		if !errors.Is(err, ErrAddress) || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseAddress(%q): error %q; want ErrAddress with %q", in, err, want)
		}
		for _, part := range []string{"ann", "secret", "xxx", "192"} {
			if strings.Contains(err.Error(), part) {
				t.Errorf("ParseAddress(%q): the error %q repeats a stranger's text", in, err)
			}
		}
	}
}

func TestZeroAddress(t *testing.T) {
	var a Address
	if !a.IsZero() || a.String() != "" || a.Plausible() {
		t.Errorf("zero Address: IsZero %v, String %q, Plausible %v", a.IsZero(), a, a.Plausible())
	}
}

func TestPlausible(t *testing.T) {
	plausible := []string{
		"ann", "Ann.Lee", "u+tag", "o'neill", "a", "1", "x_y-z", "a/b=c", "!#$%&'*+-/=?^_`{|}~", "用户", "jörg", "jo\u0308rg",
		`"ann lee"`, `"a\"b"`, `"a\\"`, `".."`, strings.Repeat("x", 64),
		// What RFC 5321 does not allow, and providers do.
		".", ".ann", "ann.", "an..n", "ann:x", `an\n`, "(x)", "[x]",
		strings.Repeat("x", 65), strings.Repeat("ü", 33), `"<a>"`, "😀", "می\u200cخواهم", "100%", "%20",
	}
	not := []string{
		"", "EVOLUTIONUSER", "ann lee", "a@b", `"a@b"`, `"ceo@bank.example"`, `"a\@b"`, "ann,lee", "ann;", `an"n`, `"ann`, `""`, " ann", "ann ", "\u00a0ann", "a\u00a0b", "a\u3000b", "a\u202eb", "a\u2028b", "a\u200bb", "a\u200fb", "a\ufeffb", "😀\u202e",
		"\"a\u202eb\"", "\"a\u2028b\"", "a\tb", "a\x7fb", "a\u0085b", "a\uFFFEb", "a\uE000b", "a\xffb", "a\uFFFDb", "a\u2066b",
		"<ann>", "a<b", "a>b", `"<a>`, `"<a>"b"`, `"<a>\"`, "%EMAILADDRESS%", "x%emaillocalpart%", "%EMAILDOMAIN%", "%PRIMARYDOMAIN%ü",
	}
	for want, locals := range map[bool][]string{true: plausible, false: not} {
		for _, local := range locals {
			if got := (Address{Local: local, Domain: "example.com"}).Plausible(); got != want {
				t.Errorf("Plausible of %q = %v; want %v", local, got, want)
			}
		}
	}
}

func FuzzAddress(f *testing.F) {
	for _, address := range []string{ // what programs sent, then what they should not
		"ann@example.com", "EVOLUTIONUSER@example.com", "u tag@example.com", "u+tag@example.com", "%EMAILADDRESS%", "ann@bücher.example",
		"a@b@example.com", `"ann lee"@example.com`, "ann@example.com.", "<img src=x>@example.com", "ann@[192.0.2.1]", "@", "ann@", "@example.com",
		"ann@example.com\r\nSet-Cookie: x", "a\u202e@example.com", "\xff@example.com", strings.Repeat("a@", 200) + "example.com",
	} {
		f.Add(address)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseAddress(s)
		if err != nil {
			if !a.IsZero() || !errors.Is(err, ErrAddress) {
				t.Errorf("ParseAddress(%q) = %q, %v", s, a, err)
			}
			return
		}
		checkName(t, string(a.Domain))
		if len(a.String()) > 254 || a.Local == "" || strings.ContainsAny(a.String(), "\r\n\x00") {
			t.Errorf("ParseAddress(%q) = %q", s, a)
		}
		if again, err := ParseAddress(a.String()); err != nil || again != a {
			t.Errorf("ParseAddress(%q) = %q, but ParseAddress(%q) = %q, %v", s, a, a, again, err)
		}
		if a.Plausible() && (strings.ContainsAny(a.Local, "\u202e\u2028\u2029\u200f\ufeff")) {
			t.Errorf("%q counts as plausible", a.Local)
		}
	})
}
