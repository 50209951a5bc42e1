// Package importstest compares what is made of sources with what is expected, for the tests of all kinds of sources.
package importstest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mailhint/domains"
	"mailhint/imports"
)

// Convert returns what is reported about a source, the counts, and the entries as they are printed. Entries that cannot be loaded again fail the test.
func Convert(t testing.TB, read func(*imports.Collection) error) string {
	t.Helper()
	var text, entries bytes.Buffer
	c := imports.New(func(where domains.Position, remark string) {
		fmt.Fprintf(&text, "%s: %s\n", filepath.ToSlash(where.String()), remark)
	})
	if err := read(c); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&text, "%+v\n\n", c.Result)
	if err := c.Print(&entries, "a test"); err != nil {
		t.Fatal(err)
	}
	before, _, _ := strings.Cut(entries.String(), "\n[fallback]")
	before, _, _ = strings.Cut(before, "\n[lookups.")
	if _, problems := domains.ReadRecords("entries", before); len(problems) > 0 {
		t.Errorf("%v\n%s", problems, &entries)
	}
	return text.String() + entries.String()
}

// Golden compares a text with a file in testdata. With the environment variable UPDATE it writes the file.
func Golden(t testing.TB, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

// Files calls a function for each file in testdata that matches a pattern, and compares what it makes of it with the file of that name plus ".txt".
func Files(t *testing.T, pattern string, read func(c *imports.Collection, name string) error) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files %s, %v", pattern, err)
	}
	for _, file := range files {
		if filepath.Ext(file) != ".txt" {
			Golden(t, filepath.Base(file)+".txt", Convert(t, func(c *imports.Collection) error { return read(c, file) }))
		}
	}
}

// Fuzz checks that whatever a text says, what is made of it can be printed and loaded again.
func Fuzz(t *testing.T, read func(c *imports.Collection)) {
	t.Helper()
	c := imports.New(func(domains.Position, string) {})
	read(c)
	var out bytes.Buffer
	if err := c.Print(&out, "a test"); err != nil {
		t.Fatal(err)
	}
	before, _, _ := strings.Cut(out.String(), "\n[fallback]")
	before, _, _ = strings.Cut(before, "\n[lookups.")
	if _, problems := domains.ReadRecords("entries", before); len(problems) > 0 {
		t.Errorf("%v\n%s", problems, &out)
	}
}
