package page

import (
	"cmp"
	"slices"

	"mailhint/domains"
	"mailhint/edits"
)

// group is a part of the form: keys that a person looks for in one place.
type group struct {
	id, title, lead string
	keys            []entry
}

// entry is the place of a key in the form.
type entry struct {
	key, label string
	widget     widget
}

// widget is the kind of control that a key is changed with.
type widget string

const (
	asText    widget = "text"    // one line
	asLines   widget = "lines"   // a list, one element a line
	asServers widget = "servers" // a list of mail servers, each with its own login and methods if need be
	asChoices widget = "choices" // an ordered choice of words
	asChecks  widget = "checks"  // a set of words
	asTruth   widget = "truth"   // true, false or inherited
	asTable   widget = "table"   // oauth2
	shownOnly widget = ""        // only shown, as TOML
)

// layout has every key of a domain or profile exactly once; a test compares it with the table of keys.
var layout = []group{
	{"servers", "Mail servers", "A bare host name is enough: mail programs then get the port with implicit TLS first, and STARTTLS second. A URL such as imaps://mail.example.com:993 is exactly one entry.", []entry{
		{"imap", "IMAP", asServers}, {"smtp", "SMTP submission", asServers}, {"pop3", "POP3", asServers}, {"sieve", "ManageSieve", asServers},
	}},
	{"names", "Names", "", []entry{
		{"name", "Name", asText}, {"short_name", "Short name", asText}, {"aliases", "Other domains with the same answers", asLines},
	}},
	{"links", "Links", "", []entry{
		{"webmail", "Web mail", asText}, {"docs", "Help page", asText}, {"support", "Support", asText}, {"password_url", "Change the password", asText},
		{"caldav", "Calendars (CalDAV)", asText}, {"carddav", "Contacts (CardDAV)", asText}, {"webdav", "Files (WebDAV)", asText}, {"jmap", "JMAP", asText},
	}},
	{"sign-in", "Sign-in", "", []entry{
		{"login", "Login name", asText}, {"auth", "Login methods", asChoices}, {"password_hint", "Which password", asText}, {"oauth2", "OAuth 2.0", asTable},
	}},
	{"special", "Special cases", "", []entry{
		{"enabled", "Answers", asTruth}, {"profile", "Profile", asText},
		{"activesync", "Exchange ActiveSync", asText}, {"ews", "Exchange Web Services", asText}, {"autodiscover", "Autodiscover redirect", asText},
		{"pacc", "PACC document", asTruth}, {"accent", "Colour", asText}, {"accent_dark", "Colour on dark", asText}, {"logo", "Logo", shownOnly},
		{"allow_plaintext", "Networks without TLS", asLines}, {"admins", "Who may edit this entry", asLines}, {"editable", "Keys that they may change", asChecks},
		{"domains", "Listed domains", shownOnly}, {"domains_file", "File of domains", shownOnly}, {"rules", "Rules", shownOnly},
	}},
}

// rulesKey describes the rules of a domain, which are tables of their own; they are only shown.
var rulesKey = domains.Key{Name: "rules", Description: "other settings for some people, or for some networks"}

// keyNamed describes a key of a kind of record; false if the kind has no such key.
func keyNamed(kind edits.Kind, name string) (domains.Key, bool) {
	if kind == edits.Domain && name == rulesKey.Name {
		return rulesKey, true
	}
	keys := edits.Keys(kind)
	if i := slices.IndexFunc(keys, func(k domains.Key) bool { return k.Name == name }); i >= 0 {
		return keys[i], true
	}
	return domains.Key{}, false
}

// oauth2Keys describe the table oauth2.
var oauth2Keys = func() []domains.Key {
	tables := domains.Tables()
	i := slices.IndexFunc(tables, func(t domains.Table) bool { return t.Name == "*.oauth2" })
	return tables[i].Keys
}()

// labelOf returns what the form calls a key.
func labelOf(key string) string {
	for _, g := range layout {
		for _, e := range g.keys {
			if e.key == key {
				return e.label
			}
		}
	}
	return cmp.Or(oauth2Labels[key], key)
}

var oauth2Labels = map[string]string{
	"issuer": "Issuer", "scope": "Scopes", "auth_url": "Authorization endpoint", "token_url": "Token endpoint", "client_id": "Client ID", "redirect_url": "Redirect URL",
}
