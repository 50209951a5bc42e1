package settings

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
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
// the clients leave a placeholder in a host name as it is, and Evolution makes it empty.
type Pattern string

// Expand replaces the placeholders with the domains.
func (p Pattern) Expand(domain, primary string) string {
	s := string(p)
	if !strings.Contains(s, "%") {
		return s
	}
	s = strings.ReplaceAll(s, EmailDomain, domain)
	return strings.ReplaceAll(s, PrimaryDomain, primary)
}

// Sample domains stand in for the placeholders while a pattern is checked.
const (
	sampleDomain  = "sample.email-domain"
	samplePrimary = "sample.primary-domain"
)

// ParseHost reads a host name that a client can connect to, in any spelling, with or without domain placeholders.
func ParseHost(s string) (Pattern, error) {
	if !strings.Contains(s, "%") {
		name, fault := parseName(s)
		if fault != "" {
			return "", nameError{"host name", fault}
		}
		return Pattern(name), nil
	}
	if err := checkPlaceholders(s, EmailDomain, PrimaryDomain); err != nil {
		return "", err
	}
	name, fault := parseName(Pattern(s).Expand(sampleDomain, samplePrimary))
	if fault != "" {
		return "", nameError{"host name", fault}
	}
	host := strings.NewReplacer(sampleDomain, EmailDomain, samplePrimary, PrimaryDomain).Replace(name)
	if strings.Count(host, "%") != strings.Count(s, "%") { // the sample went into an A-label
		return "", nameError{"host name", "a placeholder must be between dots"}
	}
	return Pattern(host), nil
}

// ParseURL reads an absolute URL with one of the given schemes, with or without domain placeholders. It refuses user names,
// passwords and fragments, and hosts that are not host names.
func ParseURL(s string, schemes ...string) (Pattern, error) {
	if err := checkPlaceholders(s, EmailDomain, PrimaryDomain); err != nil {
		return "", err
	}
	u, err := url.Parse(Pattern(s).Expand(sampleDomain, samplePrimary))
	if err != nil {
		return "", fmt.Errorf("%q is not a valid URL; write %s://…", s, schemes[0])
	}
	switch {
	case !slices.Contains(schemes, u.Scheme):
		return "", fmt.Errorf("%q must begin with %s:, as in %s", s, strings.Join(schemes, ": or "), schemeExamples[schemes[0]])
	case u.User != nil:
		return "", fmt.Errorf("%q contains a user name or password; remove it", s)
	case strings.Contains(s, "#"):
		return "", fmt.Errorf("%q has a fragment; remove the # and what follows it", s)
	case strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "", fmt.Errorf("%q contains characters that are not allowed in a URL; percent-encode them", s)
	}
	switch u.Scheme {
	case "mailto": // RFC 6068
		if _, err := ParseAddress(u.Opaque); err != nil {
			return "", fmt.Errorf("%q: %w; write mailto:help@example.com", s, err)
		}
	case "tel": // RFC 3966
		if !strings.ContainsAny(u.Opaque, "0123456789") {
			return "", fmt.Errorf("%q has no digits; write tel:+49-30-1234567", s)
		}
	default:
		if err := checkAuthority(u); err != nil {
			return "", fmt.Errorf("in %q, the %w; write %s://www.example.com/…", s, err, u.Scheme)
		}
	}
	return Pattern(s), nil
}

func checkAuthority(u *url.URL) error {
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return errors.New("port is not a number from 1 to 65535")
		}
	}
	if _, fault := parseName(u.Hostname()); fault != "" {
		return fmt.Errorf("host is %w", nameError{"host name", fault})
	}
	return nil
}

// ParseText reads a name that users see, of at most limit characters, with or without domain placeholders.
func ParseText(s string, limit int) (Pattern, error) {
	if err := checkPlaceholders(s, EmailDomain, PrimaryDomain); err != nil {
		return "", err
	}
	if n := len([]rune(s)); n > limit {
		return "", fmt.Errorf("%d characters are too many: clients show at most %d; shorten it", n, limit)
	}
	if err := checkText(s); err != nil {
		return "", err
	}
	if strings.Contains(s, "  ") {
		return "", fmt.Errorf("%q has two spaces in a row; remove one", s)
	}
	if i := strings.IndexFunc(s, cannotBeShown); i >= 0 {
		return "", fmt.Errorf("%q contains an unusual space or an invisible character, %U; write an ordinary space, or remove it", s, []rune(s[i:])[0])
	}
	return Pattern(s), nil
}

// schemeExamples are for a URL without a scheme, or with another one.
var schemeExamples = map[string]string{"https": "https://www.example.com/", "mailto": "mailto:help@example.com"}

// checkText refuses text that cannot be shown, or that a client would not read back as it was written: Thunderbird rejects values
// with white space around them.
func checkText(s string) error {
	if strings.TrimSpace(s) != s {
		return fmt.Errorf("%q begins or ends with white space; remove it", s)
	}
	for _, r := range s {
		if unicode.IsControl(r) || unicode.Is(unicode.Co, r) || r == unicode.ReplacementChar || r&0xFFFE == 0xFFFE { // the last are noncharacters, which XML forbids
			return fmt.Errorf("the character %U cannot be shown; remove it", r)
		}
	}
	return nil
}

// checkPlaceholders refuses every placeholder that is not allowed here. A percent sign that does not begin one is fine, as in a URL's
// %20.
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
			return fmt.Errorf("%s depends on the user and cannot be used here; use %s", name, oneOf(allowed))
		}
		return fmt.Errorf("unknown placeholder %s; use %s", name, oneOf(allowed))
	}
	rest := strings.ToUpper(s)
	for _, a := range allowed {
		rest = strings.ReplaceAll(rest, a, "")
	}
	if strings.Contains(rest, "%EMAIL") || strings.Contains(rest, "%PRIMARY") {
		return fmt.Errorf("unfinished placeholder: add the closing %%; the placeholders are %s", strings.Join(allowed, ", "))
	}
	return nil
}

// oneOf spells alternatives: "a, b or c".
func oneOf(words []string) string {
	last := len(words) - 1
	if last == 0 {
		return words[0]
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// placeholders yields everything in s that looks like one: a word between percent signs.
func placeholders(s string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for {
			start := strings.IndexByte(s, '%')
			if start < 0 {
				return
			}
			rest := s[start+1:]
			n := 0
			for n < len(rest) && (rest[n] >= 'A' && rest[n] <= 'Z' || rest[n] >= 'a' && rest[n] <= 'z' || n > 0 && rest[n] >= '0' && rest[n] <= '9' || rest[n] == '_') {
				n++
			}
			if n < 3 || n == len(rest) || rest[n] != '%' || isHex(rest) && isHex(rest[n+1:]) { // as in %20 or %ab%cd or %C3%ABc%20
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

// isHex reports whether s begins with the two digits of a percent-encoded octet.
func isHex(s string) bool {
	if len(s) < 2 {
		return false
	}
	_, err := strconv.ParseUint(s[:2], 16, 8)
	return err == nil
}
