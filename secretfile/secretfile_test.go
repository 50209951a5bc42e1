package secretfile

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	for name, test := range map[string]struct {
		text      string
		mode      os.FileMode
		want, err string
	}{
		"plain":      {"pass word\n", 0o600, "pass word", ""},
		"mark, CRLF": {"\uFEFFsecret\r\n\n", 0o400, "secret", ""},
		"no line":    {"secret", 0o600, "secret", ""},
		"empty":      {"\nsecret\n", 0o600, "", "has no secret on its first line"},
		"two lines":  {"secret\nother\n", 0o600, "", "has more than one line"},
		"large":      {strings.Repeat("secret", 2000), 0o600, "", "is too large"},
		"changed":    {"secret\n", 0o620, "", "can be read or written by others (mode 0620); run chmod 600 "},
		"everybody":  {"secret\n", 0o604, "", "can be read or written by others"},
		"writable":   {"secret\n", 0o602, "", "can be read or written by others"},
	} {
		if runtime.GOOS == "windows" && test.mode&0o077 != 0 {
			continue // there are no such modes
		}
		os.Remove(file) // of the test before, which may not be writable
		if err := os.WriteFile(file, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, test.mode); err != nil {
			t.Fatal(err)
		}
		for _, read := range []func(string) (string, error){Read, ReadRegular} {
			got, err := read(file)
			switch {
			case got != test.want, (err == nil) != (test.err == ""):
				t.Errorf("%s: got %q, %v", name, got, err)
			case err != nil && (!strings.Contains(err.Error(), test.err) || strings.Contains(strings.ReplaceAll(err.Error(), file, ""), "secretsecret")):
				t.Errorf("%s: got %v, want %q", name, err, test.err)
			}
		}
	}
	if _, err := ReadRegular(t.TempDir()); err == nil || !strings.Contains(err.Error(), "is not a regular file") {
		t.Errorf("a directory: %v", err)
	}
	if _, err := Read(file + ".missing"); !os.IsNotExist(err) {
		t.Errorf("a missing file: %v", err)
	}
}

// A file of root may be read by a group, such as that of the service, and changed by nobody else. A file of any other user is read by that user
// alone.
func TestCheckMode(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such modes")
	}
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	owners := map[int]bool{os.Geteuid(): os.Geteuid() == 0}
	if os.Geteuid() == 0 {
		owners[1234] = false
	}
	for owner, byGroup := range owners {
		if err := os.Chown(file, owner, -1); err != nil {
			t.Fatal(err)
		}
		for mode, good := range map[os.FileMode]bool{0o600: true, 0o400: true, 0o440: byGroup, 0o640: byGroup, 0o660: false, 0o650: false, 0o444: false, 0o604: false} {
			if err := os.Chmod(file, mode); err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := CheckMode(file, info); (err == nil) != good {
				t.Errorf("owner %d, mode %04o: %v", owner, mode, err)
			}
		}
	}
}
