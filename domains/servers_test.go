package domains

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Servers that appear in a list many times are one mistake for each host and port, and not one for each pair of them, which took 6 GB
// for a file of 76 KB.
func TestRepeatedServers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "domains.toml")
	list := strings.Repeat(`"imap.a.example", "imaps://other.a.example", `, 2000)
	if err := os.WriteFile(file, []byte("[domains.\"a.example\"]\nimap = ["+list+"]\nsmtp = \"smtp.a.example\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(file)
	var problems Problems
	if !errors.As(err, &problems) {
		t.Fatalf("got %v, want problems", err)
	}
	for _, want := range []string{" imap.a.example is listed twice with port 993", " imap.a.example is listed twice with port 143", " other.a.example is listed twice with port 993"} {
		if n := strings.Count(err.Error(), want); n != 1 {
			t.Errorf("%q is reported %d times, want once", want, n)
		}
	}
	if len(problems) != 3 {
		t.Errorf("got %d problems, want 3:\n%v", len(problems), err)
	}
}
