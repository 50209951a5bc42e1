package settings

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Address is a person's e-mail address. The zero Address means that none is known.
type Address struct {
	// Local is the part before the last @ as it was written. A stranger wrote it: call Plausible before using it.
	Local string
	// Domain is the part after the last @.
	Domain Domain
}

// ErrAddress is wrapped by every error that says why a text is not an address. The text itself is never part of the error, because
// it must not get into a log.
var ErrAddress = errors.New("not a valid e-mail address")

// ParseAddress reads an address. The domain is what follows the last @, so that "a@b@example.com" asks for example.com, as
// Thunderbird does.
func ParseAddress(s string) (Address, error) {
	at := strings.LastIndexByte(s, '@')
	switch {
	case len(s) > 4*maxAddress:
		return Address{}, fmt.Errorf("%w: it is longer than %d octets", ErrAddress, maxAddress)
	case at < 0:
		return Address{}, fmt.Errorf("%w: it has no @", ErrAddress)
	case at == 0:
		return Address{}, fmt.Errorf("%w: there is nothing before the @", ErrAddress)
	case isPrintableASCII(s): // as nearly all are
	case !utf8.ValidString(s):
		return Address{}, fmt.Errorf("%w: it is not valid UTF-8", ErrAddress)
	case strings.ContainsFunc(s, unicode.IsControl):
		return Address{}, fmt.Errorf("%w: it contains control characters", ErrAddress)
	}
	domain, err := ParseDomain(s[at+1:])
	if err != nil {
		return Address{}, fmt.Errorf("%w: the part after the @ is %w", ErrAddress, err)
	}
	a := Address{Local: s[:at], Domain: domain}
	if len(a.Local)+len("@")+len(a.Domain) > maxAddress {
		return Address{}, fmt.Errorf("%w: it is longer than %d octets", ErrAddress, maxAddress)
	}
	return a, nil
}

func isPrintableASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// IsZero reports whether no address is known.
func (a Address) IsZero() bool { return a == Address{} }

// String returns the address with its domain in A-labels, or "" for the zero Address.
func (a Address) String() string {
	if a.IsZero() {
		return ""
	}
	return a.Local + "@" + string(a.Domain)
}

// EvolutionUser is what Evolution 3.40 and later sends in place of every local part.
const EvolutionUser = "EVOLUTIONUSER"

// Plausible reports whether the address can be written into an answer, or a login name made of it. The local part is the business of the
// provider, who may allow more than RFC 5321 does (a..b, .a, 64 octets and more). It must only be what every client reads back as it was
// written: neither what Evolution sends for every user nor a placeholder that a client would fill in; no control or invisible characters, or
// those that reverse the text around them; none of those that separate addresses, unless it is a quoted string; and no @ even then, because
// people would read "ceo@bank.example"@example.com as an address of the bank. Settings are answered for an implausible address too, without
// anything that repeats it.
func (a Address) Plausible() bool {
	local := a.Local
	switch {
	case local == "" || local == EvolutionUser:
		return false
	case strings.Contains(local, "@"), strings.ContainsAny(local, separators) && !isQuotedString(local):
		return false
	case strings.Contains(local, "%") && hasPlaceholder(local):
		return false
	}
	return isPrintableASCII(local) || utf8.ValidString(local) && !strings.ContainsFunc(local, cannotBeShown)
}

// separators are the characters outside of quoted strings that end an address, or begin another one. A space is often a + that was
// decoded as in a form.
const separators = ` <>@,;"`

// isQuotedString reports whether s has the form of a quoted string (RFC 5322 section 3.2.4).
func isQuotedString(s string) bool {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return s[0] == '"' && i == len(s)-1 && i > 1
		}
	}
	return false
}

func hasPlaceholder(s string) bool {
	for _, p := range []string{EmailAddress, EmailLocalPart, EmailDomain, PrimaryDomain} {
		if strings.Contains(strings.ToUpper(s), p) {
			return true
		}
	}
	return false
}

// cannotBeShown reports whether a character is a control or formatting character, a space other than the ordinary one, or no character at
// all. The joiners are allowed: words of Persian and of Indic languages need them.
func cannotBeShown(r rune) bool {
	switch {
	case r == ' ' || r == '\u200c' || r == '\u200d':
		return false
	case r == utf8.RuneError || r&0xFFFE == 0xFFFE: // the latter are noncharacters, which XML forbids
		return true
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs, unicode.Z)
}
