package durable

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// openNameless opens a file that has no name, so that a crash leaves nothing of it behind. It can be read under the name in /proc.
func openNameless(dir string) (*os.File, error) {
	number, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: dir, Err: err}
	}
	file := os.NewFile(uintptr(number), "/proc/self/fd/"+strconv.Itoa(number))
	if !exists(file.Name()) { // without /proc it can never get a name
		return nil, errors.Join(errors.ErrUnsupported, file.Close())
	}
	return file, nil
}

// link gives a file another name, which must be free. The name of a nameless file in /proc is a symbolic link, and has to be followed.
func link(old, name string) error {
	if err := unix.Linkat(unix.AT_FDCWD, old, unix.AT_FDCWD, name, unix.AT_SYMLINK_FOLLOW); err != nil {
		return &os.LinkError{Op: "link", Old: temporaryText, New: name, Err: err}
	}
	return nil
}

// renameNew renames a file or folder to a name that must be free. The error is errors.ErrUnsupported where the file system cannot
// do that.
func renameNew(old, name string) error {
	err := unix.Renameat2(unix.AT_FDCWD, old, unix.AT_FDCWD, name, unix.RENAME_NOREPLACE)
	if err == unix.EINVAL {
		return errors.ErrUnsupported
	}
	if err != nil {
		return &os.LinkError{Op: "rename", Old: old, New: name, Err: err}
	}
	return nil
}

// exchange exchanges two files in one step. The error is errors.ErrUnsupported where the kernel or the file system cannot do that.
func exchange(a, b string) error {
	err := unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
	if err == unix.EINVAL || err == unix.ENOSYS {
		return errors.ErrUnsupported
	}
	if err != nil {
		return adviseOnMount(&os.LinkError{Op: "rename", Old: temporaryText, New: b, Err: err}, b)
	}
	return nil
}

// isOpenForWriting reports whether any process has a file open for writing, as far as it can be known: the kernel gives a lease for reading
// (fcntl(2), F_SETLEASE) only if none has, and only to the file's owner and to root.
func isOpenForWriting(file *os.File) bool {
	if _, err := unix.FcntlInt(file.Fd(), unix.F_SETLEASE, unix.F_RDLCK); err != nil {
		return err == unix.EAGAIN
	}
	unix.FcntlInt(file.Fd(), unix.F_SETLEASE, unix.F_UNLCK) // also ends when the file is closed
	return false
}

// syncTree waits until all that was written below a folder is on disk. One call for the whole file system takes far less time than
// one for each of many files. It reports failed writes since Linux 5.8.
func syncTree(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = unix.Syncfs(int(d.Fd()))
	return errors.Join(os.NewSyscallError("syncfs", err), d.Close())
}

const (
	accessACL     = "system.posix_acl_access"
	securityLabel = "security.selinux"
)

// keepExtended gives a file the extended attributes of another, among them its ACL.
func keepExtended(file, old *os.File) error {
	// A folder's default ACL has given the new file one, which the old file may not have.
	if err := unix.Fremovexattr(int(file.Fd()), accessACL); err != nil && !isWithoutAttribute(err) {
		return err
	}
	list, err := attributeNames(old)
	if err != nil {
		return err
	}
	for _, name := range list {
		if strings.HasPrefix(name, "security.") && name != securityLabel {
			continue // signatures and the like, which belong to the old content
		}
		value, err := attribute(old, name)
		if err == nil {
			err = unix.Fsetxattr(int(file.Fd()), name, value, 0)
		}
		if err != nil && err != unix.ENODATA && name != securityLabel { // a label may be the policy's to give
			return &os.PathError{Op: "copy " + name, Path: old.Name(), Err: err}
		}
	}
	return nil
}

// isWithoutAttribute reports whether an error means that there is no such attribute, or none on this file system.
func isWithoutAttribute(err error) bool {
	return err == unix.ENODATA || err == unix.ENOTSUP
}

func attributeNames(file *os.File) ([]string, error) {
	list, err := readGrowing(func(b []byte) (int, error) { return unix.Flistxattr(int(file.Fd()), b) })
	if err != nil {
		if isWithoutAttribute(err) {
			return nil, nil
		}
		return nil, err
	}
	var names []string
	for name := range bytes.SplitSeq(list, []byte{0}) {
		if len(name) > 0 {
			names = append(names, string(name))
		}
	}
	return names, nil
}

func attribute(file *os.File, name string) ([]byte, error) {
	return readGrowing(func(b []byte) (int, error) { return unix.Fgetxattr(int(file.Fd()), name, b) })
}

// readGrowing calls read with a buffer that is large enough.
func readGrowing(read func([]byte) (int, error)) ([]byte, error) {
	for size := 1 << 10; ; size *= 4 {
		b := make([]byte, size)
		n, err := read(b)
		if err == unix.ERANGE && size < 1<<20 {
			continue
		}
		if err != nil {
			return nil, err
		}
		return b[:n], nil
	}
}
