package export

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"

	"mailhint/durable"
)

// folder is where files are written, unless there are other ones in their place.
type folder struct {
	dir     string
	replace bool
	remark  func(about, text string)
	files   *durable.Folder
	buffer  []byte // of holds

	written, same, kept int
}

func newFolder(o Options) *folder {
	return &folder{dir: o.Folder, replace: o.Replace, remark: o.Remark, files: durable.NewFolder(o.Folder)}
}

// maxRemarks is how many of the files that were left alone have a remark. The others are counted only.
const maxRemarks = 20

// write adds a file. It is in its place after Commit.
func (f *folder) write(name string, content []byte) error {
	path := filepath.Join(f.dir, filepath.FromSlash(name))
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
		same, err := f.holds(path, info.Size(), content)
		switch {
		case err != nil:
			return err
		case same:
			f.same++
			return nil
		case !f.replace:
			if f.kept++; f.kept <= maxRemarks {
				f.remark(path, "left alone: it exists and has other content")
			}
			return nil
		}
	}
	f.written++
	return f.files.Write(name, content, 0o644)
}

// holds reports whether a file of some size has this content. Most files of a repeated export have, and there can be millions.
func (f *folder) holds(path string, size int64, content []byte) (bool, error) {
	if size != int64(len(content)) {
		return false, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer file.Close()                                                    // it was only read
	f.buffer = slices.Grow(f.buffer[:0], len(content)+1)[:len(content)+1] // one more, for a file that grows
	n, err := io.ReadFull(file, f.buffer)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return false, err
	}
	return bytes.Equal(f.buffer[:n], content), nil
}
