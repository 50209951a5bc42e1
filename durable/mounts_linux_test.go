package durable

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestMounts runs inMounts in a mount namespace of its own.
func TestMounts(t *testing.T) {
	cmd := as("mounts", t.TempDir())
	cmd.Stdout = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	err := cmd.Start()
	if errors.Is(err, os.ErrPermission) {
		t.Skipf("making a mount namespace needs root or user namespaces: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// inMounts does what needs file systems of its own, and returns the exit code.
func inMounts(dir string) int {
	small, large := filepath.Join(dir, "small"), filepath.Join(dir, "large")
	for _, err := range []error{
		os.Mkdir(small, 0o755),
		os.Mkdir(large, 0o755),
		unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
		unix.Mount("tmpfs", small, "tmpfs", 0, "size=1m"),
		unix.Mount("tmpfs", large, "tmpfs", 0, "size=8m"),
	} {
		if err != nil {
			fmt.Println("mounts:", err)
			return 1
		}
	}
	failed := 0
	for name, err := range map[string]error{
		"full disk":         fullDisk(filepath.Join(small, "full")),
		"other file system": otherFileSystem(large, small),
		"mounted file":      mountedFile(large),
	} {
		if err != nil {
			fmt.Printf("%s: %v\n", name, err)
			failed = 1
		}
	}
	return failed
}

// holds checks what a file holds, and that its folder holds nothing else.
func holds(name, want string) error {
	content, err := os.ReadFile(name)
	entries, dirErr := os.ReadDir(filepath.Dir(name))
	if err := errors.Join(err, dirErr); err != nil {
		return err
	}
	if string(content) != want || len(entries) != 1 {
		return fmt.Errorf("the file holds %.10q, want %q alone in %v", content, want, entries)
	}
	return nil
}

// fullDisk: a write that does not fit changes nothing and leaves nothing.
func fullDisk(dir string) error {
	name := filepath.Join(dir, "dir", "file")
	f := NewFolder(filepath.Dir(name))
	if err := errors.Join(f.Write("file", []byte("old"), 0o644), f.Commit()); err != nil {
		return err
	}
	large := make([]byte, 2<<20)
	for what, write := range map[string]func() error{
		"Replace": func() error { return Replace(name, large, 0o644) },
		"Create":  func() error { return Create(name+"2", large, 0o644, nil) },
		"Folder": func() error {
			defer f.Discard()
			return errors.Join(f.Write("file", []byte("new"), 0o644), f.Write("large", large, 0o644))
		},
		"new Folder": func() error {
			f := NewFolder(filepath.Join(dir, "other"))
			defer f.Discard()
			return f.Write("large", large, 0o644)
		},
	} {
		if err := write(); !errors.Is(err, unix.ENOSPC) {
			return fmt.Errorf("%s: got %v, want ENOSPC", what, err)
		} else if text := err.Error(); strings.Contains(text, temporaryPrefix) {
			return fmt.Errorf("%s: the error has the name of a temporary file: %s", what, text)
		} else if strings.HasSuffix(what, "Folder") && !strings.Contains(text, string(filepath.Separator)+"large: ") {
			return fmt.Errorf("%s: the error lacks the name of the file: %s", what, text)
		}
		if err := holds(name, "old"); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		return fmt.Errorf("the disk holds %v, %v", entries, err)
	}
	return nil
}

// otherFileSystem: symbolic links in a folder may lead to another file system.
func otherFileSystem(dir, other string) error {
	if err := errors.Join(os.Symlink(other, filepath.Join(dir, "link")), os.WriteFile(filepath.Join(other, "old"), []byte("old"), 0o640)); err != nil {
		return err
	}
	f := NewFolder(dir)
	for _, name := range []string{"link/old", "link/sub/fresh"} {
		if err := f.Write(name, []byte("new"), 0o600); err != nil {
			return err
		}
	}
	if err := f.Commit(); err != nil {
		return err
	}
	for name, mode := range map[string]os.FileMode{"old": 0o640, "sub/fresh": 0o600} {
		content, err := os.ReadFile(filepath.Join(other, name))
		if err != nil {
			return err
		}
		info, err := os.Stat(filepath.Join(other, name))
		if err != nil || string(content) != "new" || info.Mode() != mode {
			return fmt.Errorf("%s holds %q with the mode %v, %v", name, content, info.Mode(), err)
		}
	}
	return nil
}

// mountedFile: a file that is a mount point, as in a container, cannot be replaced, and the error says what to do.
func mountedFile(dir string) error {
	dir = filepath.Join(dir, "mounted")
	name, source := filepath.Join(dir, "file"), filepath.Join(filepath.Dir(dir), "source")
	if err := errors.Join(os.Mkdir(dir, 0o755), os.WriteFile(name, nil, 0o644), os.WriteFile(source, []byte("old"), 0o644),
		unix.Mount(source, name, "", unix.MS_BIND, "")); err != nil {
		return err
	}
	if err := Replace(name, []byte("new"), 0o644); !errors.Is(err, unix.EBUSY) || !strings.Contains(err.Error(), "mount its folder instead") {
		return fmt.Errorf("got %v, want EBUSY with advice", err)
	}
	return holds(name, "old")
}
