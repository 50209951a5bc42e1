package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"mailhint/durable"
)

// folder is a directory that files are written into: all of them or none.
type folder struct {
	dir      string
	force    bool // replace files that have other content
	messages io.Writer
	files    *durable.Folder

	written, same, kept int
}

func newFolder(dir string, force bool, messages io.Writer) *folder {
	return &folder{dir: dir, force: force, messages: messages, files: durable.NewFolder(dir)}
}

// maxKept bounds how many of the files that were left alone are named.
const maxKept = 20

// write adds a file, unless one of this name has other content and force is not set. It has its place after commit.
func (f *folder) write(name string, content []byte) error {
	path := filepath.Join(f.dir, filepath.FromSlash(name))
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
		old, err := os.ReadFile(path)
		switch {
		case err != nil:
			return err
		case bytes.Equal(old, content):
			f.same++
			return nil
		case !f.force:
			if f.kept++; f.kept <= maxKept {
				fmt.Fprintf(f.messages, "%s: left alone: it is there with another content; --force replaces it\n", path)
			}
			return nil
		}
	}
	f.written++
	return f.files.Write(name, content, 0o644)
}

// say tells how many files there are now.
func (f *folder) say() {
	fmt.Fprintf(f.messages, "%s: %s written, %d were as they should be", f.dir, count(f.written, "file"), f.same)
	if f.kept > 0 {
		fmt.Fprintf(f.messages, ", %d left alone", f.kept)
	}
	fmt.Fprintln(f.messages)
}

// progress tells a person at a terminal how far long work is. Work of a few seconds says nothing.
type progress struct {
	w     io.Writer // nil if nobody watches
	total int
	thing string

	n    int
	next time.Time
	said bool
}

const (
	progressAfter = 2 * time.Second
	progressEvery = 500 * time.Millisecond
)

func newProgress(w io.Writer, total int, thing string) *progress {
	p := &progress{total: total, thing: thing, next: time.Now().Add(progressAfter)}
	if file, ok := w.(*os.File); ok {
		if info, err := file.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			p.w = w
		}
	}
	return p
}

func (p *progress) step() {
	p.n++
	if p.w == nil || time.Now().Before(p.next) {
		return
	}
	p.next = time.Now().Add(progressEvery)
	p.said = true
	fmt.Fprintf(p.w, "\r%d of %d %s", p.n, p.total, p.thing)
}

func (p *progress) done() {
	if p.said {
		fmt.Fprint(p.w, "\r\033[K")
	}
}
