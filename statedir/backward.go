package statedir

import (
	"bytes"
	"os"
)

// Backward reads a file line by line from its end. Call Next until it returns false, then look at Err.
type Backward struct {
	file  *os.File
	from  int64  // offset of block
	block []byte // what has been read, to the end of the next line
	begun bool
	done  bool

	Line   []byte // without its end
	Offset int64  // of the line
	Whole  bool   // the line has an end; only the last of a file may lack it
	Err    error
}

const blockSize = 256 << 10

// NewBackward reads the first size octets of a file.
func NewBackward(file *os.File, size int64) *Backward {
	return &Backward{file: file, from: size, done: size == 0}
}

// Next reads the next line, that is the one above, and reports whether there is one.
func (l *Backward) Next() bool {
	if l.done || l.Err != nil {
		return false
	}
	l.Whole = true
	if !l.begun {
		if !l.more() {
			return false
		}
		l.begun = true
		l.block, l.Whole = bytes.CutSuffix(l.block, []byte("\n"))
	}
	for end := len(l.block); ; end = len(l.block) - end {
		if i := bytes.LastIndexByte(l.block[:end], '\n'); i >= 0 {
			l.Line, l.Offset, l.block = l.block[i+1:], l.from+int64(i)+1, l.block[:i]
			return true
		}
		if l.from == 0 {
			l.Line, l.Offset, l.done = l.block, 0, true
			return true
		}
		end = len(l.block)
		if !l.more() {
			return false
		}
	}
}

// more reads what is before the block.
func (l *Backward) more() bool {
	n := min(l.from, max(blockSize, int64(len(l.block)))) // doubled, for long lines
	grown := make([]byte, n, n+int64(len(l.block)))
	if _, l.Err = l.file.ReadAt(grown, l.from-n); l.Err != nil {
		return false
	}
	l.from -= n
	l.block = append(grown, l.block...)
	return true
}
