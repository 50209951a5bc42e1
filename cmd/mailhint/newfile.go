package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

// writeNew writes a file in one step, and never over another: the error is fs.ErrExist then, also if somebody was faster. Before it has
// its name, good is asked about it, by another name under which it can be read.
func writeNew(name, text string, good func(file string) error) (err error) {
	dir := filepath.Dir(name)
	file, err := nameless(dir)
	if err != nil { // as on other systems than Linux, and on some file systems
		if file, err = os.CreateTemp(dir, ".mailhint-*"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.Remove(file.Name())) }()
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	_, err = io.WriteString(file, text)
	if err = errors.Join(err, file.Chmod(0o644), file.Sync()); err != nil {
		return err
	}
	if err := good(file.Name()); err != nil {
		return err
	}
	if err := link(file.Name(), name); err != nil { // unlike a rename it fails if there is a file
		return err
	}
	return syncDir(dir)
}

// syncDir makes a new name in a directory last through a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// cause is an error without the operation and the file, which the message names already.
func cause(err error) error {
	var link *os.LinkError
	var path *os.PathError
	switch {
	case errors.As(err, &link):
		return link.Err
	case errors.As(err, &path):
		return path.Err
	}
	return err
}
