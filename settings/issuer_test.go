package settings

import (
	"strings"
	"testing"
)

func TestParseIssuer(t *testing.T) {
	for in, url := range map[string]string{
		"login.example.com":                          "https://login.example.com",
		"Login.BÜCHER.example":                       "https://login.xn--bcher-kva.example",
		"https://login.example.com":                  "https://login.example.com",
		"https://login.example.com/":                 "https://login.example.com/",
		"https://Login.example.com/Tenant/v2.0":      "https://Login.example.com/Tenant/v2.0",
		"https://login.example.com:8443/a%20b/%2F~x": "https://login.example.com:8443/a%20b/%2F~x",
		"https://login.example.com/...":              "https://login.example.com/...",
		"https://login.example.com/.well":            "https://login.example.com/.well",
	} {
		issuer, err := ParseIssuer(in)
		if got := (&OAuth2{Issuer: issuer}).IssuerURL(); err != nil || got != url {
			t.Errorf("ParseIssuer(%q): the URL is %q, %v; want %q", in, got, err, url)
		}
	}
	for in, want := range map[string]string{
		"":                                    "empty",
		"login":                               "two labels",
		"login.example.com/tenant":            "'/' is not allowed",
		"http://login.example.com":            "must begin with https:",
		"https://ann@login.example.com":       "user name",
		"https://ann:x@login.example.com":     "user name",
		"https://login.example.com/?tenant=1": "query",
		"https://login.example.com?":          "query",
		"https://login.example.com/#x":        "fragment",
		"https://login.example.com/a/../b":    "between slashes",
		"https://login.example.com/./b":       "between slashes",
		"https://login.example.com/b/..":      "between slashes",
		"https://login.example.com/%2e%2E/b":  "between slashes",
		"https://login.example.com/a/.%2e":    "between slashes",
		"https://login.example.com/%61cme":    "%61; write the character",
		"https://login.example.com/%7Eann":    "%7E; write the character",
		"https://login.example.com/%5fx":      "%5f; write the character",
		"https://login.example.com/%30":       "%30; write the character",
		"https://login.example.com/%5A":       "%5A; write the character",
		"https://login.example.com/a%2Db":     "%2D; write the character",
		"https://login.example.com/%zz":       "not a valid URL",
		"https://login.example.com/%4":        "not a valid URL",
		"https://login.%EMAILDOMAIN%/":        "placeholders",
		"https://login.example.com/a b":       "not allowed in a URL",
		"https://192.0.2.1/":                  "IP address",
		"https://login.example.com/\u202e":    "not allowed in a URL",
	} {
		if got, err := ParseIssuer(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseIssuer(%q) = %q, %v; want an error with %q", in, got, err, want)
		}
	}
}
