//go:build unix

package certs

import (
	"io/fs"
	"os"
	"syscall"
)

// ownerOf returns the number of the user a file belongs to.
func ownerOf(info fs.FileInfo) int {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(s.Uid)
	}
	return os.Geteuid()
}
