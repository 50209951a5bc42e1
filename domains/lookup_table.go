package domains

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"mailhint/settings"
)

// LoginLookup is a table [lookups.…]: where the login names of people are found whose login name cannot be made of their address. Which fields
// are set depends on the type.
type LoginLookup struct {
	Name string
	Type string // "file", "ldap" or "sql"
	// Unknown is the form of the login name for addresses that are not found, and while nothing can be found.
	Unknown settings.Login

	// File has the login names, with Type "file". Like those of all files, its path is absolute.
	File string

	// URLs are the servers, in the order in which they are asked: ldaps:, ldap: or ldapi: with Type "ldap", and one postgres: or mysql: with "sql".
	URLs []string
	// CA has the certificates of the only CAs that servers may have theirs from; empty for those that the system trusts.
	CA string
	// PasswordFile has the password, and only the user that mailhint runs as may read it; empty for none.
	PasswordFile string

	Base      string // where to search in the directory
	Filter    string // what to search for, with placeholders for the person
	Attribute string // the attribute that is the login name
	BindDN    string // the name to bind with; empty for an anonymous bind, or one with the certificate
	Cert, Key string // files with a client certificate for the directory, and its private key; empty for none

	Query string // the statement, with placeholders for the person

	// At is where the table was written.
	At Position
}

// lookupValues are the values of lookupKeys.
type lookupValues struct {
	LoginLookup
	bindPasswordFile, passwordFile string
}

// lookupTypes are the types of look-ups, and the keys that each has besides type and unknown: first those that it needs.
var lookupTypes = map[string]struct{ required, optional []string }{
	"file": {[]string{"file"}, nil},
	"ldap": {[]string{"url", "base", "attribute"}, []string{"filter", "bind_dn", "bind_password_file", "cert", "key", "ca"}},
	"sql":  {[]string{"url", "query"}, []string{"password_file", "ca"}},
}

// readLookup reads a table [lookups.…].
func (l *loader) readLookup(t *table) {
	defer t.done()
	v := lookupDefaults
	readKeys(t, lookupKeys, &v)
	v.Name, v.At = t.name(), t.at()
	v.PasswordFile = v.bindPasswordFile + v.passwordFile // of which a type has one
	if l.lookups[v.Name] = &v.LoginLookup; !t.has("type") {
		t.fail("", "has no type; add type = \"file\", \"ldap\" or \"sql\"")
		return
	}
	if _, isText := t.values["type"].(string); !isText || v.Type != t.values["type"] {
		return // which has been noted
	}
	of := lookupTypes[v.Type]
	for _, k := range lookupKeys {
		switch {
		case slices.Contains(of.required, k.Name) && !t.has(k.Name):
			t.fail("", "has no %s; add %s = %s", k.Name, k.Name, lookupExamples[v.Type][k.Name])
		case t.has(k.Name) && !slices.Contains([]string{"type", "unknown"}, k.Name) && !slices.Contains(of.required, k.Name) && !slices.Contains(of.optional, k.Name):
			t.fail(k.Name, "is not used with type = %q; remove it", v.Type)
		}
	}
	if v.Type != "file" {
		t.checkLookupURLs(v.Type, v.URLs)
	}
	if v.Type == "ldap" && t.has("bind_dn") != t.has("bind_password_file") {
		t.fail("", "bind_dn and bind_password_file must be used together; add the other one, or remove both")
	}
	if v.Type == "ldap" && t.has("cert") != t.has("key") {
		t.fail("", "cert and key must be used together; add the other one, or remove both")
	}
}

// CheckLookup returns what is wrong with the values of a look-up. It opens none of its files.
func CheckLookup(of LoginLookup) Problems {
	const name = "look-up"
	l := newLoader()
	l.given = map[string]string{name: of.TOML()}
	main, ok := l.parse(name, MainFile, "")
	if !ok {
		return l.problems.sorted()
	}
	if above, ok := main.table("lookups"); ok {
		for _, t := range above.children() {
			l.readLookup(t)
		}
	}
	return l.problems.sorted()
}

// NewLookup returns a look-up of a type with the values that all have unless the table says otherwise.
func NewLookup(kind string) LoginLookup {
	of := lookupDefaults.LoginLookup
	of.Type = kind
	return of
}

