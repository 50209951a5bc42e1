package imports

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"mailhint/domains"
	"mailhint/ispdb"
)

// ISPDB converts provider files of Mozilla's ISPDB. The paths name files, or directories with such files. A file that cannot be converted is
// reported and counted, and the others are converted all the same.
func ISPDB(out io.Writer, paths []string, report Report) (Result, error) {
	files, err := providerFiles(paths)
	if err != nil {
		return Result{}, err
	}
	w, err := newWriter(out, "ISPDB provider files", report)
	if err != nil {
		return Result{}, err
	}
	for _, file := range files {
		if err := w.addProviderFile(file); err != nil {
			return w.Result, err
		}
	}
	return w.Result, nil
}

// ErrUnread means that a file or directory that was named cannot be read, so that nothing was converted.
var ErrUnread = errors.New("cannot read")

// providerFiles lists the files that are meant: those that are named, and those in directories in the order of their names.
func providerFiles(paths []string) ([]string, error) {
	var files []string
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("%w %s: %w; name a provider file, or a directory with such files", ErrUnread, path, cause(err))
		}
		if !info.IsDir() {
			files = append(files, path)
			continue
		}
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, fmt.Errorf("%w the directory %s: %w; allow that, or name the files", ErrUnread, path, cause(err))
		}
		found := false
		for _, e := range entries {
			file := filepath.Join(path, e.Name())
			// Mozilla's names end with .xml today and had no ending before.
			if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && (filepath.Ext(file) == ".xml" || isProviderFile(file)) {
				files = append(files, file)
				found = true
			}
		}
		if !found {
			return nil, fmt.Errorf("%s contains no provider files; their names end with .xml", path)
		}
	}
	return files, nil
}

// isProviderFile reports whether a file begins like one.
func isProviderFile(file string) bool {
	head, err := readFile(file, 4096)
	return err == nil && bytes.Contains(head, []byte("<clientConfig"))
}

// readFile reads a file up to a limit.
func readFile(file string, limit int64) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, cause(err)
	}
	defer f.Close() // it was only read
	return io.ReadAll(io.LimitReader(f, limit))
}

// addProviderFile adds the entries of one file. The error is about writing; what is wrong with the file is reported.
func (w *writer) addProviderFile(file string) error {
	text, err := readFile(file, ispdb.MaxSize+1)
	if err != nil {
		w.Fail(domains.Position{File: file}, err.Error())
		return nil
	}
	providers, remarks, err := ispdb.Read(text)
	var comments []string
	for _, r := range remarks {
		where := domains.Position{File: file, Line: r.Line}
		if r.Lost {
			w.Lose(where, r.Text)
		} else {
			w.Remark(where, r.Text)
		}
		comments = append(comments, r.Text)
	}
	if fault := (*ispdb.Error)(nil); errors.As(err, &fault) {
		w.Fail(domains.Position{File: file, Line: fault.Line}, fault.Text)
		return nil
	}
	if err != nil {
		return err
	}
	for _, p := range providers { // the comments are above the first
		for _, c := range p.Comments {
			comments = append(comments, "The file says: "+c.Text)
		}
		if err := w.Add(Entry{Source: file, Domains: p.Domains, Settings: p.Settings, Plaintext: p.Plaintext(), Comments: comments}); err != nil {
			return err
		}
		comments = nil
	}
	return nil
}
