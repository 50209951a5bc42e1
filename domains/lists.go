package domains

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/net/publicsuffix"

	"mailhint/settings"
	"mailhint/spelling"
)

// maxNamesFile limits a domains_file or users_file, in octets: about ten million names.
const maxNamesFile = 512 << 20

// parseDomain reads the name of a mail domain. Public suffixes are allowed: gov.in and sa.gov.au have mail of their own.
func parseDomain(text string) (settings.Domain, error) {
	d, err := settings.ParseDomain(text)
	if err != nil {
		return "", fmt.Errorf("%q is %w; write a name such as \"example.com\"", text, err)
	}
	return d, nil
}

// isPublicSuffix reports whether anyone can register domains below a name.
func isPublicSuffix(d settings.Domain) bool {
	suffix, icann := publicsuffix.PublicSuffix(string(d))
	return icann && suffix == string(d)
}

// items yields the items of a file that has one on each line, with their lines. # begins a comment at the beginning of a line or after
// white space.
func items(text string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		line := 0
		for item := range strings.Lines(text) {
			line++
			if item = strings.TrimSpace(withoutComment(item)); item != "" && !yield(line, item) {
				return
			}
		}
	}
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
		return "", tooLarge(limit)
	}
	return text.String(), nil
}

func tooLarge(limit int64) error { return fmt.Errorf("%w: more than %d MB", errTooLarge, limit>>20) }

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

// domainsFile is a domains_file that is being read for the entry of its profile. Such files come from programs: a line that cannot be
// used is skipped, and the others are served. No message repeats a line: any file may have been named by mistake.
type domainsFile struct {
	*loader
	file    string
	number  uint32
	entry   uint32
	usable  int // lines with a domain
	skipped int // lines without
	repeats []repeat
}

// repeat is a line with a domain that the file has already.
type repeat struct{ line, first int }

// readDomainsFile claims every name of a profile's domains_file for its entry.
func (l *loader) readDomainsFile(t *table, name string, entry uint32) {
	file := l.beside(t, name)
	if l.index.names == nil {
		l.index.names = make(map[settings.Domain]claim, countLines(file))
	}
	text, err := l.read(file, maxNamesFile, DomainsFile)
	if err != nil {
		l.unread = cmp.Or(l.unread, file)
		t.fail("domains_file", "cannot be read: %v; write its path relative to this file", err)
		return
	}
	l.ofProfile(file, t.name())
	list := domainsFile{loader: l, file: file, number: l.fileNumber(file), entry: entry}
	for line, item := range items(text) {
		list.add(line, item)
	}
	list.noteRepeats(text)
	switch {
	case list.usable > 0:
	case list.skipped == 1:
		t.fail("domains_file", "the only line of %s is not a domain; name a file with one domain per line", file)
	case list.skipped > 0:
		t.fail("domains_file", "none of the %s of %s is a domain; name a file with one domain per line", spelling.Count(list.skipped, "line"), file)
	default:
		t.warn("domains_file", "%s is empty; add one domain per line", file)
	}
}

// add claims the domain on a line.
func (f *domainsFile) add(line int, item string) {
	at := Position{f.file, line}
	d, err := settings.ParseDomain(item)
	if err != nil {
		f.skipped++
		f.skip(at, "this line is %v", err)
		return
	}
	f.usable++
	first, taken := f.index.names[d]
	switch {
	case !taken:
		f.index.names[d] = claim{f.entry, f.number, uint32(line)}
		f.warnOfName(at, "", "this domain", d)
	case first.entry != f.entry:
		f.note(at, "", "this domain is already defined at %s; remove one of them", f.place(first))
	case first.file != f.number:
		f.skip(at, "this domain is in the same profile at %s; remove one of them", f.place(first))
	default:
		f.repeats = append(f.repeats, repeat{line, int(first.line)})
	}
}

// noteRepeats reports the domains that the file has several times. The same domain in another spelling is only a warning: to the programs
// that write lists, bücher.example and xn--bcher-kva.example are two domains.
func (f *domainsFile) noteRepeats(text string) {
	if len(f.repeats) == 0 {
		return
	}
	spelled := make(map[int]string)
	for _, r := range f.repeats {
		spelled[r.line], spelled[r.first] = "", ""
	}
	for line, item := range items(text) {
		if _, wanted := spelled[line]; wanted {
			spelled[line] = item
		}
	}
	for _, r := range f.repeats {
		at := Position{f.file, r.line}
		if spelled[r.line] == spelled[r.first] {
			f.skip(at, "repeats line %d; remove one of them", r.first)
		} else {
			f.warn(at, "", "is the same domain as line %d, spelled differently; remove one of them", r.first)
		}
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
