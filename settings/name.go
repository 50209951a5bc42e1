package settings

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Domain is the name of a mail domain in the form it has in DNS: A-labels, lower case, no trailing dot, at least two labels.
// ParseDomain makes them; comparing two Domains compares the names.
type Domain string

// Limits of RFC 1035 section 2.3.4 and RFC 5321 section 4.5.3.1.
const (
	maxDomain  = 253
	maxLabel   = 63
	maxAddress = 254
)

// ErrName is matched by every error that says why a text is not a host or domain name. The text itself is never part of the error: a
// stranger may have sent it.
var ErrName = errors.New("not a valid name")

// nameError says why a text is not a name of some kind.
type nameError struct{ kind, fault string }

func (e nameError) Error() string { return "not a valid " + e.kind + ": " + e.fault }

func (e nameError) Is(target error) bool { return target == ErrName }

// ParseDomain reads a mail domain as a person or a request spells it: in upper or lower case, in Unicode or A-labels, with or without
// the trailing dot. It refuses what cannot be a mail domain: single labels, IP addresses, and labels with characters other than
// letters, digits and hyphens.
func ParseDomain(s string) (Domain, error) {
	name, fault := parseName(s)
	if fault != "" {
		return "", nameError{"domain name", fault}
	}
	return Domain(name), nil
}

// Unicode returns the name as a person reads it, with U-labels. It is never used in answers: Thunderbird rejects a file with U-labels.
func (d Domain) Unicode() string {
	u, err := lookupProfile.ToUnicode(string(d))
	if err != nil {
		return string(d)
	}
	return u
}

// Parent returns the name without its first label, and whether two labels are left.
func (d Domain) Parent() (Domain, bool) {
	_, parent, _ := strings.Cut(string(d), ".")
	return Domain(parent), strings.Contains(parent, ".")
}

// lookupProfile is UTS 46 non-transitional processing with every check on. idna.Lookup alone accepts "a..b".
var lookupProfile = idna.New(
	idna.MapForLookup(),
	idna.BidiRule(),
	idna.Transitional(false),
	idna.CheckHyphens(false), // r3---sn.example.com is in use
	idna.StrictDomainName(true),
	idna.VerifyDNSLength(true),
)

// parseName returns a name in the form of Domain, or says what is wrong with it.
func parseName(s string) (name, fault string) {
	name = strings.TrimSuffix(s, ".")
	if isUsual(name) {
		return name, ""
	}
	if name == "" {
		return "", "it is empty"
	}
	if len(name) > 4*maxDomain {
		return "", tooLong
	}
	if !isPlainLower(name) {
		if !utf8.ValidString(name) { // idna would make an A-label of it
			return "", "it is not valid UTF-8"
		}
		ascii, err := lookupProfile.ToASCII(name)
		if err != nil {
			return "", characterFault(name)
		}
		name = ascii
		if !strings.HasSuffix(s, ".") { // it may have ended with a dot of another script
			name = strings.TrimSuffix(ascii, ".")
		}
	}
	if fault := labelsFault(name); fault != "" {
		return "", fault
	}
	return name, ""
}

// isUsual reports in one pass whether a name is as nearly all names are: right as it is, with nothing in it that needs mapping or a
// closer look. Every request names a domain or two, and a million names must load in a second.
func isUsual(name string) bool {
	labels, start, letters := 0, 0, false
	for i := range len(name) + 1 {
		if i == len(name) || name[i] == '.' {
			if i == start || i-start > maxLabel || name[start] == '-' || name[i-1] == '-' {
				return false
			}
			labels++
			start = i + 1
			if i < len(name) {
				letters = false
			}
			continue
		}
		switch c := name[i]; {
		case 'a' <= c && c <= 'z':
			letters = true
		case '0' <= c && c <= '9':
		case c == '-' && i > 0 && name[i-1] != '-': // "xn--" begins an A-label, whose content must be checked
		default:
			return false
		}
	}
	return labels >= 2 && letters && len(name) <= maxDomain
}

// isPlainLower reports whether a name needs no mapping: lower-case letters, digits, hyphens and dots, and no A-label.
func isPlainLower(name string) bool {
	for i := range len(name) {
		if c := name[i]; !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '.') {
			return false
		}
	}
	return !strings.Contains(name, "--")
}

var tooLong = fmt.Sprintf("it is longer than %d octets", maxDomain)

// labelsFault says what is wrong with an ASCII name according to RFC 1123 section 2.1; "" for nothing.
func labelsFault(name string) string {
	if len(name) > maxDomain {
		return tooLong
	}
	last, labels := name, 0
	for label := range strings.SplitSeq(name, ".") {
		switch {
		case label == "":
			return dotsFault(name)
		case len(label) > maxLabel:
			return fmt.Sprintf("a label is longer than %d octets", maxLabel)
		case label[0] == '-' || label[len(label)-1] == '-':
			return "a label begins or ends with a hyphen"
		}
		for i := range len(label) {
			if c := label[i]; !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-') {
				return characterFault(label)
			}
		}
		last = label
		labels++
	}
	switch {
	case strings.Trim(last, "0123456789") == "":
		return "it is an IP address"
	case labels < 2:
		return "it needs at least two labels"
	}
	return ""
}

// characterFault says what is wrong with a name that IDNA refused.
func characterFault(name string) string {
	if i := strings.IndexAny(name, " \t/@:_*[]"); i >= 0 {
		return fmt.Sprintf("%q is not allowed", name[i])
	}
	if strings.Contains(name, "..") || strings.HasPrefix(name, ".") {
		return dotsFault(name)
	}
	return "only letters, digits, hyphens and dots are allowed"
}

func dotsFault(name string) string {
	if strings.HasPrefix(name, ".") {
		return "it begins with a dot"
	}
	return "it has two dots in a row"
}
