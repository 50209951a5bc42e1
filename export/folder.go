package export

import (
	"bytes"
	"os"
	"path/filepath"

	"mailhint/durable"
)

// folder is where files are written, unless there are other ones in their place.
type folder struct {
	dir     string
	replace bool
	remark  func(about, text string)
	files   *durable.Folder

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
		old, err := os.ReadFile(path)
		switch {
		case err != nil:
			return err
		case bytes.Equal(old, content):
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
