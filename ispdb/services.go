package ispdb

import (
	"fmt"
	"slices"
	"strings"

	"mailhint/autoconfig"
	"mailhint/settings"
)

// services reads the services named by URL.
func (r *reader) services(root *node) {
	for _, service := range []struct {
		elements []string
		kind     string
		to       *settings.Pattern
	}{
		{[]string{"addressbook", "addressBook"}, "carddav", &r.s.CardDAV}, // the second is from older drafts and servers
		{[]string{"calendar"}, "caldav", &r.s.CalDAV},
		{[]string{"fileShare"}, "webdav", &r.s.WebDAV},
	} {
		for _, element := range service.elements {
			for _, n := range root.all(element) {
				if kind := r.trim(n.line, n.attr("type")); kind != service.kind {
					r.remark(n.line, kindService, "<%s type=%q> is left out: answers do not support this type", element, oneLine(kind))
					n.forget()
					continue
				}
				*service.to = r.service(n, *service.to, autoconfig.URLMethods)
			}
		}
	}
}

// incomingService returns where an incomingServer that is named by URL belongs, and its words for login methods; nil for another type.
// activeSync is the other spelling of the draft.
func (r *reader) incomingService(kind string) (*settings.Pattern, autoconfig.Words[settings.Auth]) {
	switch kind {
	case autoconfig.JMAP:
		return &r.s.JMAP, autoconfig.URLMethods
	case autoconfig.EWS:
		return &r.s.EWS, exchangeMethods
	case autoconfig.ActiveSync, "activeSync":
		return &r.s.ActiveSync, exchangeMethods
	}
	return nil, nil
}

// mailWords are the words for passwords of mail servers, which Exchange services have too: Thunderbird knows no others there.
var mailWords = autoconfig.Words[settings.Auth]{
	{Spelling: autoconfig.Methods.Spell(settings.Password), Means: settings.Password},
	{Spelling: autoconfig.Methods.Spell(settings.PasswordEncrypted), Means: settings.PasswordEncrypted},
}

var exchangeMethods = slices.Concat(autoconfig.URLMethods, mailWords)

// isExchangeWord reports whether a word is one of mailWords, and these are among the words that may be used.
func isExchangeWord(text string, words autoconfig.Words[settings.Auth]) bool {
	_, ok := mailWords.Meaning(text)
	return ok && len(words) == len(exchangeMethods)
}

// service reads a service named by URL. It is left out if there is already one of its kind.
func (r *reader) service(n *node, known settings.Pattern, words autoconfig.Words[settings.Auth]) settings.Pattern {
	u := n.child("url")
	if u == nil {
		u = n.child("serverURL") // older drafts
	}
	var url settings.Pattern
	var login settings.Login
	auths := r.auths(n, words)
	err := fmt.Errorf("its <url> is missing")
	if u != nil {
		url, err = publicURL(r.text(u), "https")
	}
	switch {
	case known != "":
		err = fmt.Errorf("there can be only one")
	case err == nil && auths == nil:
		err = fmt.Errorf("it has no login method that clients know")
	}
	if err == nil {
		login, err = r.login(n)
	}
	if err != nil {
		r.remark(n.line, kindService, "this <%s> is left out: %v", n.name, err)
		n.forget()
		return known
	}
	if login == "" {
		login = settings.EmailAddress
		r.remark(n.line, kindLogin, "this <%s> has no <username>; answers use %s", n.name, login)
	}
	if len(r.urlLogins) > 0 && (login != r.urlLogins[0] || !slices.Equal(auths, r.urlAuths[0])) {
		r.remark(n.line, kindLogin, "this <%s> gets the login and the login methods of the service before it: services share these", n.name)
		return url
	}
	r.urlLogins, r.urlAuths = append(r.urlLogins, login), append(r.urlAuths, auths)
	return url
}

// oauth2 reads the authorization server.
func (r *reader) oauth2(root, ep *node) {
	n := root.child("oAuth2")
	if n == nil {
		n = ep.child("oAuth2")
	}
	if n == nil {
		return
	}
	text := func(element string) string {
		if c := n.child(element); c != nil {
			return r.text(c)
		}
		return ""
	}
	o := &settings.OAuth2{Issuer: text("issuer"), AuthURL: text("authURL"), TokenURL: text("tokenURL"), ClientID: text("clientID"),
		Scope: strings.Fields(text("scope"))}
	if text("clientSecret") != "" {
		r.remark(n.line, kindOAuth2, "the <clientSecret> is left out: answers are public")
	}
	if err := checkOAuth2(o); err != nil {
		r.remark(n.line, kindOAuth2, "the authorization server is left out: %v", err)
		n.forget()
		return
	}
	r.s.OAuth2 = o
}

// checkOAuth2 refuses what domains.toml refuses, and what cannot be sent to an authorization server (RFC 6749 appendix A).
func checkOAuth2(o *settings.OAuth2) error {
	if o.Issuer == "" || len(o.Scope) == 0 {
		return fmt.Errorf("<issuer>, <scope>, <authURL> or <tokenURL> is missing")
	}
	issuer, err := settings.ParseIssuer(o.Issuer)
	if err != nil {
		return fmt.Errorf("<issuer>: %w", err)
	}
	o.Issuer = issuer
	if host, isURL := strings.CutPrefix(issuer, "https://"); isURL { // our own answers write a host name so
		if d, err := settings.ParseDomain(host); err == nil && string(d) == host {
			o.Issuer = host
		}
	}
	for _, u := range []string{o.AuthURL, o.TokenURL} {
		p, err := publicURL(u, "https")
		if err == nil && p.Expand("a.example", "a.example") != u {
			err = fmt.Errorf("%q has a placeholder, which clients do not fill in there", u)
		}
		if err != nil {
			return err
		}
	}
	for _, s := range append(slices.Clone(o.Scope), o.ClientID) {
		if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
			return fmt.Errorf("%q contains characters that cannot be sent", oneLine(s))
		}
	}
	return nil
}

// publicURL is settings.ParseURL without %PRIMARYDOMAIN%, which the format does not have.
func publicURL(s string, schemes ...string) (settings.Pattern, error) {
	if strings.Contains(s, settings.PrimaryDomain) {
		return "", fmt.Errorf("unknown placeholder %s", settings.PrimaryDomain)
	}
	return settings.ParseURL(s, schemes...)
}
