package durable

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

// ErrChanged means that a file no longer has the content that was read, so that it has not been replaced: read it again.
var ErrChanged = errors.New("has been changed in the meantime")

// Replacement is new content for a file that exists. It is on disk, but not in its place yet. Use Commit or Discard.
type Replacement struct {
	name         string // the end of symbolic links
	old, content []byte
	mode         fs.FileMode
	temporary    *temporary
	reader       *os.File // of the old file, locked so that no other process takes it for a stale temporary file
}

// Prepare writes new content for a file beside it, for Commit to put in place. It is made as by Replace, so that a file or folder that may not be
// written, or a full disk, is found here. The error wraps ErrChanged if the content of the file is not old, or there is no such file.
func Prepare(name string, old, content []byte) (*Replacement, error) {
	resolved, err := resolve(name)
	if err != nil {
		return nil, err
	}
	attributes, err := openOld(resolved)
	if err != nil {
		return nil, err
	}
	if attributes == nil {
		return nil, changed(resolved)
	}
	defer attributes.Close() // opened for its attributes; nothing is written to it
	r := &Replacement{name: resolved, old: old, content: content}
	if err := r.write(attributes); err != nil {
		r.Discard()
		return nil, err
	}
	return r, nil
}

// write opens the old file and writes the new one.
func (r *Replacement) write(attributes *os.File) (err error) {
	if r.reader, err = os.Open(r.name); err != nil {
		return err
	}
	lock(r.reader) // if it is locked by somebody else, nobody takes it for stale either
	if r.mode, err = r.compare(r.reader); err != nil {
		return err
	}
	dir := filepath.Dir(r.name)
	removeStale(dir)
	if r.temporary, err = newTemporary(dir); err != nil {
		return err
	}
	return r.temporary.fill(r.content, 0, attributes)
}

// Commit puts the content in place, if the file still has the content and mode that Prepare was given, and waits until that is on disk. Otherwise
// the error wraps ErrChanged, and the file is as it was.
//
// On Linux no change is lost, whether others write to the file or replace it: the two files are exchanged, what has come out is compared as soon as
// nobody has it open for writing, and they are exchanged back if it differs. Elsewhere, and on file systems that cannot exchange files, such as
// NFS, a change in the last moment between comparison and rename is overwritten.
//
// After any other error the file has its old content, unless fsync of the folder failed: then the new content is in place, but may be lost in
// a power cut.
func (r *Replacement) Commit() error {
	defer r.Discard()
	err := r.exchange()
	if errors.Is(err, errors.ErrUnsupported) {
		err = r.compareAndRename()
	}
	if err != nil {
		return err
	}
	return syncDir(filepath.Dir(r.name))
}

// Discard removes the content that was prepared. It does nothing after Commit.
func (r *Replacement) Discard() {
	if r.temporary != nil {
		r.temporary.discard()
	}
	if r.reader != nil {
		r.reader.Close() // opened for reading
	}
}

// exchangeFiles is exchange. Tests replace it to imitate a file system that cannot exchange files.
var exchangeFiles = exchange

// beforeExchange is called just before the files are exchanged, and afterExchange just after. Tests use them to change a file at the worst moment.
var beforeExchange, afterExchange = func() {}, func() {}

func (r *Replacement) exchange() error {
	if err := r.temporary.giveName(r.name); err != nil {
		return err
	}
	if err := r.compareNow(); err != nil { // nobody sees the new content, not even for a moment, unless somebody saves just now
		return err
	}
	beforeExchange()
	err := exchangeFiles(r.temporary.path, r.name)
	if errors.Is(err, fs.ErrNotExist) {
		return changed(r.name)
	}
	if err != nil {
		return err
	}
	afterExchange()
	if err := r.checkOut(); err != nil {
		return r.takeBack(err)
	}
	r.temporary.discard() // what has come out
	return nil
}

// takeBack exchanges the files back because of an error.
func (r *Replacement) takeBack(err error) error {
	if failed := r.exchangeBack(); failed != nil {
		r.temporary.dropped = true // it may be the only copy
		return fmt.Errorf("%w; the file that was there could not be put back (%w) and is %s", err, failed, r.temporary.path)
	}
	return err
}

// maxWriting is how long Commit waits for other programs that have the file open for writing.
const maxWriting = 2 * time.Second

// checkOut compares what the exchange has brought out.
func (r *Replacement) checkOut() error {
	info, err := os.Lstat(r.temporary.path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return changed(r.name)
	}
	out := r.reader
	if was, err := out.Stat(); err != nil || !os.SameFile(was, info) {
		if out, err = os.Open(r.temporary.path); err != nil {
			return err
		}
		defer out.Close() // opened for reading
		lock(out)
	}
	for end := time.Now().Add(maxWriting); isOpenForWriting(out); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			return fmt.Errorf("%w: another program has it open for writing", changed(r.name))
		}
	}
	mode, err := r.compare(out)
	if err == nil && mode != r.mode {
		err = changed(r.name)
	}
	return err
}

// exchangeBack gives the file that has come out its name back. What others have saved since, over the new content, stays.
func (r *Replacement) exchangeBack() error {
	err := exchangeFiles(r.temporary.path, r.name)
	if errors.Is(err, fs.ErrNotExist) { // somebody has moved the new file away, as vim does before it writes
		if err = renameNew(r.temporary.path, r.name); errors.Is(err, fs.ErrExist) {
			return nil // and has written
		}
		return err
	}
	if err != nil {
		return err
	}
	mine, err := os.ReadFile(r.temporary.path)
	if err == nil && !bytes.Equal(mine, r.content) {
		err = exchangeFiles(r.temporary.path, r.name)
	}
	return err
}

// compareAndRename is exchange for systems that cannot exchange files.
func (r *Replacement) compareAndRename() error {
	beforeExchange()
	if err := r.compareNow(); err != nil {
		return err
	}
	r.reader.Close() // where an open file cannot be replaced
	return r.temporary.replace(r.name)
}

// compareNow compares what has the file's name now.
func (r *Replacement) compareNow() error {
	now, err := os.OpenFile(r.name, os.O_RDONLY|nonBlocking, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return changed(r.name)
	}
	if err != nil {
		return err
	}
	mode, err := r.compare(now)
	if err == nil && mode != r.mode {
		err = changed(r.name)
	}
	return errors.Join(err, now.Close())
}

// compare reads an open file from its beginning, returns its mode, and reports with ErrChanged if its content differs from the old one.
func (r *Replacement) compare(file *os.File) (fs.FileMode, error) {
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	content := make([]byte, len(r.old)+1)
	n, err := io.ReadFull(io.NewSectionReader(file, 0, int64(len(content))), content)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, err
	}
	if !bytes.Equal(content[:n], r.old) {
		return 0, changed(r.name)
	}
	return info.Mode(), nil
}

func changed(name string) error { return fmt.Errorf("%s %w", name, ErrChanged) }
