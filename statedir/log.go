package statedir

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Log is a file of lines, the newest last, in a state_dir. When NAME.jsonl has grown to MaxSize it becomes NAME.1.jsonl, that one
// NAME.2.jsonl, and so on; the oldest is removed when there would be more than Kept files.
type Log struct {
	Name    string
	MaxSize int64
	Kept    int
}

const logSuffix = ".jsonl"

// File is the name of the nth file in a directory; 0 is the newest.
func (l Log) File(dir string, n int) string {
	if n == 0 {
		return filepath.Join(dir, l.Name+logSuffix)
	}
	return filepath.Join(dir, fmt.Sprintf("%s.%d%s", l.Name, n, logSuffix))
}

// Open opens the files, the newest first. It needs no lock: a file that is rotated meanwhile is read to its end. The caller closes the files, also
// after an error.
func (l Log) Open(dir string) ([]*os.File, error) {
	for range 100 { // until none is rotated while they are opened
		var files []*os.File
		for n := range l.Kept {
			f, err := os.Open(l.File(dir, n))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return files, err
			}
			files = append(files, f)
		}
		if !repeats(files) {
			return files, nil
		}
		for _, f := range files {
			f.Close() // opened for reading
		}
	}
	return nil, fmt.Errorf("%s is rotated all the time", l.File(dir, 0))
}

// repeats reports whether the newest file is no longer what it was, so that it may be among the others too, or one be missing.
func repeats(files []*os.File) bool {
	if len(files) == 0 {
		return false
	}
	opened, err := files[0].Stat()
	now, nowErr := os.Stat(files[0].Name())
	return err == nil && (nowErr != nil || !os.SameFile(opened, now))
}

// Append adds lines, which end with a line feed, and returns when they are on disk. After an error it is as it was.
func (l Log) Append(root *os.Root, lines []byte) error {
	if len(lines) == 0 {
		return nil
	}
	name := l.File("", 0)
	info, err := root.Stat(name)
	if err == nil && info.Size() >= l.MaxSize {
		if err := l.rotate(root); err != nil {
			return err
		}
		err = fs.ErrNotExist
	}
	isNew := errors.Is(err, fs.ErrNotExist)
	if err != nil && !isNew {
		return fmt.Errorf("%s cannot be written: %w", l.File(root.Name(), 0), err)
	}
	file, err := root.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("%s cannot be written: %w", l.File(root.Name(), 0), err)
	}
	if isNew {
		GiveFile(root, file)
		if err := SyncDir(root, "."); err != nil {
			return errors.Join(err, file.Close())
		}
	}
	size, err := endOfLines(file, lines)
	if err != nil {
		return errors.Join(err, file.Close())
	}
	if _, err = file.WriteAt(lines, size); err == nil {
		err = file.Sync()
	}
	if err != nil {
		err = errors.Join(err, file.Truncate(size))
	}
	return errors.Join(err, file.Close())
}

// endOfLines returns the size of a file without a torn line at its end. One that a killed process has begun to write, and that is now written again, is
// removed; any other stays, as a damaged line.
func endOfLines(file *os.File, lines []byte) (int64, error) {
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, err
	}
	last := NewBackward(file, size)
	if !last.Next() || last.Whole {
		return size, last.Err
	}
	if bytes.HasPrefix(lines, last.Line) || bytes.Contains(lines, append([]byte("\n"), last.Line...)) {
		return last.Offset, file.Truncate(last.Offset)
	}
	_, err = file.WriteAt([]byte("\n"), size)
	return size + 1, err
}

// rotate makes room for a new file. A process that is killed meanwhile leaves a gap in the numbers, which does no harm.
func (l Log) rotate(root *os.Root) error {
	for n := l.Kept - 2; n >= 0; n-- {
		err := root.Rename(l.File("", n), l.File("", n+1))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
