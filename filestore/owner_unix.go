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

// giveDirToOwner gives a directory that root has made in state_dir to the owner of that, as giveToOwner does.
func giveDirToOwner(root *os.Root, name string) {
	if uid, gid, ok := ownerOf(root); ok {
		root.Lchown(name, uid, gid)
	}
}

// giveFileToOwner gives a file that root has made in state_dir to the owner of that, as giveToOwner does.
func giveFileToOwner(root *os.Root, file *os.File) {
	if uid, gid, ok := ownerOf(root); ok {
		file.Chown(uid, gid)
	}
}

// letOwnerRead lets the group of state_dir read a file that root has made there. It stays root's: see distrusted.
func letOwnerRead(root *os.Root, file *os.File) {
	if _, gid, ok := ownerOf(root); ok && gid != 0 && file.Chown(0, gid) == nil {
		file.Chmod(0o640)
	}
}

// ownerOf returns the owner of state_dir; ok is false unless this is root, and that is somebody else.
func ownerOf(root *os.Root) (uid, gid int, ok bool) {
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
