// Package export writes the settings of domains in other formats: as domains.toml, as JSON, as provider files of Mozilla's ISPDB, and as the
// answers themselves, for any web server to serve. Settings are written as they are in effect: nothing in them is inherited any more.
//
// Read export.go first, then a file for each format, and folder.go for how a folder of files is written.
package export

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"mailhint/domains"
	"mailhint/settings"
)

// Formats are the formats that Write can write.
var Formats = []string{"toml", "json", "ispdb", "static"}

var (
	// ErrFolderNeeded means that there is more than one file to write, for which a writer is not enough. Name a folder.
	ErrFolderNeeded = errors.New("several files need a directory")
	// ErrFormat means that a format is not one of Formats.
	ErrFormat = errors.New("unknown format")
)

// Options say what is written, and where.
type Options struct {
	// Snapshot holds the settings.
	Snapshot *domains.Snapshot
	// Entries are the ones of Snapshot that are written.
	Entries []domains.Entry
	// Folder is where files are written; it is made if it does not exist. Empty means the writer.
	Folder string
	// Replace allows files in Folder to be replaced that have other content. Without it they are left alone and counted.
	Replace bool
	// Remark is called with what a format cannot express and with what is left alone: the name of an entry or a file, and a sentence.
	Remark func(about, text string)
	// Step is called for each domain of a static export, which may be a million; nil for nothing.
	Step func()
}

// Result says what was done.
type Result struct {
	// LeftOut counts the entries that were not written at all, each of which had a remark.
	LeftOut int
	// Written, Same and Kept count the files of Folder: written, found as they should be, and left alone because they have other content.
	Written, Same, Kept int
}

// Write writes entries in one of Formats, into a folder or to a writer. A folder gets all files or none (see durable.Folder), and none if
// ctx ends before all of them are ready. What a format cannot express is remarked on and is not an error, except that domains.ErrNeedsFile
// is returned for a rule that TOML cannot express without a folder.
func Write(ctx context.Context, w io.Writer, format string, o Options) (Result, error) {
	e := &exporter{Options: o, ctx: ctx}
	if o.Folder != "" {
		e.folder = newFolder(o)
		defer e.folder.files.Discard()
	}
	if err := e.write(format); err != nil {
		return Result{}, err
	}
	if e.folder == nil {
		_, err := w.Write(e.text.Bytes())
		return e.result, err
	}
	if err := e.folder.files.Commit(); err != nil {
		return Result{}, err
	}
	e.result.Written, e.result.Same, e.result.Kept = e.folder.written, e.folder.same, e.folder.kept
	return e.result, nil
}

// exporter is one call of Write.
type exporter struct {
	Options
	ctx    context.Context
	text   bytes.Buffer // without a folder
	folder *folder      // nil without one
	result Result
}

func (e *exporter) write(format string) error {
	switch format {
	case "toml":
		return e.toml()
	case "json":
		return e.json()
	case "ispdb":
		return e.ispdb()
	case "static":
		return e.static()
	}
	return fmt.Errorf("%w %q; write %s", ErrFormat, format, strings.Join(Formats, ", "))
}

// file writes a file into the folder, or puts its content into the text.
func (e *exporter) file(name string, content []byte) error {
	if e.folder != nil {
		return e.folder.write(name, content)
	}
	e.text.Write(content) // a buffer takes everything
	return nil
}

// remark says what the format cannot express.
func (e *exporter) remark(about, format string, args ...any) {
	e.Remark(about, fmt.Sprintf(format, args...))
}

// leaveOut says why an entry is not written at all.
func (e *exporter) leaveOut(about, format string, args ...any) {
	e.result.LeftOut++
	e.remark(about, "left out: "+format, args...)
}

// title names an entry in remarks.
func title(e domains.Entry) string {
	switch e.Kind {
	case domains.Fallback:
		return "fallback"
	case domains.Wildcard:
		return "*." + string(e.Names[0])
	}
	return string(e.Names[0])
}

// public returns what may be published about an entry in one file for everyone, or says why there is nothing.
func (e *exporter) public(entry domains.Entry) (*settings.Settings, bool) {
	name := title(entry)
	switch {
	case entry.Disabled:
		e.leaveOut(name, "it is switched off with enabled = false")
		return nil, false
	case entry.Kind == domains.Wildcard, entry.Kind == domains.Fallback:
		e.leaveOut(name, "it does not say which domains it answers for, and each file is for a domain")
		return nil, false
	}
	s := entry.Public()
	if s == nil {
		e.leaveOut(name, "its servers have no encryption, so that only the networks in allow_plaintext get an answer")
		return nil, false
	}
	if s != entry.Settings {
		e.remark(name, "the servers without encryption are left out: only the networks in allow_plaintext get them as an answer")
	}
	if len(entry.Rules) > 0 {
		e.remark(name, "the rules are left out: a file is the same for everyone")
	}
	return s, true
}

// json writes entries for programs.
func (e *exporter) json() error {
	text, err := domains.JSON(e.Entries)
	if err != nil {
		return err
	}
	return e.file("domains.json", text)
}
