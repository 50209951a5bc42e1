package settings

import (
	"slices"
	"strings"
)

// OAuth2BuiltIn reports whether a server is of a provider whose sign-in page Thunderbird knows by itself (OAuth2Providers.sys.mjs, 153.7). Such
// providers need no settings for OAuth2, and mail programs have client IDs there.
func OAuth2BuiltIn(host string) bool {
	return slices.ContainsFunc([]string{"googlemail.com", "gmail.com", "imap.mail.ru", "smtp.mail.ru", "imap.yandex.com", "smtp.yandex.com",
		"yahoo.com", "att.net", "aol.com", "office365.com", "outlook.com", "hotmail.com", "imap.fastmail.com", "pop.fastmail.com",
		"smtp.fastmail.com", "imap.comcast.net", "pop.comcast.net", "smtp.comcast.net", "thundermail.com"},
		func(known string) bool { return host == known || strings.HasSuffix(host, "."+known) })
}

// NeedsOAuth2 reports whether clients must learn from the settings how to sign in: a server takes OAuth2, and is not of a provider that
// clients know. Only is true if some mail server takes nothing else.
func (f Found) NeedsOAuth2() (needs, only bool) {
	for _, s := range f.Servers {
		if !s.Allows(OAuth2Token) || OAuth2BuiltIn(s.Host.Expand(string(f.Domain), string(f.Primary))) {
			continue
		}
		needs = true
		only = only || !slices.ContainsFunc(s.Auth, func(a Auth) bool { return a != OAuth2Token })
	}
	return needs, only
}
