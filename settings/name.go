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

// ErrName is wrapped by every error that says why a text is no host or domain name. The text itself is never part of the error: a
// stranger may have sent it.
var ErrName = errors.New("no host name")

// ParseDomain reads a mail domain as a person or a request spells it: any letter case, Unicode or A-labels, with or without the
// trailing dot. It refuses what can be no mail domain: single labels, IP addresses, labels with other characters than letters,
// digits and hyphens.
func ParseDomain(s string) (Domain, error) {
	name, err := parseName(s)
	return Domain(name), err
}

// Unicode returns the name as a person reads it, with U-labels. Answers never hold it: Thunderbird rejects a file with U-labels.
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

// lookupProfile is UTS 46 non-transitional processing with every check on. idna.Lookup alone lets "a..b" pass.
var lookupProfile = idna.New(
	idna.MapForLookup(),
	idna.BidiRule(),
	idna.Transitional(false),
	idna.CheckHyphens(false), // r3---sn.example.com is in use
	idna.StrictDomainName(true),
	idna.VerifyDNSLength(true),
)

func parseName(s string) (string, error) {
	name := strings.TrimSuffix(s, ".")
	if isUsual(name) {
		return name, nil
	}
	if name == "" {
		return "", fmt.Errorf("%w: it is empty", ErrName)
	}
	if len(name) > 4*maxDomain {
		return "", fmt.Errorf("%w: it is longer than %d octets", ErrName, maxDomain)
	}
	if !isPlainLower(name) {
		if !utf8.ValidString(name) { // idna would make an A-label of it
			return "", fmt.Errorf("%w: it is not UTF-8", ErrName)
		}
		ascii, err := lookupProfile.ToASCII(name)
		if err != nil {
			return "", fmt.Errorf("%w: %s", ErrName, nameFault(name))
		}
		name = ascii
		if !strings.HasSuffix(s, ".") { // it may have ended with a dot of another script
			name = strings.TrimSuffix(ascii, ".")
		}
	}
	if err := checkLabels(name); err != nil {
		return "", err
	}
	return name, nil
}

// isUsual reports in one pass whether a name is as nearly all names are: right as it stands, and with nothing in it that needs
// mapping or a closer look. Every request names a domain or two, and a million names must load in seconds.
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

// checkLabels checks an ASCII name against RFC 1123 section 2.1.
func checkLabels(name string) error {
	if len(name) > maxDomain {
		return fmt.Errorf("%w: it is longer than %d octets", ErrName, maxDomain)
	}
	last, labels := name, 0
	for label := range strings.SplitSeq(name, ".") {
		if err := checkLabel(label); err != nil {
			return err
		}
		last = label
		labels++
	}
	if strings.Trim(last, "0123456789") == "" {
		return fmt.Errorf("%w: it is an IP address", ErrName)
	}
	if labels < 2 {
		return fmt.Errorf("%w: it has a single label", ErrName)
	}
	return nil
}

func checkLabel(label string) error {
	switch {
	case label == "":
		return fmt.Errorf("%w: two dots follow each other", ErrName)
	case len(label) > maxLabel:
		return fmt.Errorf("%w: a label is longer than %d octets", ErrName, maxLabel)
	case label[0] == '-' || label[len(label)-1] == '-':
		return fmt.Errorf("%w: a label begins or ends with a hyphen", ErrName)
	}
	for i := range len(label) {
		if c := label[i]; !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-') {
			return fmt.Errorf("%w: %s", ErrName, nameFault(label))
		}
	}
	return nil
}

// nameFault says in a person's words what is wrong with a name that IDNA refused.
func nameFault(name string) string {
	if i := strings.IndexAny(name, " \t/@:_*[]"); i >= 0 {
		return fmt.Sprintf("%q is not allowed in it", name[i])
	}
	if strings.Contains(name, "..") || strings.HasPrefix(name, ".") {
		return "two dots follow each other"
	}
	return "only letters, digits, hyphens and dots are allowed in it"
}
