package statedir

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestBackward: lines of all lengths are read from the end, with their places.
func TestBackward(t *testing.T) {
	t.Parallel()
	for _, lengths := range [][]int{{}, {0}, {0, 0, 0}, {5}, {blockSize}, {blockSize - 1, 1, blockSize + 1}, {3 * blockSize, 0, 7, 10 * blockSize, 1}} {
		for _, ended := range []bool{true, false} {
			var lines []string
			for i, n := range lengths {
				lines = append(lines, strings.Repeat(string(rune('a'+i)), n))
			}
			text := strings.Join(lines, "\n")
			if ended && len(lines) > 0 {
				text += "\n"
			}
			if !ended && len(lines) > 0 && lines[len(lines)-1] == "" {
				continue // the same text as with one line less, and ended
			}
			f, err := os.Open(written(t, text))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			var got []string
			for l := NewBackward(f, int64(len(text))); l.Next(); {
				if l.Whole != (ended || len(got) > 0) || !strings.HasPrefix(text[l.Offset:], string(l.Line)) {
					t.Errorf("%v: the line at %d of %d octets is whole: %v", lengths, l.Offset, len(l.Line), l.Whole)
				}
				got = append(got, string(l.Line))
			}
			slices.Reverse(got)
			if text == "" {
				lines = nil
			}
			if !slices.Equal(got, lines) {
				t.Errorf("%v, ended %v: %d lines", lengths, ended, len(got))
			}
		}
	}
}

// written returns the name of a file with a text.
func written(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
