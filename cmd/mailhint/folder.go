package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// folder is a directory that files are written into, each as a whole or not at all.
type folder struct {
	dir      string
	force    bool // replace files with another content
	messages io.Writer

	written, same, kept int
}

// maxKept bounds how many files that were left alone are told by name.
const maxKept = 20

// write writes a file, unless there is one of this name with another content and force is not set.
func (f *folder) write(name string, content []byte) error {
	path := filepath.Join(f.dir, filepath.FromSlash(name))
	old, err := os.ReadFile(path)
	switch {
	case err == nil && bytes.Equal(old, content):
		f.same++
		return nil
	case err == nil && !f.force:
		if f.kept++; f.kept <= maxKept {
			fmt.Fprintf(f.messages, "%s: left alone: it is there with another content; --force replaces it\n", path)
		}
		return nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	f.written++
	return replaceFile(path, content)
}

// replaceFile puts a file in place in one step: no reader sees half of it, and a crash leaves the old or the new one.
func replaceFile(path string, content []byte) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), ".mailhint-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(temporary.Name()) // what it was for has failed already
		}
	}()
	_, err = temporary.Write(content)
	if err == nil {
		err = temporary.Chmod(0o644)
	}
	if closeErr := temporary.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return os.Rename(temporary.Name(), path)
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
