package main

import (
	"fmt"
	"io"
	"time"

	"golang.org/x/term"
)

// terminal returns w if it is a terminal, at which somebody watches, and else nil.
func terminal(w io.Writer) io.Writer {
	if file := fileOf(w); file != nil && term.IsTerminal(int(file.Fd())) {
		return w
	}
	return nil
}

// progress shows at a terminal how far long work is. Work of a few seconds shows nothing.
type progress struct {
	w     io.Writer // nil if nobody watches
	total int
	thing string

	n     int
	next  time.Time
	shown bool
}

const (
	progressAfter = 2 * time.Second
	progressEvery = 500 * time.Millisecond
)

// newProgress begins work on a number of things.
func newProgress(w io.Writer, total int, thing string) *progress {
	return &progress{w: terminal(w), total: total, thing: thing, next: time.Now().Add(progressAfter)}
}

// step counts one thing.
func (p *progress) step() {
	p.n++
	if p.w == nil || time.Now().Before(p.next) {
		return
	}
	p.next = time.Now().Add(progressEvery)
	p.shown = true
	fmt.Fprintf(p.w, "\r%d of %d %s", p.n, p.total, p.thing)
}

// done clears the line.
func (p *progress) done() {
	if p.shown {
		fmt.Fprint(p.w, "\r\033[K")
	}
}
