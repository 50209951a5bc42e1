package automx

import (
	"fmt"
	"strings"
)

// value is the value of an option, and its line.
type value struct {
	text string
	line int
}

// section is a section of the file. The options of [DEFAULT] are part of every section.
type section struct {
	name    string
	line    int
	options map[string]value // by name in lower case
	order   []string         // the names, in the order of the file
}

func (s *section) set(name string, v value) {
	if _, known := s.options[name]; !known {
		s.order = append(s.order, name)
	}
	s.options[name] = v
}

// text returns the value of an option; empty if it is not there.
func (s *section) text(name string) string { return s.options[name].text }

// at returns the line of an option; that of the section if it is not there.
func (s *section) at(name string) int {
	if v, ok := s.options[name]; ok {
		return v.line
	}
	return s.line
}

// file is the sections of a configuration, by name in lower case.
type file struct {
	sections map[string]*section
	order    []*section
}

// lineError is what is wrong with a line.
type lineError struct {
	line int
	text string
}

func (e *lineError) Error() string { return fmt.Sprintf("line %d: %s", e.line, e.text) }

// defaultSection has options for all others.
const defaultSection = "default"

// parse reads a file as Python's configparser does: comments begin with # or ;, names and values are separated by = or :, and an indented line
// continues the value before it. The last of several equal names counts. The error is a *lineError.
func parse(text string) (*file, error) {
	f := &file{sections: make(map[string]*section)}
	var current *section
	option, number := "", 0
	for line := range strings.Lines(strings.TrimPrefix(text, "\uFEFF")) {
		number++
		line = strings.TrimRight(line, " \t\r\n")
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "" || trimmed[0] == '#' || trimmed[0] == ';':
		case trimmed != line && option != "" && current != nil:
			v := current.options[option]
			v.text = strings.TrimSpace(v.text + " " + trimmed)
			current.options[option] = v
		case trimmed[0] == '[':
			name, rest, closed := strings.Cut(trimmed[1:], "]")
			if !closed || strings.TrimSpace(rest) != "" || name == "" {
				return nil, &lineError{number, "this is not a valid section header"}
			}
			current, option = f.section(name, number), ""
		default:
			i := strings.IndexAny(line, "=:")
			if current == nil || i <= 0 {
				return nil, &lineError{number, "this is neither a section nor an option with a value"}
			}
			option = strings.ToLower(strings.TrimSpace(line[:i]))
			current.set(option, value{strings.TrimSpace(line[i+1:]), number})
		}
	}
	f.inherit()
	return f, nil
}

// section returns a section, which may be continued later in the file.
func (f *file) section(name string, line int) *section {
	key := strings.ToLower(name)
	if s, known := f.sections[key]; known {
		return s
	}
	s := &section{name: name, line: line, options: make(map[string]value)}
	f.sections[key] = s
	f.order = append(f.order, s)
	return s
}

// inherit gives every section the options of [DEFAULT] that it does not have itself.
func (f *file) inherit() {
	defaults, ok := f.sections[defaultSection]
	if !ok {
		return
	}
	for _, s := range f.order {
		for _, name := range defaults.order {
			if _, own := s.options[name]; !own {
				s.set(name, defaults.options[name])
			}
		}
	}
}
