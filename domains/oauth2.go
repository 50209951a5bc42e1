package domains

import (
	"regexp"
	"strings"
	"unicode"

	"mailhint/settings"
)

// The kinds of values of oauth2 and of the keys in this table.
var (
	oauth2Table = kind[*settings.OAuth2]{name: "table", types: "object", read: readOAuth2, plain: plainOAuth2, isTable: true}
	issuerName  = kind[string]{name: "host name or https URL", form: issuerForm, read: readIssuer, plain: plainText[string], readsMissing: true}
	endpointURL = kind[string]{name: "https URL", form: literalLinkForm, read: readEndpoint, plain: plainText[string], readsMissing: true}
	returnURL   = kind[string]{name: "https URL, or http URL of the loopback interface", form: returnForm, read: readReturn, plain: plainText[string]}
	scopeList   = kind[[]string]{name: "list of scopes", types: "array string", form: Form{Pattern: `^\S+$`, MinItems: 1}, read: readScopes, plain: plainList[string], readsMissing: true}
)

var issuerForm = Form{Pattern: whole(domainForm, strings.Trim(literalLinkForm.Pattern, "^$")), Except: `://.*\?`}

// loopbackURL matches where programs listen for the answer of the sign-in page (RFC 8252 section 7.3, and localhost, which many use).
const loopbackURL = `http://(127\.0\.0\.1|\[::1\]|localhost)(:[0-9]{1,5})?(/[!-~]*)?`

var (
	returnForm = Form{Pattern: whole("", loopbackURL, strings.Trim(literalLinkForm.Pattern, "^$"))}
	isLoopback = regexp.MustCompile("^" + loopbackURL + "$")
)

func readReturn(t *table, key string) (string, bool) {
	s, ok := t.text(key)
	switch {
	case !ok || s == "" || isLoopback.MatchString(s):
		return s, ok
	case strings.HasPrefix(s, "http:"):
		t.fail(key, "%q could be read by others on the way; write an https URL, or http://127.0.0.1 for programs that listen on their own machine", s)
		return "", false
	}
	return s, t.fixedURL(key, s)
}

func readOAuth2(t *table, key string) (*settings.OAuth2, bool) {
	o, ok := t.table(key)
	if !ok {
		return nil, false
	}
	oauth := new(settings.OAuth2)
	readKeys(o, oauth2Keys, oauth)
	o.done()
	return oauth, true
}

func plainOAuth2(o *settings.OAuth2) any {
	if o == nil {
		return nil
	}
	return plainTable(oauth2Keys, o)
}

// required returns a text that must be there.
func (t *table) required(key, example string) (string, bool) {
	s, ok := t.text(key)
	if !t.has(key) || ok && s == "" {
		t.fail("", "has no %s; add %s = %s", key, key, example)
		return "", false
	}
	return s, ok
}

func readIssuer(t *table, key string) (string, bool) {
	s, ok := t.required(key, `"login.example.com"`)
	if !ok {
		return "", false
	}
	issuer, err := settings.ParseIssuer(s)
	if err != nil {
		t.fail(key, "%v", err)
	}
	return issuer, err == nil
}

func readEndpoint(t *table, key string) (string, bool) {
	s, ok := t.required(key, `"https://…"`)
	return s, ok && t.fixedURL(key, s)
}

func readScopes(t *table, key string) ([]string, bool) {
	scopes, ok := t.texts(key)
	if !t.has(key) || ok && len(scopes) == 0 {
		t.fail("", "has no %s; add %s = [\"…\"] with the scopes that clients request", key, key)
	}
	for i, s := range scopes {
		if s == "" || strings.ContainsFunc(s, unicode.IsSpace) {
			t.failElement(key, i, "%q is not a single scope; write a list with one scope in each string", s)
		}
	}
	return scopes, ok
}
