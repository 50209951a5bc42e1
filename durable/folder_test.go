package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// add adds files to a folder, as name and content in turn.
func add(t testing.TB, f *Folder, files ...string) {
	t.Helper()
	for i := 0; i < len(files); i += 2 {
		if err := f.Write(files[i], []byte(files[i+1]), 0o644); err != nil {
			t.Fatalf("%s: %v", files[i], err)
		}
	}
}

// TestNewFolder: a folder that did not exist appears as a whole, with the folders above it.
func TestNewFolder(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "above", "dir")
	f := NewFolder(dir + "/")
	add(t, f, "a/b/one", "1", "two", "2")
	if exists(dir) {
		t.Error("the folder is visible before Commit")
	}
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	wantFile(t, filepath.Join(dir, "a", "b", "one"), "1", 0o644)
	wantFile(t, filepath.Join(dir, "two"), "2", 0o644)
	wantNames(t, filepath.Join(top, "above"), "dir")
	wantNames(t, dir, "a", "two")
}

// TestExistingFolder: files are added and replaced, everything else stays.
func TestExistingFolder(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "kept"), "kept", 0o600)
	write(t, filepath.Join(dir, "old"), "old", 0o640)
	f := NewFolder(dir)
	add(t, f, "old", "new", "a/b/one", "1")
	wantFile(t, filepath.Join(dir, "old"), "old", 0o640)
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	wantFile(t, filepath.Join(dir, "old"), "new", 0o640)
	wantFile(t, filepath.Join(dir, "kept"), "kept", 0o600)
	wantFile(t, filepath.Join(dir, "a", "b", "one"), "1", 0o644)
	wantNames(t, dir, "a", "kept", "old")

	add(t, f, "old", "third") // the same Folder again
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	wantFile(t, filepath.Join(dir, "old"), "third", 0o640)
}

func TestDiscardedFolder(t *testing.T) {
	for _, existing := range []bool{true, false} {
		top := t.TempDir()
		dir := filepath.Join(top, "dir")
		if existing {
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		f := NewFolder(dir)
		add(t, f, "a/one", "1")
		f.Discard()
		if existing {
			wantNames(t, dir)
		} else {
			wantNames(t, top)
		}
	}
}

// TestFolderTakesBack: if the last file cannot be replaced, those before it are as they were.
func TestFolderTakesBack(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "old"), "old", 0o640)
	f := NewFolder(dir)
	add(t, f, "fresh", "1", "old", "new", "bad", "text")
	if err := os.Mkdir(filepath.Join(dir, "bad"), 0o755); err != nil { // after Write looked
		t.Fatal(err)
	}
	if err := f.Commit(); !errors.Is(err, ErrNotRegular) {
		t.Errorf("got %v, want ErrNotRegular", err)
	}
	wantFile(t, filepath.Join(dir, "old"), "old", 0o640)
	wantNames(t, dir, "bad", "old")
}

// TestFolderAppearsElsewhere: another process makes the folder after the first look.
func TestFolderAppearsElsewhere(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "dir")
	f := NewFolder(dir)
	add(t, f, "one", "ours")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "two"), "theirs", 0o644)
	if err := f.Commit(); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v, want fs.ErrExist", err)
	}
	wantNames(t, top, "dir")
	wantNames(t, dir, "two")
}

func TestFolderRefusesNames(t *testing.T) {
	dir := t.TempDir()
	f := NewFolder(dir)
	for _, name := range []string{"../outside", "/etc/passwd", "", "a/../../b"} {
		if err := f.Write(name, nil, 0o644); err == nil {
			t.Errorf("%q has been written", name)
		}
	}
	add(t, f, "one", "1")
	if err := f.Write("one", nil, 0o644); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v for a name added twice, want fs.ErrExist", err)
	}
	f.Discard()
	wantNames(t, dir)
}

func TestFolderIsFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	write(t, name, "text", 0o644)
	if err := NewFolder(name).Write("one", nil, 0o644); err == nil {
		t.Error("a file has been taken for a folder")
	}
	wantFile(t, name, "text", 0o644)
}

// TestFolderFailedSync: if the files may not be on disk, none gets its name; if the names may not be, that is an error too.
func TestFolderFailedSync(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "file")
	write(t, name, "old", 0o644)
	t.Cleanup(func() { syncAll = syncTree })
	for failing, want := range map[int]string{1: "old", 2: "new"} {
		calls := 0
		syncAll = func(dir string) error {
			if calls++; calls == failing {
				return errBroken
			}
			return syncTree(dir)
		}
		f := NewFolder(dir)
		add(t, f, "file", "new")
		if err := f.Commit(); !errors.Is(err, errBroken) || calls != failing {
			t.Errorf("got %v after %d calls, want %v after %d", err, calls, errBroken, failing)
		}
		wantFile(t, name, want, 0o644)
		wantNames(t, dir, "file")
		write(t, name, "old", 0o644)
	}
}
