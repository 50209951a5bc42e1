package main

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// nameless opens a file that has no name yet, so that a crash leaves nothing of it behind. NFS has no such files, among others.
func nameless(dir string) (*os.File, error) {
	number, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: dir, Err: err}
	}
	return os.NewFile(uintptr(number), "/proc/self/fd/"+strconv.Itoa(number)), nil
}

// link gives a file another name. What stands in /proc is a symbolic link to a nameless file, and has to be followed.
func link(old, name string) error {
	if err := unix.Linkat(unix.AT_FDCWD, old, unix.AT_FDCWD, name, unix.AT_SYMLINK_FOLLOW); err != nil {
		return &os.LinkError{Op: "link", Old: old, New: name, Err: err}
	}
	return nil
}
