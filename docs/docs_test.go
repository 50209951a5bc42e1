package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The pages are found by their codes, in any case.
func TestCodes(t *testing.T) {
	pages, err := filepath.Glob("codes/*.md")
	if err != nil || len(pages) == 0 || len(pages) != len(Codes()) {
		t.Fatalf("%d pages, codes %v: %v", len(pages), Codes(), err)
	}
	for _, code := range Codes() {
		page, ok := Code(strings.ToLower(code))
		if !ok || !strings.HasPrefix(page, "# "+code+": ") {
			t.Errorf("%s: found %v, begins with %.20q", code, ok, page)
		}
	}
	for _, wrong := range []string{"", "D99", "../codes/D01", "D01.md"} {
		if _, ok := Code(wrong); ok {
			t.Errorf("there is a page for %q", wrong)
		}
	}
}

// The example is complete, and begins with the main file.
func TestExample(t *testing.T) {
	example := Example()
	if example[0].Name != MainExample {
		t.Errorf("the first file is %s", example[0].Name)
	}
	n := 0
	err := filepath.WalkDir("example", func(name string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			n++
		}
		return err
	})
	if err != nil || n != len(example) {
		t.Errorf("%d files on disk, %d in the program: %v", n, len(example), err)
	}
}

// The pages that the example refers to exist.
func TestExampleRefersToPages(t *testing.T) {
	pages := regexp.MustCompile(`\.\./[a-z-]+\.md`).FindAllString(Example()[0].Text, -1)
	if len(pages) == 0 {
		t.Error("it refers to none")
	}
	for _, page := range pages {
		if _, err := os.Stat(filepath.Join("example", page)); err != nil {
			t.Error(err)
		}
	}
}

func TestPlain(t *testing.T) {
	const markdown = "# D01: a name\n\n## What it means\n\nSee [docs](../clients.md) and [RFC](https://example.com/) on `auth`.\n\n" +
		"```toml\n# a comment\n\nauth = []\n```\n\n    dig a    # [b](c)\n"
	const want = "D01: a name\n\nWhat it means\n\nSee docs (docs/clients.md) and RFC (https://example.com/) on `auth`.\n\n" +
		"    # a comment\n\n    auth = []\n\n    dig a    # [b](c)\n"
	if got := Plain(markdown); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// No mark of Markdown is left in any page.
func TestPagesArePlain(t *testing.T) {
	for _, code := range Codes() {
		page, _ := Code(code)
		for line := range strings.Lines(Plain(page)) {
			if strings.HasPrefix(line, "#") || strings.HasPrefix(line, "```") || !strings.HasPrefix(line, "    ") && strings.Contains(line, "](") {
				t.Errorf("%s: %s", code, line)
			}
		}
	}
}
