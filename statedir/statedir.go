// Package statedir deals with the directory that has what must outlive the process (state_dir), in which the service and, as root, commands
// write: who owns what they make, locks between processes, files that are replaced as a whole, and logs of lines.
package statedir

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"
)

// Open opens a state_dir, and makes it if it is missing. All further work is done with the os.Root, so that symbolic links which the service's
// user may have made do not lead root elsewhere.
func Open(dir string) (*os.Root, error) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
			return nil, err
		}
		switch err := os.Mkdir(dir, 0o700); {
		case err == nil:
			giveToOwner(dir)
		case errors.Is(err, fs.ErrExist):
			if info, err := os.Stat(dir); err != nil || !info.IsDir() {
				return nil, fmt.Errorf("%s is not a directory; name another state_dir in [server], or remove it", dir)
			}
		default:
			return nil, err
		}
	}
	return os.OpenRoot(dir)
}

// SyncDir waits until the names in a directory are on disk.
func SyncDir(root *os.Root, name string) error {
	if runtime.GOOS == "windows" {
		return nil // directories cannot be opened for it
	}
	dir, err := root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Replace writes a file of a directory as a whole: a reader, a crash or a power cut finds the old content or the new one. It has mode 0600 and
// the owner of the directory. Unlike durable.Replace it never follows a symbolic link.
func Replace(root *os.Root, name string, content []byte) error {
	return ReplaceFrom(root, name, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}

// ReplaceFrom is Replace for content that a function writes, because it is too much for memory. After an error of the function, the file has its
// old content.
func ReplaceFrom(root *os.Root, name string, write func(io.Writer) error) error {
	temporary := name + ".new" + strconv.Itoa(os.Getpid()) + "." + strconv.FormatInt(time.Now().UnixNano(), 36)
	file, err := root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	GiveFile(root, file)
	if err = write(file); err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = root.Rename(temporary, name)
	}
	if err != nil {
		root.Remove(temporary) // the error says why it is of no use
		return err
	}
	return SyncDir(root, filepath.Dir(name))
}
