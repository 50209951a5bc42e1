package settings

import (
	"errors"
	"strings"
	"testing"
)

// label63 is the longest label there can be; name253 the longest name.
var (
	label63 = strings.Repeat("a", 63)
	name253 = strings.Repeat(label63+".", 3) + strings.Repeat("b", 61)
)

func TestParseDomain(t *testing.T) {
	good := map[string]Domain{
		"example.com":                  "example.com",
		"EXAMPLE.Com":                  "example.com",
		"example.com.":                 "example.com",
		"Example.com.":                 "example.com",
		"mail.example.co.uk":           "mail.example.co.uk",
		"1und1.de":                     "1und1.de",
		"a.b":                          "a.b",
		"r3---sn.example.com":          "r3---sn.example.com",
		"bücher.example":               "xn--bcher-kva.example",
		"BÜCHER.example":               "xn--bcher-kva.example",
		"bu\u0308cher.example":         "xn--bcher-kva.example", // decomposed, as macOS sends it
		"xn--bcher-kva.example":        "xn--bcher-kva.example",
		"XN--BCHER-KVA.example":        "xn--bcher-kva.example",
		"straße.example":               "xn--strae-oqa.example", // not strasse: IDNA 2008
		"例え。テスト":                       "xn--r8jz45g.xn--zckzah",
		"ｅｘａｍｐｌｅ．com":                  "example.com",
		"пример.рф":                    "xn--e1afmkfd.xn--p1ai",
		label63 + ".example":           Domain(label63 + ".example"),
		name253:                        Domain(name253),
		name253 + ".":                  Domain(name253),
		strings.ToUpper(name253) + ".": Domain(name253),
	}
	for in, want := range good {
		if got, err := ParseDomain(in); err != nil || got != want {
			t.Errorf("ParseDomain(%q) = %q, %v; want %q", in, got, err, want)
		}
	}

	for _, in := range []string{"\u05d0\u05d1.example", "xn--4dbc.example", "\u0627\u0662.example", "a1.\u05d0.example"} { // as the Bidi rule allows
		if _, err := ParseDomain(in); err != nil {
			t.Errorf("ParseDomain(%q): %v", in, err)
		}
	}

	bad := map[string]string{ // text: what the error says
		"":                                   "it is empty",
		".":                                  "it is empty",
		"localhost":                          "at least two labels",
		"com.":                               "at least two labels",
		"COM":                                "at least two labels",
		"..":                                 "begins with a dot",
		"a..b":                               "two dots",
		"A..b":                               "two dots",
		".example.com":                       "begins with a dot",
		"example.com..":                      "two dots",
		"Example.com..":                      "two dots",
		"192.0.2.1":                          "IP address",
		"192.0.2.1.":                         "IP address",
		"2001:db8::1":                        "':'",
		"[2001:db8::1]":                      "'['",
		"example.123":                        "IP address",
		"example.com:443":                    "':'",
		"exam ple.com":                       "' '",
		" example.com":                       "' '",
		"example.com\t":                      "'\\t'",
		"example.com\n":                      "only letters",
		"mail_1.example.com":                 "'_'",
		"*.example.com":                      "'*'",
		"ann@example.com":                    "'@'",
		"example.com/":                       "'/'",
		"-a.example":                         "hyphen",
		"a-.example":                         "hyphen",
		"A-.example":                         "hyphen",
		"exa\x00mple.com":                    "only letters",
		"exa\xffmple.com":                    "not valid UTF-8",
		"xn--a.example":                      "only letters", // no punycode
		"xn--example-.com":                   "only letters", // an A-label of plain ASCII
		"exa%6Dple.com":                      "only letters",
		"a\u200db.example":                   "only letters", // joiner without context
		"a\u202eb.example":                   "only letters",
		"a\u05d0.example":                    "only letters", // the Bidi rule (RFC 5893 section 2): Latin and Hebrew letters in one label
		"\u05d0b.example":                    "only letters",
		"1\u05d0.example":                    "only letters", // a label with Hebrew letters begins with a digit
		"1a.\u05d0\u05d1.example":            "only letters", // a digit first, beside such a label
		"xn--a-0hc.example":                  "only letters", // the first of these in A-labels
		label63 + "a.example":                "63 octets",
		name253 + "a":                        "253 octets",
		strings.Repeat("ü.", 1000):           "253 octets",
		strings.Repeat("ü", 60) + ".example": "only letters",
	}
	for in, want := range bad {
		got, err := ParseDomain(in)
		if err == nil || got != "" {
			t.Errorf("ParseDomain(%q) = %q, %v; want an error", in, got, err)
			continue
		}
		if !errors.Is(err, ErrName) || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseDomain(%q): error %q; want ErrName with %q", in, err, want)
		}
	}
}

