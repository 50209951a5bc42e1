//go:build unix

package filestore

import (
	"os"
	"path/filepath"
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
