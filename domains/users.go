package domains

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"mailhint/settings"
)

// users is the content of a users_file: addresses and patterns.
type users struct {
	exact map[string]bool
	globs []string
}

// contain reports whether an address is listed. Upper and lower case in local parts are the same, as for every mail server in use.
func (u *users) contain(a settings.Address) bool {
	text := strings.ToLower(a.String())
	if u.exact[text] {
		return true
	}
	text = withoutSlashes.Replace(text)
	for _, glob := range u.globs {
		if ok, _ := path.Match(withoutSlashes.Replace(glob), text); ok { // checked at load
			return true
		}
	}
	return false
}

// withoutSlashes replaces slashes, which a local part may contain and a * of package path does not match.
var withoutSlashes = strings.NewReplacer("/", "\x00")

// readUsersFile reads a rule's users_file.
func (l *loader) readUsersFile(t *table, name string) *users {
	file := l.beside(t, name)
	u := &users{exact: make(map[string]bool)}
	text, err := l.read(file, maxNamesFile)
	if err != nil {
		t.fail("users_file", "cannot be read: %v; write its path relative to this file", err)
		return u
	}
	problems := 0
	for line, item := range items(text) {
		if err := u.add(item); err != nil {
			if problems++; problems <= maxProblemsPerFile {
				l.note(Position{file, line}, "", "%v", err)
			}
		}
	}
	if problems > maxProblemsPerFile {
		l.note(Position{File: file}, "", "%d more lines have mistakes; write one address per line", problems-maxProblemsPerFile)
	}
	return u
}

// maxProblemsPerFile limits the messages about one users_file: a wrong file of a million lines is one mistake, not a million.
const maxProblemsPerFile = 20

func (u *users) add(item string) error {
	local, domain, ok := strings.Cut(item, "@")
	if !ok || local == "" || domain == "" || strings.Contains(domain, "@") {
		return errors.New("this line is neither an address nor a pattern; write it like \"ann@example.com\" or \"*@dept.example.com\"")
	}
	if !strings.ContainsAny(item, "*?[") {
		a, err := settings.ParseAddress(item)
		if err != nil {
			return fmt.Errorf("this line is %w", err)
		}
		u.exact[strings.ToLower(a.String())] = true
		return nil
	}
	if !strings.ContainsAny(domain, "*?[") {
		d, err := settings.ParseDomain(domain)
		if err != nil {
			return fmt.Errorf("the part after the @ is %w", err)
		}
		domain = string(d)
	}
	glob := strings.ToLower(local + "@" + domain)
	if _, err := path.Match(glob, ""); err != nil {
		return errors.New("this line is not a valid pattern; close its [, and write * for any characters")
	}
	u.globs = append(u.globs, glob)
	return nil
}
