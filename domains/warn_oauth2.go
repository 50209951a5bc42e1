package domains

import (
	"regexp"
	"slices"
	"strings"

	"mailhint/settings"
)

// warnOfOAuth2 warns of what can be seen of OAuth2 without asking the authorization server. Package doctor asks it.
func (l *loader) warnOfOAuth2(stack *layer, owner *table) {
	named, needed := slices.Contains(stack.Auth, settings.OAuth2Token), false
	for _, specs := range stack.servers {
		for _, spec := range specs {
			auth := spec.Auth
			if auth == nil {
				auth = stack.Auth
			}
			takes := slices.Contains(auth, settings.OAuth2Token)
			named = named || takes
			needed = needed || takes && !settings.OAuth2BuiltIn(string(spec.Host))
		}
	}
	at, key := stack.at.of("oauth2"), keyIn(owner, "oauth2")
	switch {
	case stack.OAuth2 != nil && !named:
		l.warn(at, key, "auth does not contain \"oauth2\", so clients use passwords; write auth = [\"oauth2\", \"password\"]")
	case stack.OAuth2 == nil && needed:
		l.warn(stack.at.of("auth"), keyIn(owner, "auth"), "\"oauth2\" is a login method, but there is no table oauth2 that says where to sign in; add one, or remove \"oauth2\"")
	case stack.OAuth2 != nil && needed:
		if realm := realmOf(stack.OAuth2); realm != "" && realm != stack.OAuth2.IssuerURL() {
			l.warn(at, key, "the endpoints are those of the realm %s, which is the issuer's name too; write issuer = %q", realm, realm)
		}
	}
}

// realmURL matches the authorization endpoint of a realm of Keycloak, which calls itself by the URL of the realm.
var realmURL = regexp.MustCompile(`^(https://[^?#]+/realms/[^/?#]+)/protocol/openid-connect/auth$`)

// realmOf returns the name that an authorization server must have by its endpoints; empty if they do not show it.
func realmOf(o *settings.OAuth2) string {
	found := realmURL.FindStringSubmatch(o.AuthURL)
	if found == nil || !strings.HasPrefix(o.TokenURL, found[1]+"/") {
		return ""
	}
	return found[1]
}
