package happydomain

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mailhint/imports"
	"mailhint/imports/importstest"
	"mailhint/settings"
)

// TestFiles: the files whose names begin with "for-" are for a domain that is given.
func TestFiles(t *testing.T) {
	importstest.Files(t, "*.json", func(c *imports.Collection, name string) error {
		var domain settings.Domain
		if strings.HasPrefix(filepath.Base(name), "for-") {
			domain = "bakery.example"
		}
		return Read(c, name, domain)
	})
}

func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.json")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		importstest.Fuzz(t, func(c *imports.Collection) { Parse(c, "f", text, "bakery.example") })
	})
}
