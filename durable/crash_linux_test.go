package durable

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

var rounds = flag.Int("rounds", 10, "how often the crash tests kill a process")

// TestMain lets the test program be the process that is killed.
func TestMain(m *testing.M) {
	flag.Parse()
	switch dir := os.Getenv("DURABLE_DIR"); os.Getenv("DURABLE_ROLE") {
	case "replace":
		replaceForever(dir)
	case "conditional":
		replaceIfForever(dir)
	case "folder":
		writeFolders(dir)
	case "steps":
		os.Exit(takeSteps(dir))
	case "mounts":
		os.Exit(inMounts(dir))
	}
	os.Exit(m.Run())
}

// as prepares to run the test program in another role.
func as(role, dir string, env ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), "DURABLE_ROLE="+role, "DURABLE_DIR="+dir), env...)
	cmd.Stderr = os.Stderr
	return cmd
}

// killed runs the test program in another role, kills it at a random moment after its first line, and returns its lines.
func killed(t *testing.T, cmd *exec.Cmd) []string {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	first, err := lines.ReadString('\n')
	if err != nil {
		t.Fatalf("the process said nothing: %v", err)
	}
	time.Sleep(rand.N(20 * time.Millisecond)) // any moment will do
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(lines)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Wait() // its error is that it was killed
	return strings.Fields(first + string(rest))
}

// version is the nth content of a file.
func version(n int) []byte {
	return bytes.Repeat([]byte(strconv.Itoa(n)+"\n"), 20_000)
}

// versionOf returns which version a file holds, and whether it is whole.
func versionOf(t *testing.T, name string) int {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := bytes.Cut(content, []byte("\n"))
	n, err := strconv.Atoi(string(first))
	if err != nil || !bytes.Equal(content, version(n)) {
		t.Fatalf("%s is damaged: %d octets that begin with %.20q", name, len(content), content)
	}
	return n
}

// replaceForever writes one version of a file after the other and says which one it has written.
func replaceForever(dir string) {
	if os.Getenv("DURABLE_NAMED") != "" {
		nameless = func(string) (*os.File, error) { return nil, errors.ErrUnsupported }
	}
	for n := 1; ; n++ {
		if err := Replace(filepath.Join(dir, "file"), version(n), 0o644); err != nil {
			panic(err)
		}
		fmt.Println(n)
	}
}

// replaceIfForever is replaceForever for Prepare and Commit.
func replaceIfForever(dir string) {
	name := filepath.Join(dir, "file")
	if err := os.WriteFile(name, version(0), 0o644); err != nil {
		panic(err)
	}
	for n := 1; ; n++ {
		r, err := Prepare(name, version(n-1), version(n))
		if err == nil {
			err = r.Commit()
		}
		if err != nil {
			panic(err)
		}
		fmt.Println(n)
	}
}

// TestKilledInReplace: whenever a process is killed, the file has the last version that it reported or the next one, and the next
// write leaves no temporary file of the killed process behind.
func TestKilledInReplace(t *testing.T) {
	for _, how := range [][2]string{{"replace", ""}, {"replace", "yes"}, {"conditional", ""}} {
		for range *rounds {
			dir := t.TempDir()
			name := filepath.Join(dir, "file")
			lines := killed(t, as(how[0], dir, "DURABLE_NAMED="+how[1]))
			reported, err := strconv.Atoi(lines[len(lines)-1])
			if err != nil {
				t.Fatal(err)
			}
			if got := versionOf(t, name); got != reported && got != reported+1 {
				t.Errorf("the file holds version %d, but %d was reported as written", got, reported)
			}
			if err := Replace(name, version(0), 0o644); err != nil {
				t.Fatal(err)
			}
			wantNames(t, dir, "file")
		}
	}
}

// folderFiles is how many files the folder of writeFolders has.
const folderFiles = 30

// writeFolders writes one version of a folder after the other.
func writeFolders(dir string) {
	fmt.Println("begin")
	for n := 1; ; n++ {
		if err := writeFolder(dir, n); err != nil {
			panic(err)
		}
		fmt.Println(n)
	}
}

func writeFolder(dir string, n int) error {
	f := NewFolder(dir)
	for i := range folderFiles {
		if err := f.Write(fmt.Sprintf("%d/file", i), version(n), 0o644); err != nil {
			return err
		}
	}
	return f.Commit()
}

// TestKilledInFolder: whenever a process is killed, a folder that did not exist is absent or whole, and in one that exists each file is
// whole, of the last version reported or of the next. The next write completes it and leaves nothing of the killed process behind.
func TestKilledInFolder(t *testing.T) {
	for range *rounds {
		top := t.TempDir()
		dir := filepath.Join(top, "dir")
		lines := killed(t, as("folder", dir))
		reported, _ := strconv.Atoi(lines[len(lines)-1]) // 0 for begin
		for i := range folderFiles {
			name := filepath.Join(dir, strconv.Itoa(i), "file")
			if reported == 0 && !exists(dir) {
				break
			}
			if got := versionOf(t, name); got != reported && got != reported+1 {
				t.Errorf("%s holds version %d, but %d was reported as written", name, got, reported)
			}
		}
		if !exists(dir) {
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 { // what a killed process has left may be beside the folder, if it was new, or in it
			if err := writeFolder(dir, 0); err != nil {
				t.Fatal(err)
			}
		}
		for i := range folderFiles {
			if got := versionOf(t, filepath.Join(dir, strconv.Itoa(i), "file")); got != 0 {
				t.Errorf("file %d holds version %d after the last write", i, got)
			}
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != folderFiles {
			t.Errorf("%d entries in the folder (%v), want %d", len(entries), err, folderFiles)
		}
	}
}

// TestStale: what living processes and other programs have in a folder stays.
func TestStale(t *testing.T) {
	dir := t.TempDir()
	living, err := newNamedTemporary(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer living.discard()
	folder := NewFolder(dir)
	add(t, folder, "one", "1")
	defer folder.Discard()
	for _, name := range []string{".mailhint-0123456789abcdef.tmp", ".mailhint-", ".mailhint-0123456789abcdeg.tmp", ".mailhint-notes"} {
		write(t, filepath.Join(dir, name), "", 0o600)
	}
	dead := filepath.Join(dir, ".mailhint-1111111111111111.tmp")
	if err := os.MkdirAll(filepath.Join(dead, "new", "a"), 0o755); err != nil {
		t.Fatal(err)
	}
	link := ".mailhint-2222222222222222.tmp"
	if err := os.Symlink("elsewhere", filepath.Join(dir, link)); err != nil {
		t.Fatal(err)
	}
	if err := Replace(filepath.Join(dir, "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, gone := range []string{filepath.Join(dir, ".mailhint-0123456789abcdef.tmp"), dead} {
		if exists(gone) {
			t.Errorf("%s is still there", gone)
		}
	}
	for _, kept := range []string{living.path, folder.staging, filepath.Join(dir, ".mailhint-"), filepath.Join(dir, ".mailhint-0123456789abcdeg.tmp"),
		filepath.Join(dir, ".mailhint-notes"), filepath.Join(dir, link)} {
		if !exists(kept) {
			t.Errorf("%s has been removed", kept)
		}
	}
}
