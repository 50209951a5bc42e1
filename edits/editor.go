package edits

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"mailhint/domains"
	"mailhint/tomledit"
)

// EditorText is a record as it is given to a person to edit: as it is written or, if the store keeps no text, as domains.toml would have it.
func EditorText(r Record) string {
	switch {
	case r.ManagedBy == ByList: // its text is a line of the list
		return fmt.Sprintf("# The list of profile %s has this domain. Keys below this line become an exception to the list.\n%s", r.List, TOML(r.Ref, nil))
	case r.Text != "":
		return r.Text
	}
	return TOML(r.Ref, r.Values)
}

// ParseEditorText reads what a person has made of EditorText. The error is a domains.Problems, with the lines of the text, whose name is given. What
// depends on other records is checked when the edit is saved. The error matches ErrUnchanged if the text is the same.
func ParseEditorText(r Record, name, text string) (Edit, error) {
	text = strings.TrimPrefix(text, "\uFEFF") // some editors write it without being asked
	if text == EditorText(r) {
		return Edit{}, ErrUnchanged
	}
	records, problems := domains.ReadRecords(name, text)
	note := func(line int, format string, args ...any) {
		problems = append(problems, domains.Problem{Position: domains.Position{File: name, Line: line}, Text: fmt.Sprintf(format, args...)})
	}
	for i, found := range records {
		if ref := (Ref{Kind(found.Kind), found.Name}); ref != r.Ref {
			note(found.Line, "this table is for %s; only %s can be changed here. To rename it, add the new one and remove the old one", ref, r.Ref)
		} else if i > 0 {
			note(found.Line, "there is more than one table for %s; keep one", r.Ref)
		} else if was := pathIn(r.Text); r.ManagedBy != ByList && was != nil && !slices.Equal(found.Path, was) {
			note(found.Line, "the name is spelled %s in the configuration; keep that", tomledit.Quote(was[len(was)-1]))
		}
	}
	if len(records) == 0 && len(problems) == 0 {
		note(1, "there is no table for %s any more; write %s above its keys, or remove the record instead", r.Ref, strings.TrimSpace(TOML(r.Ref, nil)))
	}
	if len(problems) > 0 {
		return Edit{}, problems
	}
	e := Replace(r, records[0].Values, text)
	if r.List != "" && len(e.Values) == 0 {
		e.Text = ""
	}
	if (r.Text == "" || r.ManagedBy == ByList) && e.Values.Equal(r.Values) {
		return e, ErrUnchanged
	}
	return e, nil
}

// pathIn returns the path of the table that a text has, as it is spelled there; nil if it has none.
func pathIn(text string) []string {
	records, _ := domains.ReadRecords("", text) // it has been checked with the configuration
	if len(records) == 0 {
		return nil
	}
	return records[0].Path
}

// IsMistake reports whether an error is about what somebody has written, so that it can be corrected, and not about the store.
func IsMistake(err error) bool {
	return errors.As(err, new(domains.Problems)) || errors.Is(err, ErrAssignment)
}