// lookupExamples are values of the required keys, for messages.
var lookupExamples = map[string]map[string]string{
	"file": {"file": `"logins.txt"`},
	"ldap": {"url": `"ldaps://ldap.example.com"`, "base": `"ou=people,dc=example,dc=com"`, "attribute": `"uid"`},
	"sql":  {"url": `"postgres://mailhint@db.example.com/mail"`, "query": `"SELECT login FROM people WHERE address = %EMAILADDRESS%"`},
}

var lookupDefaults, _ = defaultsOf(lookupKeys)

// lookupSchemes are the schemes of the servers of a type.
var lookupSchemes = map[string][]string{"ldap": {"ldaps", "ldap", "ldapi"}, "sql": {"postgres", "mysql"}}

// checkLookupURLs checks the URLs of the servers of a look-up.
func (t *table) checkLookupURLs(kind string, urls []string) {
	if kind == "sql" && len(urls) > 1 {
		t.fail("url", "must be a single URL with type = \"sql\"; write url = %s", lookupExamples["sql"]["url"])
		return
	}
	if urls != nil && len(urls) == 0 {
		t.fail("url", "is empty; write url = %s", lookupExamples[kind]["url"])
	}
	for i, text := range urls {
		if err := checkLookupURL(kind, text); err != nil {
			t.failElement("url", i, "%v; write it like %s", err, lookupExamples[kind]["url"])
		}
	}
}

// checkLookupURL never repeats the URL, which may have a password in it.
func checkLookupURL(kind, text string) error {
	u, err := url.Parse(text)
	if err != nil {
		return errors.New("this is not a valid URL")
	}
	if _, secret := u.User.Password(); secret {
		return errors.New("this URL contains a password, and secrets are never written here; put it in a file")
	}
	schemes := lookupSchemes[kind]
	if !slices.Contains(schemes, u.Scheme) {
		return fmt.Errorf("this URL must begin with %s", strings.Join(schemes, ": or ")+":")
	}
	query := u.Query()
	socket := query.Get("socket")
	query.Del("socket")
	switch {
	case u.Scheme == "ldapi":
		if u.Path == "" || u.Host != "" {
			return errors.New("this URL has no path of a socket, as in ldapi:///run/slapd/ldapi")
		}
	case kind == "ldap" && (u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != ""):
		return errors.New("this URL must have a host name, perhaps a port, and nothing else: base, filter and attribute have keys of their own")
	case kind == "sql" && (u.User.Username() == "" || strings.Trim(u.Path, "/") == "" || u.Hostname() == "" && socket == ""):
		return errors.New("this URL must have the name of a user, a host and the name of a database")
	case kind == "sql" && (len(query) > 0 || u.Fragment != ""):
		return errors.New("this URL may have no parameter but socket, as in ?socket=/run/mysqld/mysqld.sock: connections to other machines are always encrypted")
	}
	return nil
}

// The kinds of values that only look-ups have.
var (
	lookupURLs  = kind[[]string]{name: "URL, or list of them", types: "string array", form: Form{Pattern: `^(ldaps?|ldapi|postgres|mysql)://`, MinItems: 1}, read: (*table).texts, plain: plainLookupURLs}
	dataFile    = kind[string]{name: "file", form: fileForm, read: readDataFile, plain: plainText[string]}
	personText  = kind[string]{name: "text with placeholders", form: personForm, read: readPersonText, plain: plainText[string]}
	notEmptyOne = kind[string]{name: "string", form: fileForm, read: readNotEmpty, plain: plainText[string]}
)

// personForm is the form of a text with placeholders for a person, and perhaps several lines.
var personForm = Form{Pattern: whole(`(` + textCharacters("EMAILADDRESS", "EMAILLOCALPART", "EMAILDOMAIN", "PRIMARYDOMAIN") + `)+`)}

func plainLookupURLs(urls []string) any {
	if len(urls) == 1 {
		return urls[0]
	}
	return plainList(urls)
}

func readNotEmpty(t *table, key string) (string, bool) {
	text, ok := t.text(key)
	if ok && strings.TrimSpace(text) == "" {
		t.fail(key, "is empty; write a value, or remove it")
		return "", false
	}
	return text, ok
}

func readDataFile(t *table, key string) (string, bool) {
	name, ok := readNotEmpty(t, key)
	return t.absolute(name), ok
}

