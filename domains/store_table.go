package domains

import (
	"regexp"
	"strings"
)

// Store is the [store] table: a database with domains and profiles beside those of the files.
type Store struct {
	// Type is "postgres"; empty if there is no [store].
	Type string
	// URL is a connection string as PostgreSQL's libpq takes it, without a password.
	URL string
	// PasswordFile is the file with the password of the database user, with an absolute path; empty for none.
	PasswordFile string
	// At is where the table was written.
	At Position
}

// SameAs reports whether two tables say the same, wherever they are.
func (s Store) SameAs(other Store) bool {
	other.At = s.At
	return s == other
}

// readStore reads the [store] table.
func (l *loader) readStore() Store {
	t := l.store
	if t == nil {
		return Store{}
	}
	defer t.done()
	v := Store{At: t.at()}
	readKeys(t, storeKeys, &v)
	if !t.has("type") {
		t.fail("", "has no type; add type = \"postgres\"")
	}
	if !t.has("url") {
		t.fail("", "has no url; add url = \"postgres://mailhint@db.example.com/mailhint?sslmode=verify-full\"")
	}
	return v
}

// The kinds of values that only [store] has.
var (
	secretFileName = kind[string]{name: "file with a secret", form: fileForm, read: readSecretFileName, plain: plainText[string]}

	databaseURL  = kind[string]{name: "connection string", form: Form{Pattern: databaseForm.String()}, read: readDatabaseURL, plain: plainText[string]}
	databaseForm = regexp.MustCompile(`^(postgres(ql)?://.|[a-z_]+ *= *.)`)
	// databasePassword finds a password in a connection string: user:password@, or password=.
	databasePassword = regexp.MustCompile(`^postgres(ql)?://[^/@]*:[^/@]*@|(^|[\s&?])(ssl)?password\s*=`)
)

func readDatabaseURL(t *table, key string) (string, bool) {
	text, ok := t.text(key)
	switch {
	case !ok:
	case databasePassword.MatchString(text): // never quoted
		t.fail(key, "contains a password; write that to a file which no other user may read, and name the file with password_file")
	case !databaseForm.MatchString(text):
		t.fail(key, "%q is not a valid connection string; write it like \"postgres://mailhint@db.example.com/mailhint?sslmode=verify-full\"", text)
	default:
		return text, true
	}
	return "", false
}

func readSecretFileName(t *table, key string) (string, bool) {
	name, ok := readFileName(t, key)
	if ok && strings.TrimSpace(name) == "" {
		t.fail(key, "is empty; write the file with the password, or remove it")
	}
	return name, ok
}
