package filestore

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"mailhint/edits"
)

var kills = flag.Int("kills", 40, "how often the crash test kills a process")

// TestMain lets the test program be a process of its own.
func TestMain(m *testing.M) {
	flag.Parse()
	dir := os.Getenv("FILESTORE_DIR")
	switch os.Getenv("FILESTORE_ROLE") {
	case "edit":
		editForever(dir)
	case "once":
		os.Exit(editOnce(dir))
	case "full":
		os.Exit(editOnFullDisk(dir))
	case "readonly":
		os.Exit(editReadOnly(dir))
	case "writer":
		os.Exit(beWriter(dir))
	case "editor":
		os.Exit(beEditor(dir))
	}
	os.Exit(m.Run())
}

// as prepares to run the test program in another role.
func as(role, dir string, env ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), "FILESTORE_ROLE="+role, "FILESTORE_DIR="+dir), env...)
	cmd.Stderr = os.Stderr
	return cmd
}

// versioned makes a configuration of three files, which each change set of setVersion changes.
func versioned(t testing.TB, dir string) {
	t.Helper()
	write(t, dir, "list.txt", "# names\nb.example\nv0.example\n")
	write(t, dir, "more/c.toml", "[domains.\"c.example\"]\nprofile = \"listed\"\nname = \"0\" # c\n")
	write(t, dir, "domains.toml", "include = [\"more/*.toml\"]\n\n[profiles.listed]\nimap = \"imap.example.com\"\nsmtp = \"smtp.example.com\"\ndomains_file = \"list.txt\"\n\n"+
		"[domains.\"a.example\"]\nprofile = \"listed\"\nname = \"0\" # a\n")
}

// setVersion changes all three files from one version to the next.
func setVersion(s *Store, n int) error {
	values := edits.Values{"profile": "listed", "name": strconv.Itoa(n)}
	_, err := s.Apply(noContext, edits.ChangeSet{Actor: "crash", Via: edits.Command, Edits: []edits.Edit{
		{Ref: domain("a.example"), If: edits.Any, Action: edits.ActionSet, Values: values},
		{Ref: domain("c.example"), If: edits.Any, Action: edits.ActionSet, Values: values},
		{Ref: domain(fmt.Sprintf("v%d.example", n-1)), If: edits.Any, Action: edits.ActionRemove},
		{Ref: domain(fmt.Sprintf("v%d.example", n)), If: edits.Any, Action: edits.ActionAdd, Values: edits.Values{}, List: "listed"},
	}})
	return err
}

// perVersion is how many changes setVersion records.
const perVersion = 4

// versionsIn returns the version that each file has. A file that is not whole fails the test.
func versionsIn(dir string) (versions []int, err error) {
	for _, file := range []struct{ name, before, behind string }{
		{"domains.toml", "name = \"", "\" # a\n"}, {"more/c.toml", "name = \"", "\" # c\n"}, {"list.txt", "# names\nb.example\nv", ".example\n"},
	} {
		text, err := os.ReadFile(filepath.Join(dir, file.name))
		if err != nil {
			return nil, err
		}
		_, rest, _ := strings.Cut(string(text), file.before)
		digits, behind := strings.CutSuffix(rest, file.behind)
		n, err := strconv.Atoi(digits)
		if err != nil || !behind {
			return nil, fmt.Errorf("%s is damaged: %q", file.name, text)
		}
		versions = append(versions, n)
	}
	return versions, nil
}

// checkVersion checks that everything is of one version, which is one of two, and that the history says so. It returns the version.
func checkVersion(dir string, least, most int) (int, error) {
	var warned error
	s, err := Open(filepath.Join(dir, "domains.toml"))
	if err != nil {
		return 0, err
	}
	s.Warn = func(err error) { warned = errors.Join(warned, err) }
	raw, err := versionsIn(dir)
	if err != nil {
		return 0, err
	}
	for _, n := range raw {
		if n < least || n > most {
			return 0, fmt.Errorf("before recovery the files have the versions %v, want %d to %d", raw, least, most)
		}
	}
	if err := s.Observe(noContext); err != nil {
		return 0, err
	}
	versions, err := versionsIn(dir)
	if err != nil {
		return 0, err
	}
	if versions[0] < least || versions[0] > most || slices.Min(versions) != slices.Max(versions) {
		return 0, fmt.Errorf("the files have the versions %v (before recovery %v), want one of %d to %d", versions, raw, least, most)
	}
	changes, err := s.History(noContext, edits.HistoryQuery{})
	if err := errors.Join(err, warned); err != nil {
		return 0, err
	}
	if len(changes) != versions[0]*perVersion {
		return 0, fmt.Errorf("version %d (before recovery %v), but the history has %d changes, want %d", versions[0], raw, len(changes), versions[0]*perVersion)
	}
	for i, c := range changes {
		if c.Number != int64(len(changes)-i) || c.Via != edits.Command {
			return 0, fmt.Errorf("where change %d should be is number %d of %s, %s", len(changes)-i, c.Number, c.Ref, c.Via)
		}
	}
	for i, ref := range []string{"a.example", "c.example"} {
		r, err := s.Get(noContext, domain(ref))
		if err != nil {
			return 0, err
		}
		if len(changes) > 0 && changes[perVersion-1-i].After.Revision != r.Revision {
			return 0, fmt.Errorf("%s is not as the history says", ref)
		}
	}
	return versions[0], nil
}

