package filestore

import (
	"bytes"
	"maps"
	"slices"

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

// unified is a unified diff that patch accepts.
func unified(name, old, now string) []byte {
	text := diff.Diff(name, []byte(old), name, []byte(now))
	_, text, _ = bytes.Cut(text, []byte("\n")) // "diff old new"
	return text
}
