package settings

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"
)

// PersonQuestion asks for the login names of one person.
type PersonQuestion struct {
	Address Address
	// Primary is the domain that the address's domain is an alias of, or that domain itself.
	Primary Domain
	// Client is where the request comes from; the zero Addr if unknown.
	Client netip.Addr
}

// FindLoginNames finds the login name of a person in each of some look-ups, "" where it is not known. It never fails: a directory that is slow
// or away is like one that does not know the person. It may wait, for a second at most, and be called by several goroutines at once.
type FindLoginNames func(ctx context.Context, lookups []string, q PersonQuestion) []string

// WithLoginNames returns f with the login names of a person from its look-ups, for an answer that contains them. Without look-ups it returns f at
// once, and so it does for an implausible address and for one of another domain.
func (f Found) WithLoginNames(ctx context.Context, a Address, client netip.Addr) Found {
	if f.FindNames == nil || len(f.Lookups) == 0 || a.Domain != f.Domain || !a.Plausible() {
		return f
	}
	f.names = f.FindNames(ctx, f.Lookups, PersonQuestion{a, f.Primary, client})
	return f
}

// WithNames returns f with given login names, one for each of Settings.Lookups.
func (f Found) WithNames(names []string) Found {
	f.names = names
	return f
}

// LoginName returns the login name of a person: what was found in the look-up of l, or else its form, filled in.
func (f Found) LoginName(l Login, a Address) string {
	l = l.For(f.Domain, f.Primary)
	if f.names == nil {
		return l.Fill(a)
	}
	if i := slices.Index(f.Lookups, l.Lookup()); i >= 0 && f.names[i] != "" {
		return f.names[i]
	}
	return l.Fill(a)
}

// LookedUpNames returns the login name of a person for each of the look-ups.
func (f Found) LookedUpNames(a Address) []string {
	var names []string
	for _, lookup := range f.Lookups {
		l := f.Login
		for _, s := range f.Servers {
			if s.Login.Lookup() == lookup {
				l = s.Login
			}
		}
		names = append(names, f.LoginName(l, a))
	}
	return names
}

// maxLoginName is the longest login name that is taken from a look-up, in octets: that of an address.
const maxLoginName = maxAddress

// CheckLoginName refuses what a look-up returns if it cannot be a login name: text that no client would read back as it is, that people could not
// type, or that looks like something else. The error does not repeat it.
func CheckLoginName(s string) error {
	switch {
	case s == "":
		return errors.New("it is empty")
	case len(s) > maxLoginName:
		return fmt.Errorf("it is longer than %d octets", maxLoginName)
	case !utf8.ValidString(s):
		return errors.New("it is not valid UTF-8")
	case strings.TrimSpace(s) != s:
		return errors.New("it begins or ends with white space")
	case strings.ContainsFunc(s, cannotBeShown):
		return errors.New("it contains control characters or invisible ones")
	case strings.ContainsAny(s, "<>&\"`"):
		return errors.New("it contains markup or quotation marks")
	case hasPlaceholder(s):
		return errors.New("it contains a placeholder")
	}
	return nil
}

// CheckPersonPlaceholders refuses a text with a placeholder other than those that login names may have.
func CheckPersonPlaceholders(s string) error {
	return checkPlaceholders(s, EmailAddress, EmailLocalPart, EmailDomain, PrimaryDomain)
}
