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
	exact    map[string]bool
	patterns patterns
}

// contain reports whether an address is listed. Upper and lower case in local parts are the same, as for every mail server in use.
func (u *users) contain(a settings.Address) bool {
	text := strings.ToLower(a.String())
	return u.exact[text] || u.patterns.match(text)
}

// readUsersFile reads the users_file of a rule of the domain with a quota.
func (l *loader) readUsersFile(t *table, name string, quota *patternQuota, isOwn func(domain string) bool) *users {
	file := l.beside(t, name)
	u := &users{exact: make(map[string]bool)}
	text, err := l.read(file, maxNamesFile, UsersFile)
	if err != nil {
		t.fail("users_file", "cannot be read: %v; write its path relative to this file", err)
		return u
	}
	problems, foreign := 0, make(map[int]bool)
	before, again := l.foreign[file]
	for line, item := range items(text) {
		domain, err := u.add(item, quota)
		if err == nil && !isOwn(domain) && (!again || before[line]) {
			foreign[line] = true
		}
		if errors.Is(err, errPatterns) {
			l.note(Position{file, line}, "", "%v", err)
			break
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
	if problems == 0 && len(u.exact)+len(u.patterns.all) == 0 {
		t.warn("users_file", "%s is empty, so the rule matches no one; add one address per line", file)
	}
	return u
}

// warnOfForeignUsers warns of lines of users_files that are for addresses of domains without a rule that names the file. A rule is
// asked about such an address only if a request for it comes to a host of the rule's domain.
func (l *loader) warnOfForeignUsers() {
	for _, file := range sortedKeys(l.foreign) {
		lines := slices.Sorted(maps.Keys(l.foreign[file]))
		for _, line := range lines[:min(len(lines), maxProblemsPerFile)] {
			l.warn(Position{file, line}, "", "this line is for addresses of another domain, which has no rule with this file; add one there, or remove the line")
		}
		if more := len(lines) - maxProblemsPerFile; more > 0 {
			l.warn(Position{File: file}, "", "%d more lines are for addresses of other domains", more)
		}
	}
}

// maxProblemsPerFile limits the messages about one users_file: a wrong file of a million lines is one mistake, not a million.
const maxProblemsPerFile = 20

// add adds an address or a pattern, and returns its domain, which may be a pattern too.
func (u *users) add(item string, quota *patternQuota) (domain string, err error) {
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
	return domain, u.patterns.add(glob, quota)
}

// isPattern reports whether a text has one of the characters that stand for others.
func isPattern(s string) bool { return strings.ContainsAny(s, "*?[") }
