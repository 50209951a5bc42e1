//go:build unix

package domains

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// What is not a regular file is refused where a file is expected: the load would wait for a pipe, and never reach the end of a device.
func TestSpecialFiles(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	loop := filepath.Join(dir, "loop")
	if err := os.Symlink(loop, loop); err != nil {
		t.Fatal(err)
	}
	const servers = "imap = \"imap.a.example\"\nsmtp = \"smtp.a.example\"\n"
	for _, special := range []struct{ file, want string }{
		{pipe, "named pipe"}, {dir, "directory"}, {"/dev/zero", "device"}, {loop, "too many levels of symbolic links"},
	} {
		for _, config := range []string{
			fmt.Sprintf("include = [%q]\n[domains.\"a.example\"]\n", special.file) + servers,
			fmt.Sprintf("[profiles.p]\ndomains_file = %q\n", special.file) + servers,
			"[domains.\"a.example\"]\n" + servers + fmt.Sprintf("[[domains.\"a.example\".rules]]\nusers_file = %q\n", special.file) + servers,
		} {
			main := filepath.Join(dir, "domains.toml")
			if err := os.WriteFile(main, []byte(config), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := Load(main); err == nil || !strings.Contains(err.Error(), special.want) {
				t.Errorf("%s\ngot %v, want %q", config, err, special.want)
			}
		}
		if _, err := Load(special.file); err == nil || !strings.Contains(err.Error(), special.want) {
			t.Errorf("%s as the main file: got %v, want %q", special.file, err, special.want)
		}
	}
}
