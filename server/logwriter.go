package server

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// LogWriter collects log lines and passes them on together, at most a fifth of a second later: a write for each request would cost more
// than everything else about its line. If the program is killed, the lines of its last fifth of a second are lost.
//
// Write never waits. While whatever reads the log has stalled, up to 1 MiB of lines is kept; further lines are dropped and counted, and
// the log says so when it can be written again. The same goes for lines that cannot be written because a disk is full.
type LogWriter struct {
	to      io.Writer
	report  func(dropped uint64) // logs how many lines were dropped; nil for nothing
	dropped atomic.Uint64        // lines so far

	writing sync.Mutex // held while lines are passed on, perhaps for ever
	failed  error      // of the last write; guarded by writing
	spare   []byte     // for the next lines; guarded by writing

	mu         sync.Mutex // never held while something waits
	lines      []byte     // not passed on yet
	timer      *time.Timer
	waiting    bool   // the timer runs, or what it calls waits for its turn
	hurried    bool   // the timer was set to fire at once
	unreported uint64 // lines that were dropped since the log said so
}

const (
	logDelay  = 200 * time.Millisecond
	logBuffer = 32 << 10 // octets that are passed on at once
	logQueue  = 1 << 20  // octets that are kept while they cannot be passed on
	// logEnd is how long Close waits for a reader that may have stalled.
	logEnd = 5 * time.Second
)

// errLogStalled is returned by Close if the last lines could not be passed on.
var errLogStalled = errors.New("whatever reads the log has stalled; the last lines are lost")

// NewLogWriter returns a LogWriter that passes lines on to a writer. Close it when the program ends.
func NewLogWriter(to io.Writer) *LogWriter {
	w := &LogWriter{to: to, lines: make([]byte, 0, 2*logBuffer), spare: make([]byte, 0, 2*logBuffer)}
	w.timer = time.AfterFunc(time.Hour, func() { w.pass() }) // an error is reported when there is somewhere to report it
	w.timer.Stop()
	return w
}

// Write takes a line, or several. It always succeeds; lines for which there is no room are dropped.
func (w *LogWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.lines)+len(p) > logQueue {
		w.drop(p)
		return len(p), nil
	}
	w.lines = append(w.lines, p...)
	w.schedule()
	return len(p), nil
}

// schedule makes sure that the lines are passed on in time. The caller holds mu.
func (w *LogWriter) schedule() {
	switch {
	case len(w.lines) >= logBuffer && !w.hurried:
		w.waiting, w.hurried = true, true
		w.timer.Reset(0)
	case !w.waiting:
		w.waiting = true
		w.timer.Reset(logDelay)
	}
}

// drop counts lines that are dropped. The caller holds mu.
func (w *LogWriter) drop(lines []byte) {
	n := uint64(bytes.Count(lines, []byte("\n")))
	w.unreported += n
	w.dropped.Add(n)
}

// pass passes on the lines that have been collected.
func (w *LogWriter) pass() error {
	w.writing.Lock()
	defer w.writing.Unlock()
	lines, dropped := w.take()
	if dropped > 0 && w.report != nil {
		w.report(dropped) // after the lines just taken, which are older
	}
	if len(lines) == 0 {
		return w.failed
	}
	n, err := w.to.Write(lines)
	w.failed = err
	if w.spare = lines[:0]; cap(lines) > logQueue/2 { // room for a stall is not kept for ever
		w.spare = make([]byte, 0, 2*logBuffer)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.drop(lines[n:])
	} else if w.unreported > 0 {
		w.schedule()
	}
	return err
}

// take takes the lines that have been collected, and the number of those that were dropped since, if now is the time to report it. The
// caller holds writing.
func (w *LogWriter) take() (lines []byte, dropped uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	lines, w.lines = w.lines, w.spare
	w.waiting, w.hurried = false, false
	w.timer.Stop()
	if w.failed == nil {
		dropped, w.unreported = w.unreported, 0
	}
	return lines, dropped
}

// Close passes on all lines, and waits up to five seconds for that. It does not close the writer that they are passed on to, and later
// lines are still accepted.
func (w *LogWriter) Close() error {
	ended := make(chan error, 1)
	go func() {
		err := w.pass()
		for err == nil && !w.empty() {
			err = w.pass()
		}
		ended <- err
	}()
	select {
	case err := <-ended:
		return err
	case <-time.After(logEnd):
		return errLogStalled
	}
}

// empty reports whether there is nothing to pass on and nothing to report.
func (w *LogWriter) empty() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.lines) == 0 && (w.unreported == 0 || w.report == nil)
}
