//go:build unix

package domains

import (
	"os"
	"syscall"
)

// inode returns the number of a file on its device, which a rename over it changes.
func inode(info os.FileInfo) uint64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(s.Ino)
	}
	return 0
}
