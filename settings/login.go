package settings

import (
	"fmt"
	"strings"
)

// Login is the form of the login name: a text with placeholders, such as "%EMAILADDRESS%" or
// "%EMAILLOCALPART%@%PRIMARYDOMAIN%".
type Login string

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
// only %EMAILADDRESS% and %EMAILLOCALPART% are left.
func (l Login) For(domain, primary Domain) Login {
	if l == EmailAddress || l == EmailLocalPart {
		return l
	}
	s := Pattern(l).Expand(string(domain), string(primary))
	if s == EmailLocalPart+"@"+string(domain) {
		return EmailAddress
	}
	return Login(s)
}

// IsPlain reports whether the form is exactly %EMAILADDRESS% or %EMAILLOCALPART%, which every client fills in.
func (l Login) IsPlain() bool { return l == EmailAddress || l == EmailLocalPart }

// Fill returns the login name of a person; l must come from For.
func (l Login) Fill(a Address) string {
	if l == EmailAddress {
		return a.String()
	}
	return strings.NewReplacer(EmailAddress, a.String(), EmailLocalPart, a.Local).Replace(string(l))
}
