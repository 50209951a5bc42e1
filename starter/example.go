package starter

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"mailhint/docs"
	"mailhint/durable"
)

// WriteExample writes the example configuration, in which every key is explained, and beside it the files that it names. It returns the
// files, the main file first. It never overwrites a file: the error wraps fs.ErrExist if there is one, and names it, and nothing has been
// written if it was there before.
func WriteExample(name string) (files []string, err error) {
	example := docs.Example()
	for _, f := range example {
		file := name
		if f.Name != docs.MainExample {
			file = filepath.Join(filepath.Dir(name), filepath.FromSlash(f.Name))
		}
		files = append(files, file)
		if _, err := os.Lstat(file); err == nil {
			return nil, &fs.PathError{Op: "create", Path: file, Err: fs.ErrExist}
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	for i := range example { // the main file last, when those that it names are there
		i = len(example) - 1 - i
		if err := os.MkdirAll(filepath.Dir(files[i]), 0o755); err != nil {
			return nil, err
		}
		if err := durable.Create(files[i], []byte(example[i].Text), 0o644, nil); err != nil {
			return nil, fmt.Errorf("%s: %w", files[i], err)
		}
	}
	return files, nil
}
