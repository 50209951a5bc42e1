//go:build unix

package filestore

import (
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// giveToOwner gives what root has made to the owner of the directory that it is in: the service's user must be able to read it. A failure shows when
// that user reads it.
func giveToOwner(name string) {
	if os.Geteuid() != 0 {
		return
	}
	info, err := os.Lstat(filepath.Dir(name))
	if err != nil {
		return
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		os.Lchown(name, int(stat.Uid), int(stat.Gid))
	}
}

// writerOf returns who has probably written or removed a file: its owner, or that of its directory.
func writerOf(file string) string {
	info, err := os.Stat(file)
	if err != nil {
		info, err = os.Stat(filepath.Dir(file))
	}
	if err != nil {
		return unknownWriter
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return unknownWriter
	}
	id := strconv.FormatUint(uint64(stat.Uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return "user " + id
}
