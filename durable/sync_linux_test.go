package durable

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// steps are what TestSyncs traces, and the calls of the kernel that each must make in this order: the content is on disk before it gets its
// name, and the name is on disk before success is reported.
var steps = []struct {
	name  string
	do    func(dir string) error
	calls string // a regular expression; DIR is the folder
}{
	{"replace", func(dir string) error { return Replace(filepath.Join(dir, "file"), []byte("new"), 0o644) },
		`(?m)^\d+ +fsync\(\d+<DIR/[^>]+>.*\) = 0\n(.*\n)*\d+ +rename(at2?)?\(.*"DIR/file"\S* = 0\n(.*\n)*\d+ +fsync\(\d+<DIR>\) = 0\n`},
	{"conditional", func(dir string) error {
		r, err := Prepare(filepath.Join(dir, "file"), []byte("new"), []byte("newer"))
		if err != nil {
			return err
		}
		return r.Commit()
	},
		`(?m)^\d+ +fsync\(\d+<DIR/[^>]+>.*\) = 0\n(.*\n)*\d+ +renameat2\(.*"DIR/file".*RENAME_EXCHANGE.* = 0\n(.*\n)*\d+ +fsync\(\d+<DIR>\) = 0\n`},
	{"create", func(dir string) error { return Create(filepath.Join(dir, "created"), []byte("new"), 0o644, nil) },
		`(?m)^\d+ +fsync\(\d+<DIR/[^>]+>.*\) = 0\n(.*\n)*\d+ +(linkat|renameat2)\(.*"DIR/created".* = 0\n(.*\n)*\d+ +fsync\(\d+<DIR>\) = 0\n`},
	{"new-folder", func(dir string) error { return writeTwo(filepath.Join(dir, "fresh")) },
		`(?m)^\d+ +syncfs\(\d+<DIR/[^>]+>\) = 0\n(.*\n)*\d+ +rename(at2?)?\(.*"DIR/fresh".* = 0\n(.*\n)*\d+ +fsync\(\d+<DIR>\) = 0\n`},
	{"existing-folder", func(dir string) error { return writeTwo(dir) },
		`(?m)^\d+ +syncfs\(\d+<DIR/[^>]+>\) = 0\n(.*\n)*\d+ +rename(at2?)?\(.*"DIR/a/file".* = 0\n(.*\n)*\d+ +rename(at2?)?\(.*"DIR/b".* = 0\n(.*\n)*\d+ +syncfs\(\d+<DIR>\) = 0\n`},
}

func writeTwo(dir string) error {
	f := NewFolder(dir)
	defer f.Discard()
	return errors.Join(f.Write("a/file", []byte("new"), 0o644), f.Write("b", []byte("new"), 0o644), f.Commit())
}

// takeSteps is what is traced. Each step begins with a look for a file that marks it in the trace.
func takeSteps(dir string) int {
	for _, s := range steps {
		os.Stat(marker(s.name)) // there is none
		if err := s.do(dir); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			return 1
		}
	}
	os.Stat(marker("end"))
	return 0
}

func marker(step string) string { return "/marker-of-durable/" + step }

// TestSyncs traces the program: fsync and syncfs are called, for the files and for their folders, before success is reported.
func TestSyncs(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not installed: apt-get install strace")
	}
	if err := exec.Command(strace, "-o", "/dev/null", "true").Run(); err != nil {
		t.Skipf("processes cannot be traced here: %v", err)
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "file"), "old", 0o644)
	traced := filepath.Join(t.TempDir(), "trace")
	cmd := as("steps", dir)
	cmd.Args = append([]string{strace, "-f", "-y", "-s", "4096", "-e", "signal=none", "-e", "trace=fsync,fdatasync,syncfs,linkat,rename,renameat,renameat2,newfstatat,statx", "-o", traced}, cmd.Args...)
	cmd.Path = strace
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(traced)
	if err != nil {
		t.Fatal(err)
	}
	rest := string(text)
	for i, s := range steps {
		next := "end"
		if i+1 < len(steps) {
			next = steps[i+1].name
		}
		_, after, begun := strings.Cut(rest, marker(s.name))
		did, _, ended := strings.Cut(after, marker(next))
		if !begun || !ended {
			t.Fatalf("%s is missing in\n%s", s.name, rest)
		}
		want := strings.ReplaceAll(s.calls, "DIR", regexp.QuoteMeta(dir))
		if !regexp.MustCompile(want).MatchString(did) {
			t.Errorf("%s: want\n%s\nin\n%s", s.name, want, did)
		}
	}
}
