//go:build !linux

package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

func openNameless(string) (*os.File, error) { return nil, errors.ErrUnsupported }

func link(old, name string) error { return os.Link(old, name) }

func renameNew(string, string) error { return errors.ErrUnsupported }

func exchange(string, string) error { return errors.ErrUnsupported }

func isOpenForWriting(*os.File) bool { return false }

func keepExtended(_, _ *os.File) error { return nil }

// syncTree waits until all that was written below a folder is on disk.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return syncDir(path)
		case !d.Type().IsRegular():
			return nil
		}
		file, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		return errors.Join(syncFile(file), file.Close())
	})
}
