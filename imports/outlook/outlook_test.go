package outlook

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mailhint/imports"
	"mailhint/imports/importstest"
	"mailhint/settings"
)

// TestFiles: the files whose names begin with "for-" are for two domains that are given.
func TestFiles(t *testing.T) {
	importstest.Files(t, "*.xml", func(c *imports.Collection, name string) error {
		var names []settings.Domain
		if strings.HasPrefix(filepath.Base(name), "for-") {
			names = []settings.Domain{"bakery.example", "florist.example"}
		}
		return Read(c, name, names)
	})
}

func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.xml")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		importstest.Fuzz(t, func(c *imports.Collection) { Parse(c, "f", text, []settings.Domain{"bakery.example"}) })
	})
}
