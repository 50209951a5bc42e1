//go:build unix && !linux

package domains

import (
	"os"
	"syscall"
)

// identity is the number of a file on its device, which a rename over it changes.
type identity struct{ inode uint64 }

func identityOf(info os.FileInfo) identity {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return identity{uint64(s.Ino)}
	}
	return identity{}
}
