package settings

import (
	"fmt"
	"strings"
)

// Login says what the login name is: a text with placeholders, such as "%EMAILADDRESS%" or "%EMAILLOCALPART%@%PRIMARYDOMAIN%", or what a
// look-up finds for the address (NewLookupLogin). Equal logins are ==.
//
// A Login with a look-up has a form too, for whom the look-up does not know, and where nothing is looked up. After the form, it has lookupMark,
// the name of the look-up, lookupMark, and the hint.
type Login string

// lookupMark is in no form and in no hint, because neither may have control characters.
const lookupMark = "\x00"

// NewLookupLogin returns the Login that is found in a look-up. Form is for people whom it does not know, and hint says in a few words what the
// login name is, as in "your UniID, for example ab123"; it may be empty.
func NewLookupLogin(lookup, hint string, form Login) Login {
	return form.Form() + Login(lookupMark+lookup+lookupMark+hint)
}

// Form returns the form of the login name where nothing is looked up: the Login itself if it has no look-up.
func (l Login) Form() Login {
	form, _, _ := strings.Cut(string(l), lookupMark)
	return Login(form)
}

// Lookup returns the name of the look-up; empty if there is none.
func (l Login) Lookup() string {
	_, rest, _ := strings.Cut(string(l), lookupMark)
	name, _, _ := strings.Cut(rest, lookupMark)
	return name
}

// Hint says what the login name is, in a few words for people; empty if there is no look-up, or no hint.
func (l Login) Hint() string {
	_, rest, _ := strings.Cut(string(l), lookupMark)
	_, hint, _ := strings.Cut(rest, lookupMark)
	return hint
}

// ParseLogin reads a login form.
func ParseLogin(s string) (Login, error) {
	if s == "" {
		return "", fmt.Errorf("the login name is empty; write %q for the whole address, or %q for the part before the @", EmailAddress, EmailLocalPart)
	}
	if err := checkPlaceholders(s, EmailAddress, EmailLocalPart, EmailDomain, PrimaryDomain); err != nil {
		return "", err
	}
	if err := checkText(s); err != nil {
		return "", err
	}
	return Login(s), nil
}

// For returns the form for one domain: the domains replace their placeholders, and a form that amounts to the whole address becomes
// %EMAILADDRESS%, which every client understands (FairEmail takes "%EMAILLOCALPART%@%EMAILDOMAIN%" literally). Besides fixed text,
// only %EMAILADDRESS% and %EMAILLOCALPART% are left. A look-up stays as it is.
func (l Login) For(domain, primary Domain) Login {
	if l == EmailAddress || l == EmailLocalPart {
		return l
	}
	form, lookup, found := strings.Cut(string(l), lookupMark)
	s := Pattern(form).Expand(string(domain), string(primary))
	if s == EmailLocalPart+"@"+string(domain) {
		s = EmailAddress
	}
	if found {
		s += lookupMark + lookup
	}
	return Login(s)
}

// IsPlain reports whether the login name is exactly %EMAILADDRESS% or %EMAILLOCALPART%, which every client fills in. What a look-up finds is
// not plain.
func (l Login) IsPlain() bool { return l == EmailAddress || l == EmailLocalPart }

// Fill returns the login name of a person, without a look-up; l must come from For. See Found.LoginName.
func (l Login) Fill(a Address) string {
	if l == EmailAddress {
		return a.String()
	}
	return strings.NewReplacer(EmailAddress, a.String(), EmailLocalPart, a.Local).Replace(string(l.Form()))
}
