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
		return "", fmt.Errorf("it is empty; write %q for the whole address or %q for the part before the @", EmailAddress, EmailLocalPart)
	}
	if err := checkPlaceholders(s, EmailAddress, EmailLocalPart, EmailDomain, PrimaryDomain); err != nil {
		return "", err
	}
	if err := checkText(s); err != nil {
		return "", err
	}
	return Login(s), nil
}

// For returns the form for one domain: domains are put in, and what comes to the whole address is written as %EMAILADDRESS%,
// which every program understands (FairEmail takes "%EMAILLOCALPART%@%EMAILDOMAIN%" literally). What is left besides fixed text
// is %EMAILADDRESS% and %EMAILLOCALPART%.
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

// IsPlain reports whether the form is exactly %EMAILADDRESS% or %EMAILLOCALPART%, which every program fills in by itself.
func (l Login) IsPlain() bool { return l == EmailAddress || l == EmailLocalPart }

// Fill returns the login name of a person; l must come from For.
func (l Login) Fill(a Address) string {
	if l == EmailAddress {
		return a.String()
	}
	return strings.NewReplacer(EmailAddress, a.String(), EmailLocalPart, a.Local).Replace(string(l))
}
