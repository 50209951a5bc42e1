package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mailhint/manual"
)

// Every command has a manual page, which the formatter reads without complaint.
func TestManual(t *testing.T) {
	if _, err := exec.LookPath("groff"); err != nil {
		t.Skip("groff is not installed: apt-get install groff-base")
	}
	root := newRoot()
	dir := t.TempDir()
	var files []string
	for _, p := range manual.Pages(root, "1.0", time.Unix(0, 0)) {
		file := filepath.Join(dir, p.Name)
		write(t, file, p.Text)
		files = append(files, file)
	}
	out, err := exec.Command("groff", append([]string{"-K", "utf8", "-T", "utf8", "-man", "-ww", "-z"}, files...)...).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("groff: %v\n%s", err, out)
	}
	for _, cmd := range root.Commands() {
		if _, err := os.Stat(filepath.Join(dir, "mailhint-"+cmd.Name()+".1")); (err == nil) != cmd.IsAvailableCommand() {
			t.Errorf("%s: %v, available: %v", cmd.Name(), err, cmd.IsAvailableCommand())
		}
	}
	main, err := os.ReadFile(filepath.Join(dir, "mailhint.1"))
	if err != nil || !strings.Contains(string(main), `.BR mailhint\-serve (1)`) {
		t.Errorf("mailhint(1) does not list serve: %v", err)
	}
}
