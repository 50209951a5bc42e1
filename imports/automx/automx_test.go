package automx

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mailhint/imports"
	"mailhint/imports/importstest"
)

// TestFiles: a file whose name contains -v3 is for version 3.
func TestFiles(t *testing.T) {
	importstest.Files(t, "*.conf", func(c *imports.Collection, name string) error {
		if strings.Contains(name, "-v3") {
			return Read(c, name, V3)
		}
		return Read(c, name, V1)
	})
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
			return // it may name files
		}
		importstest.Fuzz(t, func(c *imports.Collection) { Parse(c, "fuzz", text, v) })
	})
}
