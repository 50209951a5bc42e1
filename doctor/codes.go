package doctor

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Code is a kind of finding. It never changes its meaning.
type Code string

// The codes. Those with D are about DNS, H about HTTPS, M about mail servers, L about logins and C about single clients.
const (
	NameMissing      Code = "D01"
	NameElsewhere    Code = "D02"
	WildcardAnswers  Code = "D04"
	WrongSRV         Code = "D05"
	Contradiction    Code = "D06"
	CAAForbids       Code = "D07"
	ServiceHidden    Code = "D08"
	ChallengeAlias   Code = "D09"
	WebCertificate   Code = "H01"
	ForeignAnswer    Code = "H02"
	PasswordRequired Code = "H03"
	ChangedAnswer    Code = "H04"
	PortClosed       Code = "M01"
	WrongTLSMode     Code = "M02"
	NoSTARTTLS       Code = "M03"
	Certificate      Code = "M04"
	LoginMethods     Code = "M05"
	IPv6Unreachable  Code = "M06"
	LoginForm        Code = "L01"
	OAuth2Issuer     Code = "L02"
	OAuth2Endpoints  Code = "L03"
	OAuth2Clients    Code = "L04"
	OAuth2Scopes     Code = "L05"
	LoginLookup      Code = "L06"
	Thunderbird      Code = "C01"
	Outlook          Code = "C02"
	Apple            Code = "C03"
	ISPDBDiffers     Code = "C04"
)

// Info describes a code.
type Info struct {
	Code  Code
	Title string
	// Severity is the worst that a finding with this code can have.
	Severity Severity
}

// Codes is the table of all codes, in order. The pages in docs/codes are checked against it.
var Codes = []Info{
	{NameMissing, "a name is missing from DNS", Problem},
	{NameElsewhere, "a name points to another server", Problem},
	{WildcardAnswers, "a wildcard record answers for a missing name", Problem},
	{WrongSRV, "an SRV record is wrong", Problem},
	{Contradiction, "different settings in different places", Problem},
	{CAAForbids, "a CAA record forbids the certificate", Problem},
	{ServiceHidden, "calendars, contacts or JMAP cannot be found", Warning},
	{ChallengeAlias, "an alias keeps a certificate from being ordered", Problem},
	{WebCertificate, "the web server's certificate is not valid", Problem},
	{ForeignAnswer, "another server answers", Problem},
	{PasswordRequired, "a web server asks for a password", Problem},
	{ChangedAnswer, "the answer is altered in transit", Problem},
	{PortClosed, "a mail server port does not answer", Problem},
	{WrongTLSMode, "a port uses the wrong TLS mode", Problem},
	{NoSTARTTLS, "STARTTLS is not offered", Problem},
	{Certificate, "the mail server's certificate is not valid", Problem},
	{LoginMethods, "login methods differ", Problem},
	{IPv6Unreachable, "IPv6 does not answer", Problem},
	{LoginForm, "a login name that clients get wrong", Problem},
	{OAuth2Issuer, "the OAuth2 issuer cannot be found", Problem},
	{OAuth2Endpoints, "OAuth2 endpoints differ", Problem},
	{OAuth2Clients, "mail programs cannot sign in with OAuth2", Problem},
	{OAuth2Scopes, "an OAuth2 scope is unknown", Warning},
	{LoginLookup, "a look-up of login names fails", Problem},
	{Thunderbird, "Thunderbird gets different settings", Problem},
	{Outlook, "Outlook gets different settings", Problem},
	{Apple, "Apple Mail cannot be set up", Warning},
	{ISPDBDiffers, "Mozilla's database has different settings", Warning},
}

// Title says in a few words what the code means; empty for an unknown code.
func (c Code) Title() string {
	i := slices.IndexFunc(Codes, func(i Info) bool { return i.Code == c })
	if i < 0 {
		return ""
	}
	return Codes[i].Title
}

// Page is the file that explains the code, relative to the root of the project.
func (c Code) Page() string { return "docs/codes/" + string(c) + ".md" }

// Severity is how bad a finding is.
type Severity string

// The severities.
const (
	Problem Severity = "problem" // clients fail, or will fail
	Warning Severity = "warning" // it works for most clients, or for now
)

// ParseCodes checks codes, or first letters of codes, and returns them in upper case.
func ParseCodes(list []string) ([]string, error) {
	var all []string
	for _, text := range list {
		start := strings.ToUpper(text)
		switch {
		case text == "":
			return nil, errors.New("a code is empty; write for example D,H01")
		case !slices.ContainsFunc(Codes, func(i Info) bool { return strings.HasPrefix(string(i.Code), start) }):
			return nil, fmt.Errorf("no code begins with %q; write for example D,H01", text)
		}
		all = append(all, start)
	}
	return all, nil
}
