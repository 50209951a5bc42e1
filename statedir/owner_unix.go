//go:build unix

package statedir

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

// GiveDir gives a directory that root has made in state_dir to the owner of that.
func GiveDir(root *os.Root, name string) {
	if uid, gid, ok := Owner(root); ok {
		root.Lchown(name, uid, gid)
	}
}

// GiveFile gives a file that root has made in state_dir to the owner of that: the service's user must be able to read it. A failure shows when
// that user reads it.
func GiveFile(root *os.Root, file *os.File) {
	if uid, gid, ok := Owner(root); ok {
		file.Chown(uid, gid)
	}
}

// Owner returns the owner of state_dir; ok is false unless this is root, and that is somebody else.
func Owner(root *os.Root) (uid, gid int, ok bool) {
	info, err := root.Stat(".")
	if err != nil || os.Geteuid() != 0 {
		return 0, 0, false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || stat.Uid == 0 {
		return 0, 0, false
	}
	return int(stat.Uid), int(stat.Gid), true
}
