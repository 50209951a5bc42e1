package filestore

import (
	"bytes"
	"os"
)

// linesBackward reads a file line by line from its end.
type linesBackward struct {
	file  *os.File
	from  int64  // offset of block
	block []byte // what has been read, to the end of the next line
	begun bool
	done  bool

	line   []byte // without its end
	offset int64  // of the line
	whole  bool   // the line has an end; only the last of a file may lack it
	err    error
}

const blockSize = 256 << 10

func newLinesBackward(file *os.File, size int64) *linesBackward {
	return &linesBackward{file: file, from: size, done: size == 0}
}

func (l *linesBackward) next() bool {
	if l.done || l.err != nil {
		return false
	}
	l.whole = true
	if !l.begun {
		if !l.more() {
			return false
		}
		l.begun = true
		l.block, l.whole = bytes.CutSuffix(l.block, []byte("\n"))
	}
	for end := len(l.block); ; end = len(l.block) - end {
		if i := bytes.LastIndexByte(l.block[:end], '\n'); i >= 0 {
			l.line, l.offset, l.block = l.block[i+1:], l.from+int64(i)+1, l.block[:i]
			return true
		}
		if l.from == 0 {
			l.line, l.offset, l.done = l.block, 0, true
			return true
		}
		end = len(l.block)
		if !l.more() {
			return false
		}
	}
}

// more reads what is before the block.
func (l *linesBackward) more() bool {
	n := min(l.from, max(blockSize, int64(len(l.block)))) // doubled, for long lines
	grown := make([]byte, n, n+int64(len(l.block)))
	if _, l.err = l.file.ReadAt(grown, l.from-n); l.err != nil {
		return false
	}
	l.from -= n
	l.block = append(grown, l.block...)
	return true
}
