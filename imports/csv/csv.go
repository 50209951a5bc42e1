// Package csv reads tables of domains: a header with the column domain and any keys of domains.toml, and a domain in each line. Spreadsheets and
// panels export such tables. A key in a table has a dot (oauth2.issuer); an empty cell leaves the key out.
package csv

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"mailhint/domains"
	"mailhint/edits"
	"mailhint/imports"
	"mailhint/settings"
)

// Read reads a file. The values are for all domains, unless the table has others. The error is that of imports.ReadFile.
func Read(c *imports.Collection, name string, values []edits.Assignment) error {
	text, err := imports.ReadFile(name)
	if err != nil {
		return err
	}
	Parse(c, name, text, values)
	return nil
}

// Parse reads the text of a file.
func Parse(c *imports.Collection, name string, text []byte, values []edits.Assignment) {
	text = bytes.TrimPrefix(text, []byte("\uFEFF"))
	r := csv.NewReader(bytes.NewReader(text))
	r.Comma = separator(text)
	r.Comment = '#'
	r.FieldsPerRecord = -1
	r.TrimLeadingSpace = r.Comma != '\t' // or an empty cell would be skipped
	t := &table{c: c, name: name, rows: r, values: values}
	header, ok := t.next()
	if !ok {
		c.Fail(domains.Position{File: name}, "it has no lines")
		return
	}
	line := t.line()
	if !t.readHeader(header, line) {
		return
	}
	for {
		row, ok := t.next()
		if !ok {
			return
		}
		t.add(row)
	}
}

// separator is what separates the cells of the first line that is no comment.
func separator(text []byte) rune {
	var first []byte
	for first = range bytes.Lines(text) {
		if first[0] != '#' && len(bytes.TrimSpace(first)) > 0 {
			break
		}
	}
	best, most := ',', 0
	for _, r := range []rune{',', ';', '\t'} {
		if n := bytes.Count(first, []byte(string(r))); n > most {
			best, most = r, n
		}
	}
	return best
}

// table is a file that is being read.
type table struct {
	c       *imports.Collection
	name    string
	rows    *csv.Reader
	columns []string
	domain  int // the column of the domain
	values  []edits.Assignment
}

func (t *table) line() int {
	line, _ := t.rows.FieldPos(0)
	return line
}

func (t *table) at() domains.Position { return domains.Position{File: t.name, Line: t.line()} }

// next returns the next line. Lines that are not CSV are reported as lost.
func (t *table) next() ([]string, bool) {
	for {
		row, err := t.rows.Read()
		fault := (*csv.ParseError)(nil)
		switch {
		case err == nil:
			return row, true
		case errors.Is(err, io.EOF):
			return nil, false
		case errors.As(err, &fault):
			t.c.Lose(domains.Position{File: t.name, Line: fault.StartLine}, "this line is left out: %v", fault.Err)
		default:
			t.c.Fail(domains.Position{File: t.name}, "%v", err)
			return nil, false
		}
	}
}

// readHeader reads the names of the columns. It returns false, after reporting it, if they cannot be used.
func (t *table) readHeader(header []string, line int) bool {
	at := domains.Position{File: t.name, Line: line}
	known := edits.Keys(edits.Domain)
	t.domain = -1
	for i, column := range header {
		column = strings.ToLower(strings.TrimSpace(column)) // as all keys are
		t.columns = append(t.columns, column)
		key, _, _ := strings.Cut(column, ".")
		switch {
		case column == "domain":
			if t.domain >= 0 {
				t.c.Fail(at, "the column domain appears twice")
				return false
			}
			t.domain = i
		case slices.Index(t.columns, column) < i:
			t.c.Fail(at, "the column %q appears twice", column)
			return false
		case !slices.ContainsFunc(known, func(k domains.Key) bool { return k.Name == key }):
			t.c.Remark(at, "the column %q is ignored: it is not a key of domains.toml", column)
			t.columns[i] = ""
		}
	}
	if t.domain < 0 {
		t.c.Fail(at, "the first line has no column named domain; write the names of the columns there, such as domain%cprofile", t.rows.Comma)
		return false
	}
	return true
}

// add adds the domain of a line.
func (t *table) add(row []string) {
	at := t.at()
	if len(row) != len(t.columns) {
		t.c.Lose(at, "this line is left out: it has %d cells, the first line has %d", len(row), len(t.columns))
		return
	}
	d, ok := t.c.Domain(at, strings.TrimSpace(row[t.domain]))
	if !ok {
		return
	}
	var arguments []string
	for i, cell := range row {
		if cell = strings.TrimSpace(cell); i != t.domain && t.columns[i] != "" && cell != "" {
			arguments = append(arguments, t.columns[i]+"="+cell)
		}
	}
	own, err := edits.ParseAssignments(edits.Domain, arguments)
	var values edits.Values
	if err == nil {
		values, err = edits.NewValues(edits.Overlay(t.values, own))
	}
	if err == nil && len(values) == 0 {
		err = fmt.Errorf("it has no settings; add a column such as profile, or KEY=VALUE to the command")
	}
	if err != nil {
		t.c.Lose(at, "%s is left out: %s", d, strings.ReplaceAll(err.Error(), "\n", "; "))
		return
	}
	t.c.Add(imports.Entry{Where: at, Domains: []settings.Domain{d}, Values: values})
}
