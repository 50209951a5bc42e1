package automx

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

// convert returns the entries and remarks of a file as they are printed.
func convert(t *testing.T, name string, v Version) string {
	t.Helper()
	var text bytes.Buffer
	c := imports.New(func(where domains.Position, remark string) { fmt.Fprintf(&text, "%s: %s\n", where, remark) })
	if err := Read(c, name, v); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&text, "%+v\n\n", c.Result)
	if err := c.Print(&text, "automx"); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// TestFiles converts every file in testdata, and compares with the file of the same name that ends with .txt. A file that contains -v3 is for version 3.
func TestFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/*.conf")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		v := V1
		if strings.Contains(file, "-v3") {
			v = V3
		}
		got := convert(t, file, v)
		golden := strings.TrimSuffix(file, ".conf") + ".txt"
		want, err := os.ReadFile(golden)
		if os.Getenv("UPDATE") != "" {
			os.WriteFile(golden, []byte(got), 0o644)
		}
		if err != nil || got != string(want) {
			t.Errorf("%s: got\n%s\nwant\n%s", file, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.conf")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text), true)
	}
	f.Add("[automx]\ndomains=a.example\n[global]\nbackend=static\nfollow=global\n", false)
	f.Fuzz(func(t *testing.T, text string, first bool) {
		v := V3
		if first {
			v = V1
		}
		if strings.Contains(text, "autoconfig") {
			t.Skip("it may name files")
		}
		c := imports.New(func(domains.Position, string) {})
		Parse(c, "fuzz", text, v)
		var out bytes.Buffer
		if err := c.Print(&out, "automx"); err != nil {
			t.Fatal(err)
		}
		if c.Result.Domains > 0 {
			if _, problems := domains.ReadRecords("out", withoutFallback(out.String())); len(problems) > 0 {
				t.Errorf("%q becomes\n%s\n%v", text, &out, problems)
			}
		}
	})
}

func withoutFallback(text string) string {
	before, _, _ := strings.Cut(text, "[fallback]")
	return before
}
