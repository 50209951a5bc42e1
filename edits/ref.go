package edits

import (
	"errors"
	"fmt"
	"strings"

	"mailhint/settings"
)

// ErrName is wrapped by errors about a text that cannot be the name of a record; they say how to write it.
var ErrName = errors.New("not a valid name")

// nameError is a text that is not the name of a record.
type nameError struct{ text string }

func (e nameError) Error() string        { return e.text }
func (e nameError) Is(target error) bool { return target == ErrName }

// ParseDomain reads the name of a domain's record as a person writes it: in upper or lower case, in Unicode or A-labels, with or without the
// trailing dot, or as a wildcard such as *.example.com. The error wraps ErrName.
func ParseDomain(text string) (Ref, error) {
	base, isWildcard := strings.CutPrefix(text, "*.")
	d, err := settings.ParseDomain(base)
	switch {
	case err == nil && isWildcard:
		return Ref{Domain, "*." + string(d)}, nil
	case err == nil:
		return Ref{Domain, string(d)}, nil
	}
	if a, ok := settings.ParseAddress(text); ok == nil {
		return Ref{}, nameError{fmt.Sprintf("%q is an e-mail address; write only its domain, %s", text, a.Domain)}
	}
	return Ref{}, nameError{fmt.Sprintf("%q: %v; write it like example.com", text, err)}
}

// Shown is the name of the record as a person reads it: a domain in Unicode.
func (r Ref) Shown() string {
	if r.Kind != Domain {
		return r.Name
	}
	star, base := "", r.Name
	if rest, isWildcard := strings.CutPrefix(base, "*."); isWildcard {
		star, base = "*.", rest
	}
	return star + settings.Domain(base).Unicode()
}
