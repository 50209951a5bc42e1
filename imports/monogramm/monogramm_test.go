package monogramm

import (
	"os"
	"path/filepath"
	"testing"

	"mailhint/imports"
	"mailhint/imports/importstest"
)

func TestFiles(t *testing.T) { importstest.Files(t, "*.*", Read) }

func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.*")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, filepath.Ext(file) == ".yml")
	}
	f.Fuzz(func(t *testing.T, text []byte, isYAML bool) {
		name := "f.env"
		if isYAML {
			name = "f.yml"
		}
		importstest.Fuzz(t, func(c *imports.Collection) { Parse(c, name, text) })
	})
}
