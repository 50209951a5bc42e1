package domains

import (
	"os"
	"syscall"
)

// identity is the number of a file on its device, which a rename over it changes, and when anything about it changed last.
type identity struct {
	inode   uint64
	changed int64
}

func identityOf(info os.FileInfo) identity {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return identity{s.Ino, s.Ctim.Nano()}
	}
	return identity{}
}