// checkStale checks that there are no temporary files.
func checkStale(t testing.TB, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if strings.HasPrefix(d.Name(), ".mailhint-") {
			t.Errorf("%s has been left", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func editForever(dir string) {
	s, err := Open(filepath.Join(dir, "domains.toml"))
	if err != nil {
		panic(err)
	}
	n, _ := strconv.Atoi(os.Getenv("FILESTORE_VERSION"))
	fmt.Println(n)
	for {
		n++
		if err := setVersion(s, n); err != nil {
			panic(err)
		}
		fmt.Println(n)
	}
}

// TestKilled: whenever a process is killed, all files are of the version that was reported last or of the next one after the next start, and the history
// says the same.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	versioned(t, dir)
	version, begun := 0, 0
	if _, err := checkVersion(dir, 0, 0); err != nil {
		t.Fatal(err)
	}
	for range *kills {
		cmd := as("edit", dir, "FILESTORE_VERSION="+strconv.Itoa(version))
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
			t.Fatal(err)
		}
		time.Sleep(rand.N(40 * time.Millisecond)) // any moment will do
		cmd.Process.Kill()
		rest, err := io.ReadAll(lines)
		if err != nil {
			t.Fatal(err)
		}
		cmd.Wait() // its error is that it was killed
		reported := strings.Fields(first + string(rest))
		acknowledged, err := strconv.Atoi(reported[len(reported)-1])
		if err != nil {
			t.Fatal(err)
		}
		if raw, err := versionsIn(dir); err == nil && slices.Max(raw) > acknowledged {
			begun++
		}
		if version, err = checkVersion(dir, acknowledged, acknowledged+1); err != nil {
			t.Fatal(err)
		}
	}
	s := openStore(t, filepath.Join(dir, "domains.toml"))
	if err := setVersion(s, version+1); err != nil {
		t.Fatal(err)
	}
	checkStale(t, dir)
	t.Logf("%d processes killed, %d of them while files had been replaced and not acknowledged; %d change sets", *kills, begun, version+1)
}

func editOnce(dir string) int {
	runtime.LockOSThread() // strace counts the calls of each thread
	s, err := Open(filepath.Join(dir, "domains.toml"))
	if err == nil {
		err = setVersion(s, 1)
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// TestSyncFails: whichever fsync fails, the change fails as a whole.
func TestSyncFails(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not installed: apt-get install strace")
	}
	failures := ""
	for which := 1; ; which++ {
		dir := t.TempDir()
		versioned(t, dir)
		if _, err := checkVersion(dir, 0, 0); err != nil { // also begins the history
			t.Fatal(err)
		}
		cmd := as("once", dir)
		cmd.Args = append([]string{strace, "-f", "-qq", "-o", os.DevNull, "-e", "trace=fsync", "-e", "signal=none", "-e", fmt.Sprintf("inject=fsync:error=EIO:when=%d", which)}, cmd.Args...)
		cmd.Path = strace
		out, err := cmd.Output()
		if err != nil && !strings.Contains(string(out), "input/output error") {
			t.Skipf("processes cannot be traced here: %v: %s", err, out)
		}
		want := 0
		if err == nil {
			want = 1
		}
		if _, err := checkVersion(dir, want, want); err != nil {
			t.Errorf("fsync %d fails, the process says %q: %v", which, out, err)
		}
		checkStale(t, dir)
		if err == nil {
			for _, file := range []string{"domains.toml: sync", "list.txt: sync", "more/c.toml: sync", "state/edits: ", "history.jsonl: "} {
				if !strings.Contains(failures, file) {
					t.Errorf("no change failed with %q", file)
				}
			}
			return
		}
		failures += string(out)
	}
}

// TestFullDisk runs editOnFullDisk in a mount namespace of its own.
func TestFullDisk(t *testing.T) { inMounts(t, "full", t.TempDir()) }

// TestReadOnlyMounts runs editReadOnly in a mount namespace of its own.
func TestReadOnlyMounts(t *testing.T) { inMounts(t, "readonly", filepath.Dir(config(t))) }

func inMounts(t *testing.T, role, dir string) {
	t.Helper()
	cmd := as(role, dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.Output()
	if errors.Is(err, os.ErrPermission) {
		t.Skipf("making a mount namespace needs root or user namespaces: %v", err)
	}
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Logf("%s", out)
}

// editReadOnly tries to change a configuration that is mounted in the ways of containers: the folder or the file read-only, the file alone, and with or
// without a state_dir that can be written.
func editReadOnly(dir string) int {
	file, state := filepath.Join(dir, "domains.toml"), filepath.Join(dir, "state")
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		fmt.Println(err)
		return 1
	}
	readOnly := func(path string) error {
		return errors.Join(unix.Mount(path, path, "", unix.MS_BIND, ""), unix.Mount("", path, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""))
	}
	for _, test := range []struct {
		name  string
		mount func() error
		undo  string
	}{
		{"file, read-only", func() error { return readOnly(file) }, file},
		{"file", func() error { return unix.Mount(file, file, "", unix.MS_BIND, "") }, file},
		{"folder, without state_dir", func() error { return readOnly(dir) }, dir},
		{"folder", func() error {
			err := errors.Join(os.MkdirAll(state, 0o700), readOnly(dir), unix.Mount("tmpfs", state, "tmpfs", 0, ""))
			return err
		}, dir},
		{"state_dir", func() error { return readOnly(state) }, state},
	} {
		if err := test.mount(); err != nil {
			fmt.Printf("%s: %v\n", test.name, err)
			return 1
		}
		if err := checkRefused(file); err != nil {
			fmt.Printf("%s: %v\n", test.name, err)
			return 1
		}
		if test.name == "folder" {
			unix.Unmount(state, 0)
		}
		if err := unix.Unmount(test.undo, 0); err != nil {
			fmt.Printf("%s: %v\n", test.name, err)
			return 1
		}
		if test.name == "folder, without state_dir" {
			continue
		}
		os.RemoveAll(state)
		os.MkdirAll(state, 0o700)
	}
	return 0
}

// editOnFullDisk changes a configuration on a disk that has less and less room.
func editOnFullDisk(dir string) int {
	fail := func(err error) int {
		fmt.Println(err)
		return 1
	}
	if err := errors.Join(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""), unix.Mount("tmpfs", dir, "tmpfs", 0, "size=512k")); err != nil {
		return fail(err)
	}
	for name, text := range map[string]string{
		"list.txt": "# names\nb.example\nv0.example\n", "more/c.toml": "[domains.\"c.example\"]\nprofile = \"listed\"\nname = \"0\" # c\n",
		"domains.toml": strings.Repeat("# "+strings.Repeat("x", 200)+"\n", 100) + "include = [\"more/*.toml\"]\n\n[profiles.listed]\nimap = \"imap.example.com\"\nsmtp = \"smtp.example.com\"\n" +
			"domains_file = \"list.txt\"\n\n[domains.\"a.example\"]\nprofile = \"listed\"\nname = \"0\" # a\n",
	} {
		file := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o644)); err != nil {
			return fail(err)
		}
	}
	if _, err := checkVersion(dir, 0, 0); err != nil {
		return fail(err)
	}
	s, err := Open(filepath.Join(dir, "domains.toml"))
	if err != nil {
		return fail(err)
	}
	version, full := 0, 0
	filler := filepath.Join(dir, "filler")
	for free := 0; free <= 160<<10; free += 2 << 10 { // the room that is left
		file, err := os.Create(filler)
		if err != nil {
			return fail(err)
		}
		for err == nil {
			_, err = file.Write(make([]byte, 4096))
		}
		size, _ := file.Seek(0, io.SeekEnd)
		if err := errors.Join(file.Truncate(max(0, size-int64(free))), file.Close()); err != nil {
			return fail(err)
		}
		err = setVersion(s, version+1)
		if removed := os.Remove(filler); removed != nil {
			return fail(removed)
		}
		switch {
		case err == nil:
			version++
		case errors.Is(err, unix.ENOSPC):
			full++
		default:
			return fail(fmt.Errorf("%d octets are free: %w", free, err))
		}
		if _, failed := checkVersion(dir, version, version); failed != nil {
			return fail(fmt.Errorf("%d octets are free, Apply says %v: %w", free, err, failed))
		}
	}
	if full < 5 || version < 5 {
		return fail(fmt.Errorf("%d changes failed and %d succeeded, want some of both", full, version))
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fail(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".mailhint-") {
			return fail(fmt.Errorf("%s has been left", e.Name()))
		}
	}
	fmt.Printf("%d changes failed because the disk was full, %d succeeded", full, version)
	return 0
}