// readPersonText reads a filter or a statement, which must depend on the person.
func readPersonText(t *table, key string) (string, bool) {
	text, ok := readNotEmpty(t, key)
	if !ok {
		return "", false
	}
	err := settings.CheckPersonPlaceholders(text)
	if err == nil && !strings.Contains(text, settings.EmailAddress) && !strings.Contains(text, settings.EmailLocalPart) {
		err = fmt.Errorf("would find the same for everyone; use %s, or %s", settings.EmailAddress, settings.EmailLocalPart)
	}
	if err != nil {
		t.fail(key, "%v", err)
	}
	return text, err == nil
}

// loginTableValues are the values of loginTableKeys.
type loginTableValues struct{ lookup, hint string }

// maxHint is the length of a hint in characters.
const maxHint = 100

// readLookupLogin reads login = { lookup = "…", hint = "…" }. The form of the look-up is not known yet: see loader.withForms.
func readLookupLogin(t *table, key string) (settings.Login, bool) {
	own, ok := t.table(key)
	if !ok {
		return "", false
	}
	defer own.done()
	var v loginTableValues
	at := readKeys(own, loginTableKeys, &v)
	if !own.has("lookup") {
		own.fail("", "has no lookup; write { lookup = \"people\" } for [lookups.people]")
	}
	return settings.NewLookupLogin(v.lookup, v.hint, ""), at.has("lookup") && (at.has("hint") || !own.has("hint"))
}

func readHint(t *table, key string) (string, bool) {
	text, ok := t.text(key)
	if !ok {
		return "", false
	}
	hint, err := settings.ParseText(text, maxHint)
	if err == nil && hint.Expand("a.example", "b.example") != text {
		err = errors.New("placeholders are not allowed in a hint")
	}
	if err != nil {
		t.fail(key, "%v", err)
	}
	return text, err == nil
}

// plainLogin returns a login as domains.toml spells it.
func plainLogin(l settings.Login) any {
	if l.Lookup() == "" {
		return plainText(l)
	}
	return plainTable(loginTableKeys, &loginTableValues{l.Lookup(), l.Hint()})
}

// withForms completes settings whose login names are looked up: each gets the form of its look-up.
func (l *loader) withForms(s *settings.Settings, stack *layer, owner *table) {
	s.Login = l.withForm(s.Login, stack.at.of("login"), keyIn(owner, "login"))
	for i := range s.Servers {
		server := &s.Servers[i]
		at := stack.at.of("login")
		for _, spec := range stack.servers[server.Protocol] {
			if spec.Login == server.Login {
				at = spec.at
			}
		}
		server.Login = l.withForm(server.Login, at, keyIn(owner, "login"))
	}
	s.NameLookups()
}

func (l *loader) withForm(login settings.Login, at Position, key string) settings.Login {
	name := login.Lookup()
	if name == "" {
		return login
	}
	l.usedLookups[name] = true
	of, ok := l.lookups[name]
	if !ok {
		p := Problem{at, key, fmt.Sprintf("there is no look-up %q%s", name, l.missingLookup(name))}
		if !slices.Contains(l.problems, p) { // each server has it
			l.problems = append(l.problems, p)
		}
		return settings.EmailAddress
	}
	return settings.NewLookupLogin(name, login.Hint(), of.Unknown)
}

func (l *loader) missingLookup(name string) string {
	names := sortedKeys(l.lookups)
	hint := didYouMean(name, names)
	switch {
	case hint == "" && len(names) == 0:
		hint = fmt.Sprintf("; add a table [lookups.%s]", spell([]string{name}))
	case hint == "":
		hint = "; the look-ups are " + few(names)
	}
	return hint
}

// loginLookups returns the look-ups in the order of their names, and warns of those that nothing uses.
func (l *loader) loginLookups() []LoginLookup {
	var list []LoginLookup
	for _, name := range sortedKeys(l.lookups) {
		if !l.usedLookups[name] && len(l.problems) == 0 && l.store == nil { // a database may have domains that use it
			l.warn(l.lookups[name].At, spell([]string{"lookups", name}), "nothing uses this look-up; write login = { lookup = %q } in a domain or profile", name)
		}
		list = append(list, *l.lookups[name])
	}
	return list
}
