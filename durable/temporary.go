package durable

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// temporary is a file that is being written and does not have its final name yet.
//
// On Linux it has no name at all (O_TMPFILE), so that a crash leaves nothing behind. Some file systems, such as NFS, do not support that, and
// a file that replaces another needs a temporary name just before the rename. Such a name looks like .mailhint-0123456789abcdef.tmp. The
// file is locked (flock) while its process lives, and the next write to the folder removes temporary files without a lock. Putting
// the process number into the name would not work, because containers and machines that share a folder number their processes separately.
type temporary struct {
	*os.File
	path    string // under which the file can be read
	linked  bool   // path is a name in the folder, to be removed in the end
	dropped bool   // discard has nothing left to do
}

const (
	temporaryPrefix = ".mailhint-"
	temporarySuffix = ".tmp"
)

// temporaryName returns a new name in a folder.
func temporaryName(dir string) string {
	var random [8]byte
	rand.Read(random[:]) // never fails
	return filepath.Join(dir, temporaryPrefix+hex.EncodeToString(random[:])+temporarySuffix)
}

func isTemporaryName(name string) bool {
	middle, prefixed := strings.CutPrefix(name, temporaryPrefix)
	middle, suffixed := strings.CutSuffix(middle, temporarySuffix)
	_, err := hex.DecodeString(middle)
	return prefixed && suffixed && len(middle) == 16 && err == nil
}

// nameless is openNameless. Tests replace it to imitate a file system without nameless files.
var nameless = openNameless

// newTemporary opens a temporary file in a folder, which only its owner can read until fill gives it its mode.
func newTemporary(dir string) (*temporary, error) {
	file, err := nameless(dir)
	if err != nil {
		return newNamedTemporary(dir)
	}
	lock(file) // it cannot be locked already; where files cannot be locked, none is removed
	return &temporary{File: file, path: file.Name()}, nil
}

// newNamedTemporary is newTemporary for file systems without nameless files.
func newNamedTemporary(dir string) (*temporary, error) {
	for {
		path := temporaryName(dir)
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return nil, err
		}
		if !errors.Is(lock(file), errLocked) && exists(path) {
			return &temporary{File: file, path: path, linked: true}, nil
		}
		file.Close() // another process took it for a stale file before it was locked, and removed it
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// fill writes the content, gives the file its mode or the attributes of the old one (nil for none), and waits until all of it is on disk.
func (t *temporary) fill(content []byte, mode fs.FileMode, old *os.File) error {
	_, err := t.Write(content)
	if err == nil {
		err = setAttributes(t.File, mode, old)
	}
	if err == nil {
		err = syncFile(t.File)
	}
	if failed := (*fs.PathError)(nil); errors.As(err, &failed) && failed.Path == t.path {
		failed.Path = temporaryText // the name of a file without a name means nothing to people
	}
	return err
}

// temporaryText is what errors call a temporary file.
const temporaryText = "temporary file"

// create gives the file its name, if that is free.
func (t *temporary) create(name string) error {
	if !t.linked {
		if err := link(t.path, name); err != nil {
			return err
		}
		return t.close()
	}
	if err := t.closeEarly(); err != nil {
		return err
	}
	err := renameNew(t.path, name)
	if err == nil {
		return t.close()
	}
	if !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return link(t.path, name) // unlike a rename it fails if there is a file; discard removes the other name
}

// replace gives the file its name, whether or not another file has that name.
func (t *temporary) replace(name string) error {
	if err := t.giveName(name); err != nil {
		return err
	}
	if err := t.closeEarly(); err != nil {
		return err
	}
	if err := rename(t.path, name); err != nil {
		return err
	}
	return t.close()
}

// giveName gives the file a temporary name in the folder of another file, unless it has one.
func (t *temporary) giveName(beside string) error {
	if t.linked {
		return nil
	}
	path := temporaryName(filepath.Dir(beside))
	if err := link(t.path, path); err != nil {
		return err
	}
	t.path, t.linked = path, true
	return nil
}

// rename is os.Rename with a hint for the case that most often goes wrong: in a container, a single file is mounted from the host.
func rename(old, name string) error {
	return adviseOnMount(os.Rename(old, name), name)
}

func adviseOnMount(err error, name string) error {
	if errors.Is(err, syscall.EBUSY) {
		return fmt.Errorf("%w; if %s is mounted as a single file, mount its folder instead", err, name)
	}
	return err
}

// close ends the work on a file that has its name.
func (t *temporary) close() error {
	t.dropped = true
	return ignoreClosed(t.File.Close())
}

// closeEarly closes the file where an open one cannot be renamed.
func (t *temporary) closeEarly() error {
	if canRenameOpen {
		return nil
	}
	return t.File.Close()
}

// discard removes the file, unless it has got its name.
func (t *temporary) discard() {
	if t.dropped {
		return
	}
	t.File.Close() // its content is not needed
	if t.linked {
		os.Remove(t.path) // if this fails, the next write tries again
	}
}

func ignoreClosed(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

// removeStale removes the temporary files that killed processes left in a folder. A failure does no harm: the next write tries again.
func removeStale(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if path := filepath.Join(dir, e.Name()); isTemporaryName(e.Name()) && isStale(path, e) {
			os.RemoveAll(path)
		}
	}
}

// isStale reports whether a file or folder with a temporary name belongs to a process that has ended.
func isStale(path string, e fs.DirEntry) bool {
	if !e.Type().IsRegular() && !e.IsDir() {
		return false // not ours
	}
	return !isLocked(path, e)
}
