// Package docs contains the parts of the documentation that the program itself shows: a page for each code of doctor, and a configuration
// with every key explained.
package docs

import (
	"embed"
	"io/fs"
	"path"
	"slices"
	"strings"
)

//go:embed codes/*.md example
var files embed.FS

// Codes returns the codes that have a page, in order.
func Codes() []string {
	pages, err := fs.ReadDir(files, "codes")
	if err != nil {
		panic(err) // the files are part of the program
	}
	codes := make([]string, len(pages))
	for i, page := range pages {
		codes[i] = strings.TrimSuffix(page.Name(), ".md")
	}
	return codes
}

// Code returns the page of a code, in any case, as Markdown.
func Code(code string) (page string, ok bool) {
	text, err := files.ReadFile("codes/" + strings.ToUpper(code) + ".md")
	return string(text), err == nil
}

// File is a file of the example.
type File struct {
	// Name is relative to the directory of the main file, with slashes.
	Name string
	Text string
}

// MainExample is the name of the main file of the example.
const MainExample = "domains.toml"

// Example returns the files of the example, the main file first: a configuration that has every key, and the files that it names.
func Example() []File {
	var list []File
	err := fs.WalkDir(files, "example", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := files.ReadFile(name)
		list = append(list, File{strings.TrimPrefix(name, "example/"), string(text)})
		return err
	})
	if err != nil {
		panic(err) // the files are part of the program
	}
	main := slices.IndexFunc(list, func(f File) bool { return f.Name == MainExample })
	list[0], list[main] = list[main], list[0]
	return list
}

// Plain returns Markdown as people read it at a terminal: without the marks of headings, links and blocks of code. Quotes around
// words of code stay, because without them a sentence would be hard to read.
func Plain(markdown string) string {
	var plain strings.Builder
	fenced := false
	for line := range strings.Lines(markdown) {
		switch {
		case strings.HasPrefix(line, "```"):
			fenced = !fenced
			continue
		case fenced && line != "\n":
			line = "    " + line
		case fenced, strings.HasPrefix(line, "    "): // an example
		case strings.HasPrefix(line, "#"):
			line = strings.TrimLeft(line, "# ")
		default:
			line = links(line)
		}
		plain.WriteString(line)
	}
	return plain.String()
}

// links replaces [text](../page.md) with: text (docs/page.md).
func links(line string) string {
	for {
		before, rest, found := strings.Cut(line, "](")
		open := strings.LastIndexByte(before, '[')
		target, after, closed := strings.Cut(rest, ")")
		if !found || open < 0 || !closed {
			return line
		}
		if !strings.Contains(target, "://") {
			target = path.Join("docs/codes", target)
		}
		line = before[:open] + before[open+1:] + " (" + target + ")" + after
	}
}
