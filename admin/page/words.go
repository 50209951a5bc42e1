package page

import (
	"path"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// counted spells a number of things.
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return grouped(n) + " " + many
}

// grouped spells a number with its thousands apart.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// sentence makes a sentence of the text of an error.
func sentence(text string) string {
	r, size := utf8.DecodeRuneInString(text)
	if size == 0 {
		return ""
	}
	text = string(unicode.ToUpper(r)) + text[size:]
	if strings.ContainsAny(text[len(text)-1:], ".!?:") {
		return text
	}
	return text + "."
}

// linesOf returns what an error says, line by line.
func linesOf(err error) []string { return strings.Split(err.Error(), "\n") }

// diffLine is a line of a unified diff.
type diffLine struct{ Class, Text string }

// diffLines prepares a unified diff to be shown: its lines, without those for programs.
func diffLines(diff string) []diffLine {
	var list []diffLine
	for line := range strings.Lines(diff) {
		line = strings.TrimSuffix(line, "\n")
		class := ""
		switch {
		case strings.HasPrefix(line, "diff "), strings.HasPrefix(line, "--- "):
			continue
		case strings.HasPrefix(line, "+++ "):
			if class, line = "at", path.Base(line[len("+++ "):]); line == "after" { // of a preview, which has no file
				continue
			}
		case strings.HasPrefix(line, "@@"):
			class = "at"
		case strings.HasPrefix(line, "+"):
			class = "add"
		case strings.HasPrefix(line, "-"):
			class = "del"
		}
		list = append(list, diffLine{class, line})
	}
	return list
}
