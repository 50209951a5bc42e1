package durable

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestNotRegular: what is not a regular file stays what it is, and nothing waits for the other end of a FIFO.
func TestNotRegular(t *testing.T) {
	dir := t.TempDir()
	fifo, socket, link := filepath.Join(dir, "fifo"), filepath.Join(dir, "socket"), filepath.Join(dir, "link")
	if err := unix.Mkfifo(fifo, 0o644); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	null := nullDevice(t, dir)
	if err := os.Symlink(null, link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{null, fifo, socket, dir, link} {
		before, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := Replace(name, []byte("text"), 0o644); !errors.Is(err, ErrNotRegular) {
			t.Errorf("%s: got %v, want ErrNotRegular", name, err)
		}
		if err := Create(name, []byte("text"), 0o644, nil); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s: got %v, want fs.ErrExist", name, err)
		}
		if after, err := os.Stat(name); err != nil || !os.SameFile(before, after) {
			t.Errorf("%s is another file now (%v)", name, err)
		}
		if name == dir || name == "/dev/null" {
			continue
		}
		if err := NewFolder(dir).Write(filepath.Base(name), nil, 0o644); !errors.Is(err, ErrNotRegular) {
			t.Errorf("%s in a Folder: got %v, want ErrNotRegular", name, err)
		}
	}
}

// nullDevice returns a device like /dev/null: one of the test's own for root, who could replace the machine's, and the machine's for
// others, who cannot.
func nullDevice(t *testing.T, dir string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		return "/dev/null"
	}
	name := filepath.Join(dir, "null")
	switch err := unix.Mknod(name, unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))); {
	case errors.Is(err, unix.EPERM): // in a container, where the device is a mount that cannot be replaced
		return "/dev/null"
	case err != nil:
		t.Fatal(err)
	}
	return name
}

// acl spells an ACL as the kernel stores it: rwx for the owner, the user 1234 and the mask, reading for the group, nothing for others.
func acl(rwx uint16) []byte {
	b := new(bytes.Buffer)
	binary.Write(b, binary.LittleEndian, uint32(2)) // the version; writing to a buffer cannot fail
	for _, entry := range []struct {
		Tag, Permissions uint16
		ID               uint32
	}{
		{0x01, rwx, 0xffffffff}, {0x02, rwx, 1234}, {0x04, 4, 0xffffffff}, {0x10, rwx, 0xffffffff}, {0x20, 0, 0xffffffff},
	} {
		binary.Write(b, binary.LittleEndian, entry)
	}
	return b.Bytes()
}

func extended(t testing.TB, name, attribute string) []byte {
	t.Helper()
	value := make([]byte, 1<<10)
	n, err := unix.Getxattr(name, attribute, value)
	if err == unix.ENODATA {
		return nil
	}
	if err != nil {
		t.Fatalf("%s of %s: %v", attribute, name, err)
	}
	return value[:n]
}

// TestKeepsAttributes: an existing file keeps its ACL and other extended attributes, and does not get those of its folder.
func TestKeepsAttributes(t *testing.T) {
	dir := t.TempDir()
	with, without := filepath.Join(dir, "with"), filepath.Join(dir, "without")
	write(t, with, "old", 0o640)
	write(t, without, "old", 0o640)
	set := func(name, attribute string, value []byte) {
		t.Helper()
		if err := unix.Setxattr(name, attribute, value, 0); err != nil {
			t.Skipf("this file system has no %s: %v", attribute, err)
		}
	}
	set(with, accessACL, acl(6))
	set(with, "user.origin", []byte("panel"))
	set(dir, "system.posix_acl_default", acl(7))
	f := NewFolder(dir)
	for _, replace := range []func(string) error{
		func(name string) error { return Replace(name, []byte("new"), 0o600) },
		func(name string) error {
			return errors.Join(f.Write(filepath.Base(name), []byte("new"), 0o600), f.Commit())
		},
	} {
		if err := errors.Join(replace(with), replace(without)); err != nil {
			t.Fatal(err)
		}
		wantFile(t, with, "new", 0o660) // the mask stands where the group does
		wantFile(t, without, "new", 0o640)
		if got := extended(t, with, accessACL); !bytes.Equal(got, acl(6)) {
			t.Errorf("the ACL is %x, want %x", got, acl(6))
		}
		if got := extended(t, with, "user.origin"); string(got) != "panel" {
			t.Errorf("user.origin is %q, want %q", got, "panel")
		}
		if got := extended(t, without, accessACL); got != nil {
			t.Errorf("a file without an ACL has got %x", got)
		}
	}
}

// nobody is the number of a user and group without rights.
const nobody = 65534

// asNobody does something with the rights of another user, who may write to the folder; root has all rights.
func asNobody(t *testing.T, dir string, do func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		do()
		return
	}
	if err := errors.Join(os.Chmod(filepath.Dir(dir), 0o755), os.Chmod(dir, 0o777)); err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread() // the rights are those of this thread only
	defer runtime.UnlockOSThread()
	defer func() {
		if err := errors.Join(unix.Setfsuid(0), unix.Setfsgid(0)); err != nil {
			panic(err) // the thread is of no use any more
		}
	}()
	if err := errors.Join(unix.Setfsgid(nobody), unix.Setfsuid(nobody)); err != nil {
		t.Fatal(err)
	}
	do()
}

func TestKeepsOwner(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "file")
	write(t, name, "old", 0o666)
	uid, gid := os.Getuid(), os.Getgid()
	if uid == 0 {
		uid, gid = 1234, 2345
	}
	if err := os.Chown(name, uid, gid); err != nil {
		t.Fatal(err)
	}
	if err := Replace(name, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantFile(t, name, "new", 0o666)
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Sys().(*syscall.Stat_t); int(got.Uid) != uid || int(got.Gid) != gid {
		t.Errorf("the file belongs to %d:%d, want %d:%d", got.Uid, got.Gid, uid, gid)
	}
	if os.Getuid() != 0 {
		return // there is no file of another user to try
	}

	// A user who may write to the file but not give it away must not take it over.
	asNobody(t, dir, func() {
		if err := Replace(name, []byte("taken"), 0o600); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("got %v, want an error that the owner cannot be kept", err)
		}
	})
	wantFile(t, name, "new", 0o666)
	wantNames(t, dir, "file")
}

// TestReadOnlyFile: the folder would allow the rename, but the file says no.
func TestReadOnlyFile(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "file")
	write(t, name, "old", 0o444)
	if os.Geteuid() == 0 {
		if err := os.Chown(name, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	asNobody(t, dir, func() {
		if err := Replace(name, []byte("new"), 0o644); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("got %v, want fs.ErrPermission", err)
		}
	})
	wantFile(t, name, "old", 0o444)
	wantNames(t, dir, "file")
}
