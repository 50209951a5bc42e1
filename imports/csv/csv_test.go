package csv

import (
	"os"
	"path/filepath"
	"testing"

	"mailhint/edits"
	"mailhint/imports"
	"mailhint/imports/importstest"
)

func TestFiles(t *testing.T) {
	importstest.Files(t, "*.csv", func(c *imports.Collection, name string) error { return Read(c, name, nil) })
}

// TestValues: values of the command are for all domains, unless the table has its own.
func TestValues(t *testing.T) {
	values, err := edits.ParseAssignments(edits.Domain, []string{"imap=imap.hoster.example", "smtp=smtp.hoster.example"})
	if err != nil {
		t.Fatal(err)
	}
	importstest.Golden(t, "values.txt", importstest.Convert(t, func(c *imports.Collection) error {
		Parse(c, "f", []byte("domain\nbakery.example\nflorist.example\n"), values)
		Parse(c, "g", []byte("domain,imap\nbutcher.example,imap.butcher.example\n"), values)
		return nil
	}))
}

func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.csv")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		importstest.Fuzz(t, func(c *imports.Collection) { Parse(c, "f", text, nil) })
	})
}
