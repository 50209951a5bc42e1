package domains

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/net/publicsuffix"

	"mailhint/settings"
)

// maxNamesFile limits a domains_file or users_file, in octets: about ten million names.
const maxNamesFile = 512 << 20

// maxProblemsPerFile limits the messages about one list: a wrong file of a million lines is one mistake, not a million.
const maxProblemsPerFile = 20

// parseDomain reads the name of a mail domain. It refuses public suffixes, below which anyone can register domains.
func parseDomain(text string) (settings.Domain, error) {
	d, err := settings.ParseDomain(text)
	if err != nil {
		return "", fmt.Errorf("%q is %w; write a name such as \"example.com\"", text, err)
	}
	if suffix, icann := publicsuffix.PublicSuffix(string(d)); icann && suffix == string(d) {
		return "", fmt.Errorf("%q is a public suffix, below which anyone can register domains; write the full domain, such as \"example.%s\"", text, d)
	}
	return d, nil
}

// readList reads a file with one item per line and calls each for every item with its line. # begins a comment at the beginning of a
// line or after white space. Mistakes that each returns are noted; the error is for a file that cannot be read.
func (l *loader) readList(file, what string, each func(line int, item string) error) error {
	text, err := l.read(file, maxNamesFile)
	if err != nil {
		return err
	}
	line, problems := 0, 0
	for item := range strings.Lines(text) {
		line++
		if item = strings.TrimSpace(withoutComment(item)); item == "" {
			continue
		}
		if err := each(line, item); err != nil {
			if problems++; problems <= maxProblemsPerFile {
				l.note(Position{file, line}, "", "%v", err)
			}
		}
	}
	if problems > maxProblemsPerFile {
		l.note(Position{File: file}, "", "%d more lines have mistakes; write one %s per line", problems-maxProblemsPerFile, what)
	}
	return nil
}

// withoutComment removes a comment. A # within a word is part of the word: RFC 5322 allows it in an address.
func withoutComment(line string) string {
	for i := range len(line) {
		if line[i] == '#' && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t') {
			return line[:i]
		}
	}
	return line
}

// errTooLarge is wrapped by the error for a file that is larger than the limit.
var errTooLarge = errors.New("the file is too large")

// readText reads a whole file at once: the names of a list are parts of its text and share its memory.
func readText(file string, limit int64) (string, error) {
	size := int64(0)
	if info, err := os.Stat(file); err == nil { // before opening, which would wait for a writer of a named pipe
		if !info.Mode().IsRegular() {
			return "", fmt.Errorf("%s is a %s, not a file", file, kindOf(info.Mode()))
		}
		size = info.Size()
	}
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	var text strings.Builder
	text.Grow(int(min(size, limit)) + 1)
	if _, err := io.Copy(&text, io.LimitReader(f, limit+1)); err != nil {
		return "", err
	}
	if int64(text.Len()) > limit {
		return "", fmt.Errorf("%w: more than %d MB", errTooLarge, limit>>20)
	}
	return strings.TrimPrefix(text.String(), "\uFEFF"), nil
}

// kindOf names what is not a regular file.
func kindOf(mode os.FileMode) string {
	switch {
	case mode.IsDir():
		return "directory"
	case mode&os.ModeNamedPipe != 0:
		return "named pipe"
	case mode&os.ModeDevice != 0:
		return "device"
	}
	return "special file"
}

// readDomainsFile claims every name of a profile's domains_file for its entry.
func (l *loader) readDomainsFile(t *table, name string, entry uint32) {
	file := l.beside(t, name)
	number := l.fileNumber(file)
	if l.index.names == nil {
		l.index.names = make(map[settings.Domain]claim, countLines(file))
	}
	err := l.readList(file, "domain", func(line int, item string) error {
		d, err := parseDomain(item)
		if err != nil {
			return err
		}
		return l.claim(l.index.names, d, claim{entry, number, uint32(line)})
	})
	if err != nil {
		t.fail("domains_file", "cannot be read: %v; write its path relative to this file", err)
	}
}

// countLines guesses from its size how many names a file has, so that the map need not grow on the way to a million.
func countLines(file string) int {
	const usualLine = 20
	info, err := os.Stat(file)
	if err != nil {
		return 0
	}
	return int(min(info.Size(), maxNamesFile) / usualLine)
}

// beside returns the path of a file named in a table, which is relative to the file that the table is in. The file is watched.
func (l *loader) beside(t *table, name string) string {
	file := name
	if !filepath.IsAbs(name) {
		file = filepath.Join(filepath.Dir(t.src.file), name)
	}
	l.watch.look(file)
	return file
}

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
	err := l.readList(file, "address", func(_ int, item string) error { return u.add(item) })
	if err != nil {
		t.fail("users_file", "cannot be read: %v; write its path relative to this file", err)
	}
	return u
}

func (u *users) add(item string) error {
	local, domain, ok := strings.Cut(item, "@")
	if !ok || local == "" || domain == "" || strings.Contains(domain, "@") {
		return fmt.Errorf("%q is neither an address nor a pattern; write it like \"ann@example.com\" or \"*@dept.example.com\"", item)
	}
	if !strings.ContainsAny(item, "*?[") {
		a, err := settings.ParseAddress(item)
		if err != nil {
			return fmt.Errorf("%q is %w", item, err)
		}
		u.exact[strings.ToLower(a.String())] = true
		return nil
	}
	if !strings.ContainsAny(domain, "*?[") {
		d, err := settings.ParseDomain(domain)
		if err != nil {
			return fmt.Errorf("in %q, the part after the @ is %w", item, err)
		}
		domain = string(d)
	}
	glob := strings.ToLower(local + "@" + domain)
	if _, err := path.Match(glob, ""); err != nil {
		return fmt.Errorf("%q is not a valid pattern: %w; * matches anything", item, err)
	}
	u.globs = append(u.globs, glob)
	return nil
}
