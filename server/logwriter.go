package server

import (
	"io"
	"sync"
	"time"
)

// LogWriter collects log lines and passes them on together, at most a fifth of a second later: a write for each request would cost more
// than everything else about its line. If the program is killed, the lines of its last fifth of a second are lost.
type LogWriter struct {
	mu      sync.Mutex
	to      io.Writer
	lines   []byte
	timer   *time.Timer
	waiting bool // the timer runs
}

const (
	logDelay  = 200 * time.Millisecond
	logBuffer = 32 << 10
)

// NewLogWriter returns a LogWriter that passes lines on to a writer. Close it when the program ends.
func NewLogWriter(to io.Writer) *LogWriter {
	w := &LogWriter{to: to, lines: make([]byte, 0, logBuffer)}
	w.timer = time.AfterFunc(time.Hour, func() { w.Flush() }) // there is nowhere to report that the log cannot be written
	w.timer.Stop()
	return w
}

// Write takes a line, or several.
func (w *LogWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.lines)+len(p) > logBuffer {
		if err := w.flush(); err != nil {
			return 0, err
		}
	}
	w.lines = append(w.lines, p...)
	if !w.waiting {
		w.waiting = true
		w.timer.Reset(logDelay)
	}
	return len(p), nil
}

// Flush passes on the lines that have been collected.
func (w *LogWriter) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.flush()
}

// Close flushes. It does not close the writer that lines are passed on to, and later lines are still accepted.
func (w *LogWriter) Close() error { return w.Flush() }

func (w *LogWriter) flush() error {
	w.waiting = false
	w.timer.Stop()
	if len(w.lines) == 0 {
		return nil
	}
	_, err := w.to.Write(w.lines)
	w.lines = w.lines[:0] // after an error too: a full disk must not fill the memory as well
	return err
}
