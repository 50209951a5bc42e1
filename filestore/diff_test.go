package filestore

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/diff"
)

// TestUnified: the diff is that of the whole texts, although only a part of them is compared.
func TestUnified(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	patched := 0
	for range 2000 {
		var lines []string
		for i := range random.IntN(30) {
			lines = append(lines, fmt.Sprintf("line %d\n", i))
		}
		old := strings.Join(lines, "")
		for range 1 + random.IntN(2) {
			switch at := random.IntN(len(lines) + 1); {
			case at == len(lines) || random.IntN(3) == 0:
				lines = append(lines[:at:at], append([]string{fmt.Sprintf("new %d\n", random.IntN(100))}, lines[at:]...)...)
			case random.IntN(2) == 0:
				lines[at] = "changed\n"
			default:
				lines = append(lines[:at:at], lines[at+1:]...)
			}
		}
		now := strings.Join(lines, "")
		if random.IntN(5) == 0 {
			now = strings.TrimSuffix(now, "\n")
		}
		if random.IntN(5) == 0 {
			old = strings.TrimSuffix(old, "\n")
		}
		got := unified("file", old, now)
		_, want, _ := bytes.Cut(diff.Diff("file", []byte(old), "file", []byte(now)), []byte("\n"))
		if !bytes.Equal(got, want) {
			t.Fatalf("%q to %q:\n%s\nwant\n%s", old, now, got, want)
		}
		if len(got) == 0 || patched == 20 {
			continue
		}
		file := write(t, t.TempDir(), "file", old)
		cmd := exec.Command("patch", "-s", "-u", file)
		cmd.Stdin = bytes.NewReader(got)
		if out, err := cmd.CombinedOutput(); errors.Is(err, exec.ErrNotFound) {
			break // patch is not installed
		} else if err != nil || content(t, file) != now {
			t.Fatalf("patch: %v: %s\n%s", err, out, got)
		}
		patched++
	}
}
