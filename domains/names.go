package domains

import (
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/net/publicsuffix"

	"mailhint/settings"
)

// maxNamesFile bounds a domains_file or users_file, in octets: ten million names or so.
const maxNamesFile = 512 << 20

// maxProblemsPerFile bounds what is said about one list: a wrong file of a million lines is one mistake, not a million.
const maxProblemsPerFile = 20

// parseDomain reads a name that somebody claims to receive mail for. Public suffixes belong to everybody below them.
func parseDomain(text string) (settings.Domain, error) {
	d, err := settings.ParseDomain(text)
	if err != nil {
		return "", fmt.Errorf("%q can be no mail domain: %w", text, err)
	}
	if suffix, icann := publicsuffix.PublicSuffix(string(d)); icann && suffix == string(d) {
		return "", fmt.Errorf("%q is a public suffix, under which others register their domains; write the domain itself, such as \"example.%s\"", text, d)
	}
	return d, nil
}

// readList reads a file of one item a line and calls each for every item with its line. # begins a comment.
func readList(file string, each func(line int, item string)) error {
	text, err := readText(file, maxNamesFile)
	if err != nil {
		return err
	}
	line := 0
	for item := range strings.Lines(text) {
		line++
		if i := strings.IndexByte(item, '#'); i >= 0 {
			item = item[:i]
		}
		if item = strings.TrimSpace(item); item != "" {
			each(line, item)
		}
	}
	return nil
}

// readText reads a whole file, once: names of a list are parts of the text and share its memory.
func readText(file string, limit int64) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if info.IsDir() {
		return "", fmt.Errorf("%s is a directory, not a file", file)
	}
	var text strings.Builder
	text.Grow(int(min(info.Size(), limit)) + 1)
	if _, err := io.Copy(&text, io.LimitReader(f, limit+1)); err != nil {
		return "", err
	}
	if int64(text.Len()) > limit {
		return "", fmt.Errorf("%s is larger than %d MB, the most that is read", file, limit>>20)
	}
	return strings.TrimPrefix(text.String(), "\uFEFF"), nil
}

// readDomainsFile claims every name of a profile's domains_file for its entry.
func (l *loader) readDomainsFile(t *table, entry uint32) {
	name, ok := t.text("domains_file")
	if !ok {
		return
	}
	file := l.beside(t, name)
	number, problems := l.fileNumber(file), 0
	report := func(line int, err error) {
		if problems++; problems <= maxProblemsPerFile {
			l.note(Position{file, line}, "", "%v", err)
		}
	}
	if l.index.names == nil {
		l.index.names = make(map[settings.Domain]claim, countLines(file))
	}
	err := readList(file, func(line int, item string) {
		d, err := parseDomain(item)
		if err != nil {
			report(line, err)
			return
		}
		if err := l.claim(l.index.names, d, claim{entry, number, uint32(line)}); err != nil {
			report(line, err)
		}
	})
	if err != nil {
		t.fail("domains_file", "cannot be read: %v; write the path from the folder of this file", err)
	}
	if problems > maxProblemsPerFile {
		l.note(Position{File: file}, "", "%d more lines have mistakes; is it a list of one domain a line?", problems-maxProblemsPerFile)
	}
}

// countLines guesses how many names a file holds from its size, so that the map need not grow on the way to a million.
func countLines(file string) int {
	const usualLine = 20
	info, err := os.Stat(file)
	if err != nil {
		return 0
	}
	return int(min(info.Size(), maxNamesFile) / usualLine)
}

// beside returns the path of a file named in a table: relative to the file the table stands in. The file is watched.
func (l *loader) beside(t *table, name string) string {
	file := name
	if !filepath.IsAbs(name) {
		file = filepath.Join(filepath.Dir(t.src.file), name)
	}
	l.watched = append(l.watched, file)
	return file
}

// users is the content of a users_file: addresses and globs.
type users struct {
	exact map[string]bool
	globs []string
}

// contain reports whether an address is listed. Local parts are compared without case, as every mail server in use does.
func (u *users) contain(a settings.Address) bool {
	text := strings.ToLower(a.String())
	if u.exact[text] {
		return true
	}
	for _, glob := range u.globs {
		if ok, _ := path.Match(glob, text); ok { // checked at load
			return true
		}
	}
	return false
}

// readUsersFile reads a rule's users_file; nil if the rule has none.
func (l *loader) readUsersFile(t *table) *users {
	name, ok := t.text("users_file")
	if !ok {
		return nil
	}
	file := l.beside(t, name)
	u := &users{exact: make(map[string]bool)}
	err := readList(file, func(line int, item string) {
		if err := u.add(item); err != nil {
			l.note(Position{file, line}, "", "%v", err)
		}
	})
	if err != nil {
		t.fail("users_file", "cannot be read: %v; write the path from the folder of this file", err)
	}
	return u
}

func (u *users) add(item string) error {
	local, domain, ok := strings.Cut(item, "@")
	if !ok || local == "" || domain == "" || strings.Contains(domain, "@") {
		return fmt.Errorf("%q is no address and no pattern; write \"ann@example.com\" or \"*@dept.example.com\"", item)
	}
	if !strings.ContainsAny(item, "*?[") {
		a, err := settings.ParseAddress(item)
		if err != nil {
			return fmt.Errorf("%q: %w", item, err)
		}
		u.exact[strings.ToLower(a.String())] = true
		return nil
	}
	glob := strings.ToLower(item)
	if _, err := path.Match(glob, ""); err != nil {
		return fmt.Errorf("%q is no pattern: %w; * stands for anything", item, err)
	}
	u.globs = append(u.globs, glob)
	return nil
}
