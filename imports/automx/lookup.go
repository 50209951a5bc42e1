package automx

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"mailhint/domains"
	"mailhint/settings"
)

// lookup returns the name of the look-up that finds a login name that a backend finds in automx; empty, after reporting it, if there can be none.
func (a *account) lookup(s service, text string, line int) string {
	of, err := domains.LoginLookup{}, error(nil)
	attribute := strings.TrimSuffix(strings.TrimPrefix(text, "${"), "}")
	backend, _ := strings.CutSuffix(strings.ToLower(s.text("backend")), "_append")
	switch {
	case variable.FindString(text) != text:
		err = errors.New("it is more than what is found")
	case backend == "ldap":
		of, err = a.directory(s.section, attribute)
	case backend == "sql":
		of, err = a.database(s.section, attribute)
	default:
		err = fmt.Errorf("backend = %s finds nothing that can be converted", backend)
	}
	name := ""
	if err == nil {
		name, err = a.c.Lookup(of)
	}
	if err != nil {
		a.c.Remark(a.at(cmp.Or(s.at("backend"), line)), "the login name %q is not converted: %v. Answers have the whole address until you write [lookups.people], and login = { lookup = \"people\" }",
			text, err)
		return ""
	}
	if of.PasswordFile != "" {
		a.c.Remark(a.at(s.at(passwordOption[backend])), "the password is not converted: write it to %s.pass, beside domains.toml, which no other user may read", name)
	}
	return name
}

// passwordOption is the option that has the password for a backend.
var passwordOption = map[string]string{"ldap": "bindpw", "sql": "host"}

// lookupName is what a look-up is called; another gets a number.
const lookupName = "people"

// scopes are the words for a search in everything below the base.
var scopes = []string{"", "sub", "subtree", "substree"}

// directory converts what a section says about LDAP.
func (a *account) directory(s *section, attribute string) (domains.LoginLookup, error) {
	of := domains.NewLookup("ldap")
	external := strings.EqualFold(s.text("saslmech"), "external")
	switch {
	case strings.EqualFold(s.text("bindmethod"), "sasl") && !external:
		return of, fmt.Errorf("there is no SASL mechanism but external, and this is saslmech = %s; use bind_dn with a password", s.text("saslmech"))
	case strings.EqualFold(s.text("bindmethod"), "sasl") && s.text("cert") == "":
		return of, errors.New("saslmech = external is without cert and key; use bind_dn with a password")
	case !slices.Contains(scopes, strings.ToLower(s.text("scope"))):
		return of, fmt.Errorf("scope = %s is not known, everything below base is searched; write a filter that finds the same", s.text("scope"))
	case s.text("filter") == "":
		return of, errors.New("without filter, it does not depend on the address")
	case s.text("base") == "":
		return of, errors.New("it has no base")
	}
	of.Name, of.Attribute, of.Base, of.Filter = lookupName, attribute, s.text("base"), macros.Replace(s.text("filter"))
	for _, text := range items(cmp.Or(s.text("host"), "ldap://127.0.0.1/")) {
		of.URLs = append(of.URLs, directoryURL(text))
	}
	of.CA, of.Cert, of.Key = a.besideFile(s.text("cacert")), a.besideFile(s.text("cert")), a.besideFile(s.text("key"))
	if s.text("binddn") != "" && !external {
		of.BindDN, of.PasswordFile = s.text("binddn"), lookupName+".pass"
	}
	if a.version == V1 && !strings.EqualFold(s.text("reqcert"), "demand") {
		a.c.Remark(a.at(max(s.at("reqcert"), s.at("host"))), "the directory is asked with TLS only, and its certificate is checked, which automx does not do here: see that it is valid for the name in host")
	}
	return of, nil
}

// directoryURL spells the URL of a server as domains.toml does.
func directoryURL(text string) string {
	u, err := url.Parse(text)
	if err == nil && u.Scheme == "ldap" || err == nil && u.Scheme == "ldaps" {
		return strings.TrimSuffix(text, "/")
	}
	if socket, ok := strings.CutPrefix(text, "ldapi://"); ok {
		if path, err := url.PathUnescape(socket); err == nil {
			return "ldapi://" + path
		}
	}
	return text
}

// besideFile is the path of a file that the configuration names.
func (a *account) besideFile(name string) string {
	if name == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(a.name), name)
}

// schemes are those of databases in domains.toml, by SQLAlchemy's.
var schemes = map[string]string{"postgres": "postgres", "postgresql": "postgres", "mysql": "mysql", "mariadb": "mysql"}

// database converts what a section says about SQL.
func (a *account) database(s *section, attribute string) (domains.LoginLookup, error) {
	of := domains.NewLookup("sql")
	of.Name, of.Filter = lookupName, ""
	hosts := items(s.text("host"))
	if len(hosts) == 0 {
		return of, errors.New("it has no host")
	}
	u, err := url.Parse(hosts[0])
	if err != nil {
		return of, errors.New("its host is not a valid URL") // the error would repeat it
	}
	dialect, _, _ := strings.Cut(u.Scheme, "+")
	scheme, known := schemes[dialect]
	switch {
	case !known:
		return of, fmt.Errorf("databases are PostgreSQL and MySQL, and this is %s", dialect)
	case len(hosts) > 1:
		return of, errors.New("it has several hosts, and a look-up has one; write the name of a proxy or of the main one")
	}
	if u.Scheme = scheme; u.User != nil {
		if _, secret := u.User.Password(); secret {
			of.PasswordFile = lookupName + ".pass"
		}
		u.User = url.User(u.User.Username())
	}
	socket := u.Query().Get("unix_socket")
	u.RawQuery = ""
	if socket != "" {
		u.RawQuery = url.Values{"socket": {socket}}.Encode()
	}
	of.URLs = []string{u.String()}
	of.Query, err = query(s.text("query"), attribute)
	return of, err
}

// queryMacros are the placeholders of a statement. Version 1 puts the text between quotes, version 3 has parameters.
var queryMacros = strings.NewReplacer("'%u@%d'", settings.EmailAddress, "'%s'", settings.EmailAddress, "'%u'", settings.EmailLocalPart, "'%d'", settings.EmailDomain,
	":emailaddress", settings.EmailAddress, ":localpart", settings.EmailLocalPart, ":domain", settings.EmailDomain)

// selection is a statement with a list of columns that are names.
var selection = regexp.MustCompile(`(?is)^\s*SELECT\s+([\w.,\s"` + "`" + `]+?)\s+FROM\s+(.*)$`)

// query returns a statement that returns one column only.
func query(text, attribute string) (string, error) {
	text = queryMacros.Replace(strings.TrimSuffix(strings.TrimSpace(text), ";"))
	if rest := strings.NewReplacer(settings.EmailAddress, "", settings.EmailLocalPart, "", settings.EmailDomain, "").Replace(text); strings.Contains(rest, "%") {
		return "", errors.New("its query has a macro inside of a longer text; write one with placeholders, which are whole values without quotes")
	}
	parts := selection.FindStringSubmatch(text)
	if parts == nil {
		return "", errors.New("its query does not select columns by name; write one that returns only the login name")
	}
	for _, column := range strings.Split(parts[1], ",") {
		words := strings.FieldsFunc(column, func(r rune) bool { return strings.ContainsRune(" \t.\"`", r) })
		if len(words) > 0 && strings.EqualFold(words[len(words)-1], attribute) {
			return "SELECT " + strings.TrimSpace(column) + " FROM " + parts[2], nil
		}
	}
	return "", fmt.Errorf("its query has no column %s; write one that returns only the login name", attribute)
}
