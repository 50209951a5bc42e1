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

// Plausible reports whether the local part has the form of RFC 5321 section 4.1.2 (with RFC 6531's Unicode), so that a login name
// may be made of it. Settings are answered for an implausible address too, without anything that repeats it.
func (a Address) Plausible() bool {
	local := a.Local
	if local == "" || len(local) > 64 || local == EvolutionUser {
		return false
	}
	if quoted, ok := strings.CutPrefix(local, `"`); ok {
		return isQuotedString(quoted)
	}
	for atom := range strings.SplitSeq(local, ".") {
		if atom == "" || strings.ContainsFunc(atom, notAtext) {
			return false
		}
	}
	return true
}

// notAtext reports whether r is not allowed in an atom (RFC 5322 section 3.2.3, RFC 6532 section 3.2).
func notAtext(r rune) bool {
	switch {
	case r >= utf8.RuneSelf:
		return !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsNumber(r)
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		return false
	}
	return !strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r)
}

// isQuotedString reports whether s, which follows an opening quote, ends with the closing one and has no unescaped quote before it.
// Outside of ASCII it allows what an atom allows: a quoted string could contain characters that reverse the direction of the text
// around it.
func isQuotedString(s string) bool {
	if strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf && notAtext(r) }) {
		return false
	}
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i == len(s)-1 && i > 0
		}
	}
	return false
}
