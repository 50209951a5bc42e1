package filestore

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
)

// diff is a unified diff of the files that change.
func (w *work) diff() string {
	var b bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(w.texts)) {
		old, _ := w.before.File(name)
		b.Write(unified(name, old.Content, w.texts[name]))
	}
	return b.String()
}

// unified is a unified diff that patch accepts. Only what is between the first and the last difference is compared line by line: lists can have a million
// lines.
func unified(name, old, now string) []byte {
	skipped, a, b := differing(old, now)
	text := diff.Diff(name, []byte(a), name, []byte(b))
	_, text, _ = bytes.Cut(text, []byte("\n")) // "diff old new"
	if skipped == 0 {
		return text
	}
	var shifted bytes.Buffer
	for line := range bytes.Lines(text) {
		var from, lines, to, toLines int
		if _, err := fmt.Sscanf(string(line), "@@ -%d,%d +%d,%d @@", &from, &lines, &to, &toLines); err == nil {
			line = fmt.Appendf(nil, "@@ -%d,%d +%d,%d @@\n", from+skipped, lines, to+skipped, toLines)
		}
		shifted.Write(line)
	}
	return shifted.Bytes()
}

// contextLines is how many lines a unified diff shows around a difference.
const contextLines = 3

// differing returns the parts of two texts that differ, with the lines around them that a diff shows, and the number of lines above.
func differing(a, b string) (skipped int, _, _ string) {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	n = strings.LastIndexByte(a[:n], '\n') + 1
	for range contextLines {
		if n > 0 {
			n = strings.LastIndexByte(a[:n-1], '\n') + 1
		}
	}
	skipped = strings.Count(a[:n], "\n")
	a, b = a[n:], b[n:]
	m := 0
	for m < len(a) && m < len(b) && a[len(a)-1-m] == b[len(b)-1-m] {
		m++
	}
	common := a[len(a)-m:]
	for range contextLines + 1 { // the first may be a part of a line
		i := strings.IndexByte(common, '\n')
		if i < 0 {
			return skipped, a, b
		}
		common = common[i+1:]
	}
	return skipped, a[:len(a)-len(common)], b[:len(b)-len(common)]
}
