//go:build unix

package filestore

import (
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"mailhint/statedir"
)

// letOwnerRead lets the group of state_dir read a file that root has made there. It stays root's: see distrusted.
func letOwnerRead(root *os.Root, file *os.File) {
	if _, gid, ok := statedir.Owner(root); ok && gid != 0 && file.Chown(0, gid) == nil {
		file.Chmod(0o640)
	}
}

// distrusted returns the owner of a file that root must not act on, because somebody else has written it; "" for others.
func distrusted(file *os.File) string {
	info, err := file.Stat()
	if err != nil || os.Geteuid() != 0 {
		return ""
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Uid != 0 {
		return userName(stat.Uid)
	}
	return ""
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
	return userName(stat.Uid)
}

func userName(uid uint32) string {
	id := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return "user " + id
}
