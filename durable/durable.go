// Package durable writes files so that they are whole or untouched: a reader, a crash or a power cut finds the old content or the new
// one, never a mixture, and what was reported as written stays written.
//
// Replace writes one file, Create one that must not exist yet, Prepare one that must still have the content that was read, and Folder many
// files at once. All of them follow the same steps: a temporary file in the same folder, fsync, rename, fsync of the folder. A failed fsync
// fails the write and is never repeated: the kernel forgets the failed pages, so that a second fsync would report success for data that is lost
// (https://wiki.postgresql.org/wiki/Fsync_Errors).
//
// Read durable.go first, then temporary.go (temporary files and how stale ones are found), attributes.go (mode, owner and ACL of a
// file that is replaced), conditional.go (Prepare) and folder.go.
package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// ErrNotRegular means that a name belongs to something other than a regular file, such as a folder, a device, a FIFO or a socket.
// Nothing has been written. Such a file can neither be replaced as a whole nor be made to last: success on /dev/null would confirm a change
// that is lost. To write to one on purpose, use os.OpenFile.
var ErrNotRegular = errors.New("not a regular file")

// Replace writes content to the named file, which may exist.
//
// An existing file keeps its mode, owner, group and, on Linux, its ACL and other extended attributes; an error is returned if they cannot
// be kept. A file that the process may not write to is not replaced, although its folder would allow that. A symbolic link stays, and the
// file that it points to is written. Other hard links to the file keep the old content. A new file gets exactly the given mode, whatever the
// umask is; its folder must exist.
//
// After an error the file has its old content, unless fsync of the folder failed: then the new content is in place, but may be lost in
// a power cut.
func Replace(name string, content []byte, mode fs.FileMode) error {
	name, err := resolve(name)
	if err != nil {
		return err
	}
	old, err := openOld(name)
	if err != nil {
		return err
	}
	if old != nil {
		defer old.Close() // opened for its attributes; nothing is written to it
	}
	dir := filepath.Dir(name)
	removeStale(dir)
	t, err := newTemporary(dir)
	if err != nil {
		return err
	}
	defer t.discard()
	if err := t.fill(content, mode, old); err != nil {
		return err
	}
	if err := t.replace(name); err != nil {
		return err
	}
	return syncDir(dir)
}

// Create writes a new file with exactly the given mode, whatever the umask is, and never over an existing one: the error is fs.ErrExist
// then, even if another process created the file in the meantime, and even if the name is a symbolic link that points nowhere.
//
// Before the file gets its name, check is called with another name under which it can be read; its error is returned as it is, and no file
// is created. A nil check accepts everything.
func Create(name string, content []byte, mode fs.FileMode, check func(file string) error) error {
	if _, err := os.Lstat(name); err == nil {
		return &fs.PathError{Op: "create", Path: name, Err: syscall.EEXIST}
	}
	dir := filepath.Dir(name)
	removeStale(dir)
	t, err := newTemporary(dir)
	if err != nil {
		return err
	}
	defer t.discard()
	if err := t.fill(content, mode, nil); err != nil {
		return err
	}
	if check != nil {
		if err := check(t.path); err != nil {
			return err
		}
	}
	if err := t.create(name); err != nil {
		return err
	}
	return syncDir(dir)
}

// resolve returns the name of the file that would be written: the end of a chain of symbolic links, which need not exist. It refuses
// what exists and is not a regular file.
func resolve(name string) (string, error) {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return "", notRegular(name)
	}
	const maxLinks = 40 // as Linux has it
	for range maxLinks {
		info, err := os.Lstat(name)
		if errors.Is(err, fs.ErrNotExist) || err == nil && info.Mode()&fs.ModeSymlink == 0 {
			return name, nil
		}
		if err != nil {
			return "", err
		}
		target, err := os.Readlink(name)
		if err != nil {
			return "", err
		}
		if !filepath.IsAbs(target) {
			dir, err := filepath.EvalSymlinks(filepath.Dir(name)) // "link/.." is not the folder that holds link
			if err != nil {
				return "", err
			}
			target = filepath.Join(dir, target)
		}
		name = target
	}
	return "", &fs.PathError{Op: "open", Path: name, Err: syscall.ELOOP}
}

// openOld opens the file that is to be replaced, or returns nil if there is none. It is opened for writing to find out whether that is
// allowed: a rename needs permission for the folder only.
func openOld(name string) (*os.File, error) {
	old, err := os.OpenFile(name, os.O_WRONLY|nonBlocking, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	info, err := old.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = notRegular(name)
	}
	if err != nil {
		old.Close() // the first error says more
		return nil, err
	}
	return old, nil
}

func notRegular(name string) error {
	return fmt.Errorf("%s is %w", name, ErrNotRegular)
}

// syncFile is fsync. Tests replace it, because file systems do not fail on demand.
var syncFile = (*os.File).Sync

// syncDir makes new names in a folder last through a power cut.
func syncDir(dir string) error {
	if !canSyncDir {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = syncFile(d)
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil // some network file systems do not support it for folders, which they write at once
	}
	return errors.Join(err, d.Close())
}
