package settings

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// ParseIssuer reads the name of an authorization server: a host name, or an https URL (RFC 8414 section 2). Clients compare issuers octet by
// octet, and some of them tidy URLs up first, so a URL is kept exactly as it is written and must not have anything to tidy up: no query, no
// dot segments, no percent-encoding that is not needed.
func ParseIssuer(s string) (string, error) {
	if !strings.Contains(s, "://") {
		d, err := ParseDomain(s)
		if err != nil {
			return "", fmt.Errorf("%q is %w; write a name such as \"login.example.com\", or an https URL", s, err)
		}
		return string(d), nil
	}
	url, err := ParseURL(s, "https")
	switch {
	case err != nil:
		return "", err
	case url.Expand("a.example", "b.example") != s:
		return "", errors.New("placeholders are not allowed in this URL; write it in full")
	case strings.Contains(s, "?"):
		return "", fmt.Errorf("%q has a query, which an issuer must not have; remove the ? and what follows it", s)
	case dotSegment.MatchString(s):
		return "", fmt.Errorf("%q has a . or .. between slashes; write the path without it", s)
	case needlessEscape.MatchString(s):
		return "", fmt.Errorf("%q percent-encodes a character that needs no encoding, %s; write the character", s, needlessEscape.FindString(s))
	}
	return s, nil
}

var (
	dotSegment     = regexp.MustCompile(`(?i)/(\.|%2e)(\.|%2e)?(/|$)`)
	needlessEscape = regexp.MustCompile(`%(2[DdEe]|3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa]|5[Ff]|7[Ee])`) // unreserved: RFC 3986 section 2.3
)

// IssuerURL returns the issuer as a URL, the same in every format.
func (o *OAuth2) IssuerURL() string {
	if strings.Contains(o.Issuer, "://") {
		return o.Issuer
	}
	return "https://" + o.Issuer
}
