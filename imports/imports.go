// Package imports turns what others publish about mail domains into entries of domains.toml. Each source has a file that reads it, such as
// ispdb.go for Mozilla's ISPDB; writer is what they share: a domain is imported once, everything that will be answered differently from
// what the source says is reported, and package domains prints the entries.
package imports

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"mailhint/domains"
	"mailhint/settings"
)

// Report is called with what an administrator should know: where it was found (the line is 0 for a whole file), and a sentence.
type Report func(where domains.Position, text string)

// Result counts what was imported.
type Result struct {
	Entries int // entries that were written
	Domains int // domains in them
	Failed  int // sources that could not be converted at all
	Remarks int // what will be answered differently
	Lost    int // the remarks among them that are about a domain or a server that is not converted
}

// Entry is what one source says about some domains.
type Entry struct {
	// Source is the file that it was read from.
	Source string
	// Domains share the settings. There is at least one.
	Domains  []settings.Domain
	Settings *settings.Settings
	// Plaintext is true if servers without encryption are published to everyone.
	Plaintext bool
	// Comments are written above the entry, a line each.
	Comments []string
}

// writer writes entries and counts what it did.
type writer struct {
	Result Result

	out    io.Writer
	report Report
	owner  map[settings.Domain]string // the source that a domain was imported from
}

// newWriter returns a writer after writing a comment that names the kind of sources.
func newWriter(out io.Writer, kind string, report Report) (*writer, error) {
	_, err := fmt.Fprintf(out, "# Converted from %s by mailhint.\n", kind)
	return &writer{out: out, report: report, owner: make(map[settings.Domain]string)}, err
}

// Remark reports what will be answered differently from what a source says.
func (w *writer) Remark(where domains.Position, text string) {
	w.Result.Remarks++
	w.report(where, text)
}

// Lose reports that a source has a domain or a server that cannot be converted.
func (w *writer) Lose(where domains.Position, text string) {
	w.Result.Lost++
	w.Remark(where, text)
}

// Fail reports that a source could not be converted at all.
func (w *writer) Fail(where domains.Position, text string) {
	w.Result.Failed++
	w.report(where, "not converted: "+text)
}

// Add writes an entry for the domains that no source before it has.
func (w *writer) Add(e Entry) error {
	names, taken := w.claim(e)
	if len(names) == 0 {
		w.Fail(domains.Position{File: e.Source}, "all its domains have been imported already")
		return nil
	}
	comments := append([]string{"From " + filepath.Base(e.Source)}, e.Comments...)
	text, err := print(e, names, append(comments, taken...))
	if err != nil {
		return err
	}
	w.Result.Entries++
	w.Result.Domains += len(names)
	_, err = io.WriteString(w.out, "\n"+text)
	return err
}

// claim returns the domains that no source before has, and remarks on the others.
func (w *writer) claim(e Entry) (names []settings.Domain, remarks []string) {
	for _, d := range e.Domains {
		if first, taken := w.owner[d]; taken {
			from := filepath.Base(first)
			if first == e.Source {
				from = "an earlier provider in this file"
			}
			text := fmt.Sprintf("%s is left out: it has been imported from %s", d, from)
			w.Remark(domains.Position{File: e.Source}, text)
			remarks = append(remarks, text)
			continue
		}
		w.owner[d] = e.Source
		names = append(names, d)
	}
	return names, remarks
}

// print spells an entry. Domains that share settings become a list, because an alias would stand for the main domain.
func print(e Entry, names []settings.Domain, comments []string) (string, error) {
	entry := domains.Entry{Kind: domains.Single, Names: names, Choice: domains.Choice{Settings: e.Settings}}
	if len(names) > 1 {
		entry.Kind = domains.List
	}
	if e.Plaintext {
		entry.Networks = settings.AllNetworks()
	}
	return domains.Printer{}.Entry(entry, comments...)
}

// cause returns an error without the name of the file, which the message has already.
func cause(err error) error {
	if path := (*os.PathError)(nil); errors.As(err, &path) {
		return path.Err
	}
	return err
}
