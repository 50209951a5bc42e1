package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Folder writes many files into one folder: all of them or, if anything fails, none.
//
// Write puts the files into a hidden folder beside their place. Commit waits until all of them are on disk and gives them their names. A
// folder that did not exist appears as a whole, with a single rename. In one that exists, the files are renamed one after the other,
// and an error takes back those before it, except on other file systems to which symbolic links lead. Only a crash at that moment leaves
// some files old and some new, each of them whole; the same work done again completes it.
//
// Swapping the whole folder was considered and rejected: it would lose what other programs write there at that moment (ACME clients put
// their challenges below the root of a web server), and mounts and programs that have the folder open would keep the old one. To switch many
// files at once, write a new folder and then point a symbolic link to it.
//
// A Folder must not be used by several goroutines at once.
type Folder struct {
	dir     string // where the files are to be
	staging string // the hidden folder; empty before the first Write
	fresh   bool   // dir does not exist
	lock    *os.File
	pending bool     // something waits
	files   []staged // what waits, in the order of Write; none if fresh
}

// staged is a file that waits for Commit. There can be millions.
type staged struct {
	name string // relative to the folder
	mode fs.FileMode
}

// path is where a file waits.
func (f *Folder) path(name string) string { return filepath.Join(f.staging, "new", name) }

// backup is another name of the file that the ith file has replaced.
func (f *Folder) backup(i int) string { return filepath.Join(f.staging, "old-"+strconv.Itoa(i)) }

// syncAll is syncTree. Tests replace it, because file systems do not fail on demand.
var syncAll = syncTree

// folderMode is the mode of new folders, less the umask.
const folderMode = 0o755

// NewFolder prepares to write into a folder, which need not exist. Nothing is written before the first Write.
func NewFolder(dir string) *Folder { return &Folder{dir: filepath.Clean(dir)} }

// Write adds a file. If it replaces another, it does so in the same way as Replace. The name is relative to the folder, with slashes, and must not be
// added twice.
func (f *Folder) Write(name string, content []byte, mode fs.FileMode) error {
	err := f.write(name, content, mode)
	return f.inPlace(err)
}

func (f *Folder) write(name string, content []byte, mode fs.FileMode) error {
	local, err := filepath.Localize(name)
	if err != nil {
		return fmt.Errorf("%q is not a name inside the folder", name)
	}
	if f.staging == "" {
		if err := f.open(); err != nil {
			return err
		}
	}
	var old *os.File
	if !f.fresh {
		target, err := resolve(filepath.Join(f.dir, local))
		if err != nil {
			return err
		}
		if old, err = openOld(target); err != nil {
			return err
		}
	}
	if old != nil {
		defer old.Close() // opened for its attributes; nothing is written to it
	}
	if err := stage(f.path(local), content, mode, old); err != nil {
		return err
	}
	f.pending = true
	if !f.fresh {
		f.files = append(f.files, staged{local, mode})
	}
	return nil
}

// open makes the hidden folder.
func (f *Folder) open() error {
	parent := f.dir
	if info, err := os.Stat(f.dir); errors.Is(err, fs.ErrNotExist) {
		f.fresh, parent = true, filepath.Dir(f.dir)
		if err := os.MkdirAll(parent, folderMode); err != nil {
			return err
		}
	} else if err != nil {
		return err
	} else if !info.IsDir() {
		return &fs.PathError{Op: "open", Path: f.dir, Err: syscall.ENOTDIR}
	}
	removeStale(parent)
	staging := temporaryName(parent)
	if err := os.Mkdir(staging, folderMode); err != nil {
		return &fs.PathError{Op: "write", Path: f.dir, Err: errors.Unwrap(err)}
	}
	f.staging = staging
	f.lock = lockDir(staging)
	return os.Mkdir(filepath.Join(staging, "new"), folderMode)
}

// stage writes a file into the hidden folder. Commit waits until it is on disk.
func stage(path string, content []byte, mode fs.FileMode, old *os.File) error {
	const flags = os.O_WRONLY | os.O_CREATE | os.O_EXCL
	file, err := os.OpenFile(path, flags, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(filepath.Dir(path), folderMode); err != nil {
			return err
		}
		file, err = os.OpenFile(path, flags, 0o600)
	}
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err == nil {
		err = setAttributes(file, mode, old)
	}
	return errors.Join(err, file.Close())
}

// Commit gives all files their names and waits until that is on disk. After an error the files have their old content, unless the
// error came from that last wait: then the new content is in place, but may be lost in a power cut. New folders stay, though empty. The
// Folder can be used again afterwards.
func (f *Folder) Commit() error {
	defer f.Discard()
	return f.inPlace(f.commit())
}

func (f *Folder) commit() error {
	if !f.pending {
		return nil
	}
	if err := syncAll(f.staging); err != nil {
		return err
	}
	if f.fresh {
		return f.appear()
	}
	for i := range f.files {
		if err := f.move(i); err != nil {
			return errors.Join(err, f.takeBack(i))
		}
	}
	return syncAll(f.dir)
}

// appear makes the new folder visible as a whole.
func (f *Folder) appear() error {
	made := filepath.Join(f.staging, "new")
	err := renameNew(made, f.dir)
	if errors.Is(err, errors.ErrUnsupported) {
		err = os.Rename(made, f.dir) // fails too if there is a folder with something in it
	}
	if err != nil {
		return err
	}
	return syncDir(filepath.Dir(f.dir))
}

// move gives the ith file its name.
func (f *Folder) move(i int) error {
	file := f.files[i]
	target, err := resolve(filepath.Join(f.dir, file.name))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(target), folderMode); err != nil {
		return err
	}
	if os.Link(target, f.backup(i)) != nil && exists(target) {
		return f.moveFar(file, target)
	}
	err = rename(f.path(file.name), target)
	if errors.Is(err, syscall.EXDEV) {
		return f.moveFar(file, target)
	}
	return err
}

// moveFar writes a file whose place is on another file system, to which a symbolic link leads, or on one without hard links. It cannot be
// taken back.
func (f *Folder) moveFar(file staged, target string) error {
	content, err := os.ReadFile(f.path(file.name))
	if err != nil {
		return err
	}
	return Replace(target, content, file.mode)
}

// inPlace makes an error about a file in the hidden folder one about its place: the temporary name means nothing to people.
func (f *Folder) inPlace(err error) error {
	failed := (*fs.PathError)(nil)
	if f.staging == "" || !errors.As(err, &failed) {
		return err
	}
	rest, ok := strings.CutPrefix(failed.Path, f.staging)
	if ok {
		failed.Op, failed.Path = "write", filepath.Join(f.dir, strings.TrimPrefix(rest, string(filepath.Separator)+"new"))
	}
	return err
}

// takeBack undoes what move has done to the first n files, last things first.
func (f *Folder) takeBack(n int) error {
	var failed error
	for i := n - 1; i >= 0; i-- {
		target, err := resolve(filepath.Join(f.dir, f.files[i].name))
		switch {
		case err != nil || exists(f.path(f.files[i].name)): // it has not been moved
		case exists(f.backup(i)):
			err = os.Rename(f.backup(i), target)
		default:
			err = os.Remove(target)
		}
		failed = errors.Join(failed, err)
	}
	return failed
}

// Discard removes what was written and not committed. It does nothing after Commit.
func (f *Folder) Discard() {
	if f.staging != "" {
		os.RemoveAll(f.staging) // if this fails, the next write tries again
	}
	if f.lock != nil {
		f.lock.Close() // opened for its lock
	}
	*f = Folder{dir: f.dir}
}
