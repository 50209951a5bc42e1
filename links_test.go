package mailhint_test

import (
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

var (
	mdLink    = regexp.MustCompile(`\]\(\s*([^)\s]+)\s*\)`)
	mdHeading = regexp.MustCompile(`(?m)^#+ +(.*)$`)
	mdImage   = regexp.MustCompile(`!\[([^\]]*)\]\(([^)]+)\)`)
	mdFence   = regexp.MustCompile("(?ms)^```.*?^```$")
)

// pages returns the names and texts of all Markdown files.
func pages(t *testing.T) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || name == "build" || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if path.Ext(name) != ".md" {
			return nil
		}
		text, err := os.ReadFile(name)
		all[filepath.ToSlash(name)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// anchors returns the anchors of a page's headings, as GitHub, GitLab and Forgejo make them.
func anchors(page string) []string {
	var list []string
	for _, m := range mdHeading.FindAllStringSubmatch(mdFence.ReplaceAllString(page, ""), -1) {
		anchor := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				return unicode.ToLower(r)
			}
			return -1
		}, mdLink.ReplaceAllString(m[1], ""))
		list = append(list, anchor)
	}
	return list
}

// Every relative link in a page leads to a file, and every anchor to a heading.
func TestLinks(t *testing.T) {
	all := pages(t)
	links := 0
	for name, text := range all {
		for _, m := range mdLink.FindAllStringSubmatch(mdFence.ReplaceAllString(text, ""), -1) {
			u, err := url.Parse(m[1])
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if u.Scheme != "" {
				continue
			}
			links++
			target := name
			if u.Path != "" {
				target = path.Join(path.Dir(name), u.Path)
			}
			if _, err := os.Stat(filepath.FromSlash(target)); err != nil || strings.HasPrefix(target, "..") {
				t.Errorf("%s links to %s, which does not exist", name, m[1])
			} else if u.Fragment != "" && !slices.Contains(anchors(all[target]), u.Fragment) {
				t.Errorf("%s links to %s; the headings of that page are %q", name, m[1], anchors(all[target]))
			}
		}
	}
	if links < 50 {
		t.Errorf("only %d links were found", links)
	}
}

// Pictures are small, and described for those who do not see them.
func TestPictures(t *testing.T) {
	const limit = 150 << 10
	pictures := 0
	for name, text := range pages(t) {
		for _, m := range mdImage.FindAllStringSubmatch(text, -1) {
			pictures++
			info, err := os.Stat(filepath.FromSlash(path.Join(path.Dir(name), m[2])))
			if err != nil || info.Size() == 0 || info.Size() > limit || len(m[1]) < 40 {
				t.Errorf("%s: the picture %s must exist, have at most %d bytes and a description: %v, %q", name, m[2], limit, err, m[1])
			}
		}
	}
	if pictures == 0 {
		t.Error("no picture was found")
	}
}

// The contents lead to every page: docs/README.md to those of the book, docs/doctor.md to those of the codes.
func TestContents(t *testing.T) {
	all := pages(t)
	linked := make(map[string]bool)
	for _, contents := range []string{"docs/README.md", "docs/doctor.md"} {
		for _, m := range mdLink.FindAllStringSubmatch(all[contents], -1) {
			linked[path.Join(path.Dir(contents), m[1])] = true
		}
	}
	for name, text := range all {
		if strings.HasPrefix(name, "docs/") && name != "docs/README.md" && !linked[name] {
			t.Errorf("neither docs/README.md nor docs/doctor.md links to %s", name)
		}
		title, isCode := strings.CutPrefix(text, "# ")
		title, _, _ = strings.Cut(title, "\n")
		if isCode && strings.HasPrefix(name, "docs/codes/") && !strings.Contains(all["docs/doctor.md"], "["+title+"]") {
			t.Errorf("docs/doctor.md does not have the title of %s: %s", name, title)
		}
	}
}
