package settings

import (
	"fmt"
	"net/url"
	"strings"
	"unicode"
)

// The placeholders, spelled as Mozilla spells them; PrimaryDomain is ours.
const (
	EmailAddress   = "%EMAILADDRESS%"
	EmailLocalPart = "%EMAILLOCALPART%"
	EmailDomain    = "%EMAILDOMAIN%"
	PrimaryDomain  = "%PRIMARYDOMAIN%"
)

// Pattern is a text that depends on nothing but the domain: a host name, a URL or a name, in which %EMAILDOMAIN% stands for the
// domain asked for and %PRIMARYDOMAIN% for the one it is an alias of. mailhint always expands both before it answers: half of
// the programs leave a placeholder in a host name as it is, and Evolution makes it empty.
type Pattern string

// Expand puts the domains in.
func (p Pattern) Expand(domain, primary string) string {
	s := string(p)
	if !strings.Contains(s, "%") {
		return s
	}
	s = strings.ReplaceAll(s, EmailDomain, domain)
	return strings.ReplaceAll(s, PrimaryDomain, primary)
}

// sampleDomain stands in for the placeholders while a pattern is checked.
const sampleDomain = "example.com"

// ParseHost reads a host name that a mail program can connect to, in any spelling, with or without domain placeholders.
func ParseHost(s string) (Pattern, error) {
	if !strings.Contains(s, "%") {
		name, err := parseName(s)
		return Pattern(name), err
	}
	if err := checkPlaceholders(s, EmailDomain, PrimaryDomain); err != nil {
		return "", err
	}
	if _, err := parseName(Pattern(s).Expand(sampleDomain, sampleDomain)); err != nil {
		return "", err
	}
	return lowerOutside(s), nil
}

// lowerOutside lower-cases a host pattern but for its placeholders.
func lowerOutside(s string) Pattern {
	lower := strings.ToLower(s)
	lower = strings.ReplaceAll(lower, strings.ToLower(EmailDomain), EmailDomain)
	return Pattern(strings.ReplaceAll(lower, strings.ToLower(PrimaryDomain), PrimaryDomain))
}

// ParseURL reads an absolute URL with one of the given schemes, with or without domain placeholders. It refuses user names,
// passwords and fragments, and host names that are none.
func ParseURL(s string, schemes ...string) (Pattern, error) {
	if err := checkPlaceholders(s, EmailDomain, PrimaryDomain); err != nil {
		return "", err
	}
	u, err := url.Parse(Pattern(s).Expand(sampleDomain, sampleDomain))
	if err != nil {
		return "", fmt.Errorf("%q is no URL; write %s://…", s, schemes[0])
	}
	known := false
	for _, scheme := range schemes {
		known = known || u.Scheme == scheme
	}
	switch {
	case !known:
		return "", fmt.Errorf("%q must begin with %s:", s, strings.Join(schemes, ": or "))
	case u.User != nil:
		return "", fmt.Errorf("%q holds a user name or password; leave it out", s)
	case u.Fragment != "":
		return "", fmt.Errorf("%q has a fragment; leave out what follows the #", s)
	case strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "", fmt.Errorf("%q holds characters that a URL cannot; percent-encode them", s)
	case u.Opaque == "":
		if _, err := parseName(u.Hostname()); err != nil {
			return "", fmt.Errorf("%q has no usable host: %w", s, err)
		}
	}
	return Pattern(s), nil
}

// ParseText reads a name that people see, of at most limit characters, with or without domain placeholders.
func ParseText(s string, limit int) (Pattern, error) {
	if err := checkPlaceholders(s, EmailDomain, PrimaryDomain); err != nil {
		return "", err
	}
	if n := len([]rune(s)); n > limit {
		return "", fmt.Errorf("it has %d characters, programs show at most %d; shorten it", n, limit)
	}
	if err := checkText(s); err != nil {
		return "", err
	}
	return Pattern(s), nil
}

// checkText refuses text that cannot be shown, or that a program would not read back as it was written: Thunderbird rejects
// values with white space around them.
func checkText(s string) error {
	if strings.TrimSpace(s) != s {
		return fmt.Errorf("%q begins or ends with white space; remove it", s)
	}
	for _, r := range s {
		if unicode.IsControl(r) || unicode.Is(unicode.Co, r) || r == unicode.ReplacementChar {
			return fmt.Errorf("it holds the character %U, which cannot be shown; remove it", r)
		}
	}
	return nil
}

// checkPlaceholders refuses every placeholder that is not allowed here. A percent sign that begins none, as in a URL's %20, is
// no placeholder.
func checkPlaceholders(s string, allowed ...string) error {
	for name := range placeholders(s) {
		ok := false
		for _, a := range allowed {
			ok = ok || a == name
		}
		if ok {
			continue
		}
		if name == EmailAddress || name == EmailLocalPart {
			return fmt.Errorf("%s depends on the person and cannot be used here; %s can", name, strings.Join(allowed, " and "))
		}
		return fmt.Errorf("unknown placeholder %s; there are %s", name, strings.Join(allowed, ", "))
	}
	return nil
}

// placeholders yields everything in s that looks like one: capital or small letters between percent signs.
func placeholders(s string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for {
			start := strings.IndexByte(s, '%')
			if start < 0 {
				return
			}
			rest := s[start+1:]
			n := 0
			for n < len(rest) && (rest[n] >= 'A' && rest[n] <= 'Z' || rest[n] >= 'a' && rest[n] <= 'z' || rest[n] == '_') {
				n++
			}
			if n < 3 || n == len(rest) || rest[n] != '%' { // as in %20 or %ab%cd
				s = rest
				continue
			}
			if !yield(s[start : start+n+2]) {
				return
			}
			s = rest[n+1:]
		}
	}
}
