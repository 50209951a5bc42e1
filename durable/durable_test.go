package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// onBothKinds runs a test with nameless temporary files, if there are any here, and with named ones as on NFS. It replaces a variable, so
// that the test cannot run in parallel.
func onBothKinds(t *testing.T, test func(t *testing.T)) {
	t.Run("nameless", test)
	t.Run("named", func(t *testing.T) {
		nameless = func(string) (*os.File, error) { return nil, errors.ErrUnsupported }
		t.Cleanup(func() { nameless = openNameless })
		test(t)
	})
}

func write(t testing.TB, name, text string, mode fs.FileMode) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, mode); err != nil {
		t.Fatal(err)
	}
}

func wantFile(t testing.TB, name, text string, mode fs.FileMode) {
	t.Helper()
	got, err := os.ReadFile(name)
	if err != nil || string(got) != text {
		t.Errorf("%s holds %.40q (%v), want %.40q", name, got, err, text)
	}
	if info, err := os.Lstat(name); err != nil {
		t.Error(err)
	} else if info.Mode() != mode {
		t.Errorf("%s has mode %v, want %v", name, info.Mode(), mode)
	}
}

// wantNames checks that nothing else is in a folder, such as a forgotten temporary file.
func wantNames(t testing.TB, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if !slices.Equal(got, want) {
		t.Errorf("the folder holds %q, want %q", got, want)
	}
}

func TestReplace(t *testing.T) {
	onBothKinds(t, func(t *testing.T) {
		dir := t.TempDir()
		name := filepath.Join(dir, "file")
		if err := Replace(name, []byte("one"), 0o666); err != nil {
			t.Fatal(err)
		}
		wantFile(t, name, "one", 0o666) // the umask would have made it 0644
		if err := os.Chmod(name, 0o640|fs.ModeSetgid); err != nil {
			t.Fatal(err)
		}
		if err := Replace(name, []byte("two"), 0o600); err != nil {
			t.Fatal(err)
		}
		wantFile(t, name, "two", 0o640|fs.ModeSetgid)
		wantNames(t, dir, "file")
	})
}

func TestReplaceNeedsFolder(t *testing.T) {
	if err := Replace(filepath.Join(t.TempDir(), "missing", "file"), nil, 0o644); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want an error that the folder does not exist", err)
	}
}

func TestReplaceFollowsLinks(t *testing.T) {
	dir := t.TempDir()
	real := filepath.Join(dir, "a", "b")
	if err := os.MkdirAll(real, 0o755); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{
		"short":      filepath.Join("a", "b"), // so that short/.. is a, and not the folder that holds short
		"a/b/link":   "../file",
		"chain":      "short/link",
		"dangling":   "a/new",
		"a/b/circle": "circle",
	} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(dir, "a", "file"), "old", 0o600)
	if err := Replace(filepath.Join(dir, "chain"), []byte("by the chain"), 0o644); err != nil {
		t.Fatal(err)
	}
	wantFile(t, filepath.Join(dir, "a", "file"), "by the chain", 0o600)
	if err := Replace(filepath.Join(dir, "dangling"), []byte("new"), 0o644); err != nil {
		t.Fatal(err)
	}
	wantFile(t, filepath.Join(dir, "a", "new"), "new", 0o644)
	for _, link := range []string{"chain", "dangling", "a/b/link"} {
		if info, err := os.Lstat(filepath.Join(dir, link)); err != nil || info.Mode()&fs.ModeSymlink == 0 {
			t.Errorf("%s is %v (%v), want a symbolic link as before", link, info.Mode(), err)
		}
	}
	if err := Replace(filepath.Join(real, "circle"), nil, 0o644); err == nil {
		t.Error("a circle of links has been written to")
	}
	wantNames(t, dir, "a", "chain", "dangling", "short")
	wantNames(t, filepath.Join(dir, "a"), "b", "file", "new")
}

