package durable

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// replaceIf is Prepare and Commit.
func replaceIf(name, old, content string) error {
	r, err := Prepare(name, []byte(old), []byte(content))
	if err != nil {
		return err
	}
	return r.Commit()
}

// without sets what imitates a poorer file system, until the test ends.
func without(t *testing.T, exchange, names bool) {
	oldExchange, oldNameless := exchangeFiles, nameless
	t.Cleanup(func() { exchangeFiles, nameless = oldExchange, oldNameless })
	if exchange {
		exchangeFiles = func(string, string) error { return errors.ErrUnsupported }
	}
	if names {
		nameless = func(string) (*os.File, error) { return nil, errors.ErrUnsupported }
	}
}

// meanwhile does something just before or after the exchange, until the test ends.
func meanwhile(t *testing.T, hook *func(), do func()) {
	old := *hook
	t.Cleanup(func() { *hook = old })
	*hook = do
}

func content(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestReplaceIfUnchanged(t *testing.T) {
	for _, test := range []struct {
		name            string
		exchange, names bool
	}{{"linux", false, false}, {"without nameless files", false, true}, {"without exchange", true, false}, {"without both", true, true}} {
		t.Run(test.name, func(t *testing.T) {
			without(t, test.exchange, test.names)
			dir := t.TempDir()
			file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
			write(t, file, "old", 0o640)
			if err := os.Symlink("file", link); err != nil {
				t.Fatal(err)
			}
			if err := replaceIf(link, "old", "new"); err != nil {
				t.Fatal(err)
			}
			info, err := os.Lstat(file)
			if got := content(t, file); got != "new" || err != nil || info.Mode() != 0o640 {
				t.Errorf("the file holds %q with %v, %v", got, info.Mode(), err)
			}
			wantNames(t, dir, "file", "link")
			for _, old := range []string{"old", "newer", "", "ne"} {
				if err := replaceIf(file, old, "newest"); !errors.Is(err, ErrChanged) {
					t.Errorf("replacing %q: %v, want ErrChanged", old, err)
				}
			}
			if err := replaceIf(filepath.Join(dir, "absent"), "", "new"); !errors.Is(err, ErrChanged) {
				t.Errorf("replacing a file that is not there: %v, want ErrChanged", err)
			}
			if got := content(t, file); got != "new" {
				t.Errorf("the file holds %q after refusals", got)
			}
			wantNames(t, dir, "file", "link")
		})
	}
}

func TestPrepareChangesNothing(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	write(t, file, "old", 0o600)
	r, err := Prepare(file, []byte("old"), []byte("new"))
	if err != nil {
		t.Fatal(err)
	}
	r.Discard()
	if got := content(t, file); got != "old" {
		t.Errorf("the file holds %q", got)
	}
	wantNames(t, dir, "file")
}

// Whatever somebody else does to a file at the last moment stays as it is.
func TestReplaceIfChangedMeanwhile(t *testing.T) {
	for what, change := range map[string]func(file string) error{
		"written in place": func(file string) error { return os.WriteFile(file, []byte("theirs"), 0o600) },
		"replaced": func(file string) error {
			return errors.Join(os.WriteFile(file+"~", []byte("theirs"), 0o600), os.Rename(file+"~", file))
		},
		"replaced by a link": func(file string) error {
			return errors.Join(os.WriteFile(file+"~", []byte("theirs"), 0o600), os.Remove(file), os.Symlink(file+"~", file))
		},
		"same size":   func(file string) error { return os.WriteFile(file, []byte("OLD"), 0o600) },
		"longer":      func(file string) error { return os.WriteFile(file, []byte("old and more"), 0o600) },
		"other mode":  func(file string) error { return os.Chmod(file, 0o640) },
		"moved away":  func(file string) error { return os.Rename(file, file+"~") },
		"new content": func(file string) error { return os.WriteFile(file, []byte("new"), 0o600) },
	} {
		for _, poor := range []bool{false, true} {
			t.Run(what, func(t *testing.T) {
				without(t, poor, false)
				dir := t.TempDir()
				file := filepath.Join(dir, "file")
				write(t, file, "old", 0o600)
				want, done := "", false
				meanwhile(t, &beforeExchange, func() {
					if done { // it is called again where files cannot be exchanged
						return
					}
					if err := change(file); err != nil {
						t.Fatal(err)
					}
					text, _ := os.ReadFile(file)
					want, done = string(text), true
				})
				if err := replaceIf(file, "old", "new"); !errors.Is(err, ErrChanged) {
					t.Fatalf("got %v, want ErrChanged", err)
				}
				text, _ := os.ReadFile(file)
				if string(text) != want {
					t.Errorf("the file holds %q, want %q", text, want)
				}
				entries, err := os.ReadDir(dir)
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range entries {
					if isTemporaryName(e.Name()) {
						t.Errorf("%s is still there", e.Name())
					}
				}
			})
		}
	}
}

// What somebody saves after the exchange, over the new content, is newer than what the exchange brought out, and stays.
func TestReplaceIfChangedTwice(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("files are exchanged on Linux only")
	}
	for what, save := range map[string]func(file, text string) error{
		"in place": func(file, text string) error { return os.WriteFile(file, []byte(text), 0o600) },
		"by rename": func(file, text string) error {
			return errors.Join(os.WriteFile(file+"~", []byte(text), 0o600), os.Rename(file+"~", file))
		},
		"like vim": func(file, text string) error {
			return errors.Join(os.Rename(file, file+"~"), os.WriteFile(file, []byte(text), 0o600), os.Remove(file+"~"))
		},
	} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "file")
			write(t, file, "old", 0o600)
			meanwhile(t, &beforeExchange, func() {
				if err := save(file, "first"); err != nil {
					t.Fatal(err)
				}
			})
			meanwhile(t, &afterExchange, func() {
				if err := save(file, "second"); err != nil {
					t.Fatal(err)
				}
			})
			if err := replaceIf(file, "old", "new"); !errors.Is(err, ErrChanged) {
				t.Fatalf("got %v, want ErrChanged", err)
			}
			if got := content(t, file); got != "second" {
				t.Errorf("the file holds %q", got)
			}
			wantNames(t, dir, "file")
		})
	}
}

// A program that opened the file before the exchange writes to the file that the exchange brings out.
func TestReplaceIfOpenForWriting(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("who has a file open is known on Linux only")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	write(t, file, "old", 0o600)
	other, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	written := make(chan error, 1)
	meanwhile(t, &afterExchange, func() {
		time.AfterFunc(50*time.Millisecond, func() {
			_, err := other.WriteString("theirs")
			written <- errors.Join(err, other.Close())
		})
	})
	err = replaceIf(file, "old", "new")
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	if !errors.Is(err, ErrChanged) {
		t.Errorf("got %v, want ErrChanged", err)
	}
	if got := content(t, file); got != "theirs" {
		t.Errorf("the file holds %q", got)
	}
	wantNames(t, dir, "file")
}

// An fsync that fails, fails the write.
func TestReplaceIfSyncFails(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "old", 0o600)
	old := syncFile
	t.Cleanup(func() { syncFile = old })
	syncFile = func(*os.File) error { return syscall.EIO }
	if err := replaceIf(file, "old", "new"); !errors.Is(err, syscall.EIO) {
		t.Errorf("got %v, want EIO", err)
	}
	if got := content(t, file); got != "old" {
		t.Errorf("the file holds %q", got)
	}
	wantNames(t, filepath.Dir(file), "file")
}
