//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package durable

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	nonBlocking   = unix.O_NONBLOCK // opening a FIFO would wait for a reader
	canSyncDir    = true
	canRenameOpen = true
)

// errLocked means that another process has locked a file.
var errLocked = error(unix.EWOULDBLOCK)

// lock marks a file as in use. The lock ends with the process.
func lock(file *os.File) error {
	return ignoringInterrupts(func() error { return unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB) })
}

// lockDir locks a folder until the file that it returns is closed; nil if it cannot.
func lockDir(dir string) *os.File {
	file, err := os.Open(dir)
	if err != nil {
		return nil
	}
	lock(file) // where folders cannot be locked, none is removed
	return file
}

// isLocked reports whether a file or folder is in use, or may be.
func isLocked(path string, _ fs.DirEntry) bool {
	number, err := unix.Open(path, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return true
	}
	defer unix.Close(number) // also ends the lock
	return ignoringInterrupts(func() error { return unix.Flock(number, unix.LOCK_EX|unix.LOCK_NB) }) != nil
}

func ignoringInterrupts(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// keepOwner gives a file the user and group of another.
func keepOwner(file *os.File, old fs.FileInfo) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	want, ok := old.Sys().(*syscall.Stat_t)
	got, also := info.Sys().(*syscall.Stat_t)
	if !ok || !also || got.Uid == want.Uid && got.Gid == want.Gid {
		return nil
	}
	return file.Chown(int(want.Uid), int(want.Gid))
}