func TestReplaceLeavesHardLinks(t *testing.T) {
	dir := t.TempDir()
	name, other := filepath.Join(dir, "file"), filepath.Join(dir, "other")
	write(t, name, "old", 0o644)
	if err := os.Link(name, other); err != nil {
		t.Fatal(err)
	}
	if err := Replace(name, []byte("new"), 0o644); err != nil {
		t.Fatal(err)
	}
	wantFile(t, name, "new", 0o644)
	wantFile(t, other, "old", 0o644)
}

// failSync makes fsync fail from the given call on, counted from 1, and counts the calls.
func failSync(t *testing.T, from int) (calls *int) {
	calls = new(int)
	real := syncFile
	t.Cleanup(func() { syncFile = real })
	syncFile = func(f *os.File) error {
		if *calls++; *calls >= from {
			return errBroken
		}
		return real(f)
	}
	return calls
}

var errBroken = errors.New("broken disk")

// TestFailedSync: a failed fsync fails the write and is not repeated.
func TestFailedSync(t *testing.T) {
	onBothKinds(t, func(t *testing.T) {
		dir := t.TempDir()
		name := filepath.Join(dir, "file")
		write(t, name, "old", 0o644)
		calls := failSync(t, 1)
		if err := Replace(name, []byte("new"), 0o644); !errors.Is(err, errBroken) || *calls != 1 {
			t.Errorf("got %v after %d calls, want %v after one", err, *calls, errBroken)
		}
		wantFile(t, name, "old", 0o644)
		if err := Create(filepath.Join(dir, "new"), nil, 0o644, nil); !errors.Is(err, errBroken) {
			t.Errorf("got %v, want %v", err, errBroken)
		}
		wantNames(t, dir, "file")
	})
}

// TestFailedSyncOfFolder: the new name may not last, which is an error although the file can be seen.
func TestFailedSyncOfFolder(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "file")
	calls := failSync(t, 2)
	if err := Replace(name, []byte("new"), 0o644); !errors.Is(err, errBroken) || *calls != 2 {
		t.Errorf("got %v after %d calls, want %v after two", err, *calls, errBroken)
	}
	wantFile(t, name, "new", 0o644)
	wantNames(t, dir, "file")
}

func TestCreate(t *testing.T) {
	onBothKinds(t, func(t *testing.T) {
		dir := t.TempDir()
		name := filepath.Join(dir, "file")
		bad := errors.New("bad")
		err := Create(name, []byte("text"), 0o644, func(file string) error {
			wantText(t, file, "text")
			if exists(name) {
				t.Error("the file has its name before it is checked")
			}
			return bad
		})
		if err != bad {
			t.Errorf("got %v, want the error of the check", err)
		}
		wantNames(t, dir)
		if err := Create(name, []byte("text"), 0o666, func(string) error { return nil }); err != nil {
			t.Fatal(err)
		}
		if err := Create(name, []byte("other"), 0o666, nil); !errors.Is(err, fs.ErrExist) {
			t.Errorf("got %v, want fs.ErrExist", err)
		}
		wantFile(t, name, "text", 0o666)
		wantNames(t, dir, "file")
	})
}

func wantText(t testing.TB, file, want string) {
	t.Helper()
	if got, err := os.ReadFile(file); err != nil || string(got) != want {
		t.Errorf("read %q (%v), want %q", got, err, want)
	}
}

// TestCreateIsLate: another process creates the file after the first look.
func TestCreateIsLate(t *testing.T) {
	onBothKinds(t, func(t *testing.T) {
		dir := t.TempDir()
		name := filepath.Join(dir, "file")
		err := Create(name, []byte("ours"), 0o644, func(string) error {
			write(t, name, "theirs", 0o644)
			return nil
		})
		if !errors.Is(err, fs.ErrExist) {
			t.Errorf("got %v, want fs.ErrExist", err)
		}
		wantFile(t, name, "theirs", 0o644)
		wantNames(t, dir, "file")
	})
}

func TestCreateFollowsNoLink(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "file")
	if err := os.Symlink("nowhere", name); err != nil {
		t.Fatal(err)
	}
	if err := Create(name, []byte("text"), 0o644, nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v, want fs.ErrExist", err)
	}
	wantNames(t, dir, "file")
}
