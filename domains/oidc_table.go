package domains

import (
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"mailhint/settings"
)

// OIDC is the [oidc] table: an identity provider through which people sign in to the admin page.
type OIDC struct {
	// Issuer identifies the provider; empty if there is no [oidc].
	Issuer   string
	ClientID string
	// SecretFile is the file with the client's secret, with an absolute path; empty for none.
	SecretFile string
	// URL is that of the admin page, without a slash at the end.
	URL    string
	Title  string
	Scopes []string
	// Claim is the claim that Roles are about, and DomainsClaim one that lists domains; empty for none.
	Claim, DomainsClaim string
	// Session is after how long the provider is asked again.
	Session time.Duration
	// Roles are by value of the claim.
	Roles map[string]OIDCRole
	// At is where the table was written.
	At Position
}

// OIDCRole is a table [oidc.roles.…]: what people may do who have a value of the claim.
type OIDCRole struct {
	Role string
	// Domains are in lower case and A-labels, also "*." and a domain.
	Domains, Profiles []string
}

// readOIDC reads the [oidc] table.
func (l *loader) readOIDC() OIDC {
	t := l.oidc
	if t == nil {
		return OIDC{}
	}
	defer t.done()
	v, _ := defaultsOf(oidcKeys)
	v.At, v.Roles = t.at(), make(map[string]OIDCRole)
	readKeys(t, oidcKeys, &v)
	for key, example := range map[string]string{"issuer": `"https://login.hoster.example"`, "client_id": `"mailhint"`, "url": `"https://admin.hoster.example"`} {
		if !t.has(key) {
			t.fail("", "has no %s; add %s = %s", key, key, example)
		}
	}
	roles, ok := t.table("roles")
	if !ok {
		t.fail("", "gives nobody a role; add a table such as [oidc.roles.mail-admins] with role = \"operator\", for those whose claim %s has mail-admins", v.Claim)
		return v
	}
	for _, r := range roles.children() {
		v.Roles[r.name()] = r.readOIDCRole(v.DomainsClaim)
	}
	return v
}

// readOIDCRole reads a table [oidc.roles.…].
func (t *table) readOIDCRole(domainsClaim string) OIDCRole {
	defer t.done()
	var r OIDCRole
	readKeys(t, oidcRoleKeys, &r)
	switch {
	case !t.has("role"):
		t.fail("", "has no role; add role = \"domain-admin\", or operator, provisioner or viewer")
	case r.Role == "operator" && len(r.Domains) > 0:
		t.fail("domains", "is not used with role = \"operator\", which may change all domains; remove it")
	case r.Role == "provisioner" && len(r.Profiles) == 0:
		t.fail("", "has no profiles; add profiles = [\"shared\"], the profiles on which domains may be added and removed, or [\"*\"] for all")
	case r.Role != "provisioner" && len(r.Profiles) > 0:
		t.fail("profiles", "is used only with role = \"provisioner\"; remove it")
	case r.Role == "domain-admin" && len(r.Domains) == 0 && domainsClaim == "":
		t.fail("", "has no domains; add domains = [\"firm.example\"], or domains_claim in [oidc]")
	}
	return r
}

// The kinds of values that only [oidc] has.
var (
	loopbackOrHTTPS = regexp.MustCompile(`^(https://.|http://(localhost|127\.|\[::1\]))`)
	issuerURL       = kind[string]{name: "https URL", form: Form{Pattern: loopbackOrHTTPS.String()}, read: readIssuerURL, plain: plainText[string]}
	sessionTime     = kind[time.Duration]{name: "duration", form: Form{Pattern: whole(durationForm)}, read: readSessionTime, plain: func(d time.Duration) any { return d.String() }}
	scopeNames      = kind[[]string]{name: "list of scopes", types: "array string", form: Form{Pattern: `^\S+$`}, read: readScopeNames, plain: plainList[string]}
	recordNames     = kind[[]string]{name: "list of domains", types: "array string", form: Form{Pattern: "."}, read: readRecordNames, plain: plainList[string]}
	nameList        = kind[[]string]{name: "list of names", types: "array string", form: Form{Pattern: "."}, read: readNames, plain: plainList[string]}
)

// readIssuerURL reads the URL of a provider or page: https, or http on this machine.
func readIssuerURL(t *table, key string) (string, bool) {
	text, ok := t.text(key)
	if !ok {
		return "", false
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "":
		t.fail(key, "%q is not a valid URL without parameters; write it like \"https://login.hoster.example\"", text)
		return "", false
	case u.User != nil: // never quoted
		t.fail(key, "must not have a user or password in the URL; write it like \"https://login.hoster.example\"")
		return "", false
	case u.Scheme != "https" && !(u.Scheme == "http" && onThisMachine(u.Hostname())):
		t.fail(key, "%q is not an https URL, and http is allowed only on this machine; write it like \"https://login.hoster.example\"", text)
		return "", false
	}
	if key == "url" {
		text = strings.TrimSuffix(text, "/")
	}
	return text, true
}

func onThisMachine(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}

// Bounds of session.
const minSession, maxSession = 5 * time.Minute, 12 * time.Hour

func readSessionTime(t *table, key string) (time.Duration, bool) {
	text, ok := t.text(key)
	if !ok {
		return 0, false
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < minSession || d > maxSession {
		t.fail(key, "%q is not a duration from 5 minutes to 12 hours; write it like \"30m\"", text)
		return 0, false
	}
	return d, true
}

func readScopeNames(t *table, key string) ([]string, bool) {
	scopes, ok := t.texts(key)
	for i, s := range scopes {
		if s == "" || strings.ContainsAny(s, " \t\r\n") {
			t.failElement(key, i, "%q is not a single scope; write a list with one scope in each string", s)
			ok = false
		}
	}
	return scopes, ok
}

// readRecordNames reads names of tables [domains.…].
func readRecordNames(t *table, key string) ([]string, bool) {
	texts, ok := t.texts(key)
	var list []string
	for i, text := range texts {
		rest, wildcard := strings.CutPrefix(text, "*.")
		d, err := settings.ParseDomain(rest)
		if err != nil {
			t.failElement(key, i, "%q: %v", text, err)
			ok = false
			continue
		}
		name := string(d)
		if wildcard {
			name = "*." + name
		}
		list = append(list, name)
	}
	return list, ok
}

func readNames(t *table, key string) ([]string, bool) {
	names, ok := t.texts(key)
	if i := slices.Index(names, ""); i >= 0 {
		t.failElement(key, i, "is empty; remove it")
		return nil, false
	}
	return names, ok
}
