// Package providers reads provider files of Mozilla's ISPDB, which package ispdb converts: each provider in a file becomes an entry. Files for
// autoconfig that admins write themselves have the same form.
package providers

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"mailhint/domains"
	"mailhint/imports"
	"mailhint/ispdb"
)

// Read reads provider files. The paths name files, or directories with such files. A file that cannot be converted is
// reported and counted, and the others are converted all the same. The error is about the paths.
func Read(c *imports.Collection, paths []string) error {
	files, err := providerFiles(paths)
	if err != nil {
		return err
	}
	for _, file := range files {
		add(c, file)
	}
	return nil
}

// providerFiles lists the files that are meant: those that are named, and those in directories in the order of their names.
func providerFiles(paths []string) ([]string, error) {
	var files []string
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("%w %s: %w; name a provider file, or a directory with such files", imports.ErrUnread, path, imports.Cause(err))
		}
		if !info.IsDir() {
			files = append(files, path)
			continue
		}
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, fmt.Errorf("%w the directory %s: %w; allow that, or name the files", imports.ErrUnread, path, imports.Cause(err))
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
	head, err := imports.ReadHead(file, 4096)
	return err == nil && bytes.Contains(head, []byte("<clientConfig"))
}

// add adds the entries of one file. What is wrong with it is reported.
func add(c *imports.Collection, file string) {
	text, err := imports.ReadHead(file, ispdb.MaxSize+1)
	if err != nil {
		c.Fail(domains.Position{File: file}, "%v", err)
		return
	}
	found, remarks, err := ispdb.Read(text)
	var comments []string
	for _, r := range remarks {
		where := domains.Position{File: file, Line: r.Line}
		if r.Lost {
			c.Lose(where, "%s", r.Text)
		} else {
			c.Remark(where, "%s", r.Text)
		}
		comments = append(comments, r.Text)
	}
	if err != nil {
		fault := &ispdb.Error{Text: err.Error()}
		errors.As(err, &fault)
		c.Fail(domains.Position{File: file, Line: fault.Line}, "%s", fault.Text)
		return
	}
	for _, p := range found { // the comments are above the first
		for _, comment := range p.Comments {
			comments = append(comments, "The file says: "+comment.Text)
		}
		c.Add(imports.Entry{Where: domains.Position{File: file}, Domains: p.Domains, Settings: p.Settings, Plaintext: p.Plaintext(), Comments: comments})
		comments = nil
	}
}