func TestDomain(t *testing.T) {
	d, err := ParseDomain("mail.bücher.example")
	if err != nil {
		t.Fatal(err)
	}
	if got := d.Unicode(); got != "mail.bücher.example" {
		t.Errorf("Unicode() = %q", got)
	}
	var parents []Domain
	for p, ok := d.Parent(); ok; p, ok = p.Parent() {
		parents = append(parents, p)
	}
	if len(parents) != 1 || parents[0] != "xn--bcher-kva.example" {
		t.Errorf("parents of %s: %q; want one of two labels", d, parents)
	}
}

func FuzzHost(f *testing.F) {
	for _, host := range []string{ // Host headers as programs and proxies send them, and hosts as admins write them
		"autoconfig.example.com", "autodiscover.example.com", "AUTODISCOVER.example.com.", "example.com", "ua-auto-config.example.com",
		"autoconfig.xn--bcher-kva.example", "bücher.example", "192.0.2.1", "[2001:db8::1]", "localhost", "autoconfig..example.com",
		"mail.%EMAILDOMAIN%", "%EMAILDOMAIN%", "MX-%EMAILDOMAIN%", "ü.%EMAILDOMAIN%", "ü%EMAILDOMAIN%", "%PRIMARYDOMAIN%.hoster.example.",
		"mail.%EMAILADDRESS%", "%%EMAILDOMAIN%", "autoconfig.com", "a.xn--0ca", "ａ.example", "0.֭", "sample.email-domain",
	} {
		f.Add(host)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDomain(s)
		if err == nil {
			checkName(t, string(d))
			for _, again := range []string{string(d), string(d) + ".", strings.ToUpper(string(d)), d.Unicode()} {
				if got, err := ParseDomain(again); err != nil || got != d {
					t.Errorf("ParseDomain(%q) = %q, but ParseDomain(%q) = %q, %v", s, d, again, got, err)
				}
			}
			if h, err := ParseHost(s); err != nil || h != Pattern(d) {
				t.Errorf("ParseHost(%q) = %q, %v; ParseDomain returns %q", s, h, err, d)
			}
		} else if d != "" || !errors.Is(err, ErrName) {
			t.Errorf("ParseDomain(%q) = %q, %v", s, d, err)
		}

		if m := DomainOfHost(s); m != "" {
			checkName(t, string(m))
			if got := DomainOfHost("autoconfig." + string(m)); got != m && len(m) < 240 {
				t.Errorf("DomainOfHost(%q) = %q, behind autoconfig. it is %q", s, m, got)
			}
		}

		h, err := ParseHost(s)
		if err != nil {
			return
		}
		checkName(t, h.Expand("example.com", "example.org"))
		if got, err := ParseHost(string(h)); err != nil || got != h {
			t.Errorf("ParseHost(%q) = %q, but ParseHost(%q) = %q, %v", s, h, h, got, err)
		}
	})
}

// checkName fails if a name is not what DNS and mail programs take: at least two labels of lower-case letters, digits and hyphens.
func checkName(t testing.TB, name string) {
	t.Helper()
	if len(name) > 253 || !strings.Contains(name, ".") {
		t.Errorf("%q is too long or a at least two labels", name)
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || label[0] == '-' || label[len(label)-1] == '-' {
			t.Errorf("%q has the label %q", name, label)
		}
	}
}
