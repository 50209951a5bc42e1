package domains

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
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
func (l *loader) readUsersFile(t *table, name string, isOwn func(domain string) bool) *users {
	file := l.beside(t, name)
	u := &users{exact: make(map[string]bool)}
	text, err := l.read(file, maxNamesFile)
	if err != nil {
		t.fail("users_file", "cannot be read: %v; write its path relative to this file", err)
		return u
	}
	problems, foreign := 0, make(map[int]bool)
	before, again := l.foreign[file]
	for line, item := range items(text) {
		domain, err := u.add(item)
		if err == nil && !isOwn(domain) && (!again || before[line]) {
			foreign[line] = true
		}
		if err != nil {
			if problems++; problems <= maxProblemsPerFile {
				l.note(Position{file, line}, "", "%v", err)
			}
		}
	}
	if problems > maxProblemsPerFile {
		l.note(Position{File: file}, "", "%d more lines have mistakes; write one address per line", problems-maxProblemsPerFile)
	}
	l.foreign[file] = foreign
	if problems == 0 && len(u.exact)+len(u.globs) == 0 {
		t.warn("users_file", "%s is empty, so the rule matches no one; add one address per line", file)
	}
	return u
}

// warnOfForeignUsers warns of lines of users_files that no rule uses, because they are for addresses of other domains.
func (l *loader) warnOfForeignUsers() {
	for _, file := range sortedKeys(l.foreign) {
		lines := slices.Sorted(maps.Keys(l.foreign[file]))
		for _, line := range lines[:min(len(lines), maxProblemsPerFile)] {
			l.warn(Position{file, line}, "", "this line is for addresses of a domain that has no rule with this file; remove it")
		}
		if more := len(lines) - maxProblemsPerFile; more > 0 {
			l.warn(Position{File: file}, "", "%d more lines are for addresses of domains that have no rule with this file", more)
		}
	}
}

// maxProblemsPerFile limits the messages about one users_file: a wrong file of a million lines is one mistake, not a million.
const maxProblemsPerFile = 20

// add adds an address or a pattern, and returns its domain, which may be a pattern too.
func (u *users) add(item string) (domain string, err error) {
	local, domain, ok := strings.Cut(item, "@")
	if !ok || local == "" || domain == "" || strings.Contains(domain, "@") {
		return "", errors.New("this line is neither an address nor a pattern; write it like \"ann@example.com\" or \"*@dept.example.com\"")
	}
	if !isPattern(item) {
		a, err := settings.ParseAddress(item)
		if err != nil {
			return "", fmt.Errorf("this line is %w", err)
		}
		u.exact[strings.ToLower(a.String())] = true
		return string(a.Domain), nil
	}
	domain = strings.ToLower(domain)
	if !isPattern(domain) {
		d, err := settings.ParseDomain(domain)
		if err != nil {
			return "", fmt.Errorf("the part after the @ is %w", err)
		}
		domain = string(d)
	}
	glob := strings.ToLower(local) + "@" + domain
	if _, err := path.Match(glob, ""); err != nil {
		return "", errors.New("this line is not a valid pattern; close its [, and write * for any characters")
	}
	u.globs = append(u.globs, glob)
	return domain, nil
}

// isPattern reports whether a text has one of the characters that stand for others.
func isPattern(s string) bool { return strings.ContainsAny(s, "*?[") }
