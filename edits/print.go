package edits

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"mailhint/domains"
	"mailhint/spelling"
	"mailhint/untrusted"
)

// Spelling says how names are shown to a person.
type Spelling struct {
	// Unicode shows domains as people write them; false shows A-labels, for terminals that cannot.
	Unicode bool
}

// Name spells the name of a record.
func (s Spelling) Name(r Ref) string {
	name := r.Name
	if s.Unicode {
		name = r.Shown()
	}
	if r.Kind != Domain {
		name = string(r.Kind) + " " + name
	}
	return untrusted.Printable(name)
}

// PrintRecords prints records for people, in columns with a heading.
func (s Spelling) PrintRecords(w io.Writer, records []Record) error {
	rows := [][]string{{"DOMAIN", "PROFILE", "MANAGED BY", "WHERE", "ENABLED"}}
	for _, r := range records {
		rows = append(rows, []string{s.Name(r.Ref), untrusted.Printable(dash(r.Profile)), string(r.ManagedBy), untrusted.Printable(where(r.Where)), yesOrNo(r.Enabled)})
	}
	return printColumns(w, rows)
}

// printColumns prints rows in columns. It is faster than package tabwriter, which matters for 20,000 rows.
func printColumns(w io.Writer, rows [][]string) error {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		for i, cell := range row {
			b.WriteString(cell)
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
			}
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func yesOrNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func where(p domains.Position) string {
	if p == (domains.Position{}) {
		return "-"
	}
	return p.String()
}

// PrintRecordsJSON prints records for programs, an object on each line, with the place of the record as "where".
func PrintRecordsJSON(w io.Writer, records []Record) error {
	return printLines(w, records, func(r Record) any {
		listed := struct {
			Record
			Where string `json:"where,omitempty"`
		}{Record: r}
		if r.Where != (domains.Position{}) {
			listed.Where = r.Where.String()
		}
		return listed
	})
}

func printLines[T any](w io.Writer, list []T, form func(T) any) error {
	var b strings.Builder
	encoder := json.NewEncoder(untrusted.JSON(&b))
	encoder.SetEscapeHTML(false)
	for _, v := range list {
		if err := encoder.Encode(form(v)); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// PrintHistoryJSON prints changes for programs, an object on each line.
func PrintHistoryJSON(w io.Writer, changes []Change) error {
	return printLines(w, changes, func(c Change) any { return c })
}

// longestWhat limits what is shown of one change, in characters.
const longestWhat = 300

// PrintHistory prints changes for people, one on each line: its number, time, who made it and how, what changed, and why.
func (s Spelling) PrintHistory(w io.Writer, changes []Change) error {
	_, err := io.WriteString(w, strings.Join(s.historyLines(changes), ""))
	return err
}

// PrintHistoryDiffs prints changes as PrintHistory does, each followed by its diff.
func (s Spelling) PrintHistoryDiffs(w io.Writer, changes []Change) error {
	var b strings.Builder
	for i, line := range s.historyLines(changes) {
		b.WriteString(line)
		for line := range strings.Lines(changes[i].Diff()) {
			b.WriteString(untrusted.Printable(strings.TrimSuffix(line, "\n")) + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// historyLines returns a line for each change, in columns.
func (s Spelling) historyLines(changes []Change) []string {
	var b strings.Builder
	out := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, c := range changes {
		reason := ""
		if c.Reason != "" {
			reason = "  (" + untrusted.Clip(c.Reason, longestWhat) + ")"
		}
		fmt.Fprintf(out, "%d\t%s\t%s\t%s\t%s%s\n", c.Number, c.Time.Local().Format("2006-01-02 15:04"), untrusted.Printable(dash(c.Actor)), untrusted.Printable(string(c.Via)), s.Line(c), reason)
	}
	out.Flush() // a strings.Builder takes everything
	return slices.Collect(strings.Lines(b.String()))
}

// Line says in one line what a change did, and to which record, with printable characters only.
func (s Spelling) Line(c Change) string {
	what := c.What()
	verb := "changed"
	switch {
	case c.Summary != nil:
	case c.Before == nil:
		verb = "added"
	case c.After == nil:
		verb = "removed"
	case c.Before.Values["enabled"] == false && c.After.Values["enabled"] != false:
		verb = "enabled"
	case c.After.Values["enabled"] == false && c.Before.Values["enabled"] != false:
		verb = "disabled"
	}
	undoes := ""
	if c.Undoes != 0 {
		undoes = fmt.Sprintf(" (undoes change %d)", c.Undoes)
	}
	line := verb + " " + s.Name(c.Ref)
	switch rest, isRemoval := strings.CutPrefix(what, "removed"); {
	case what == "added":
	case isRemoval && c.After == nil:
		line += rest // from a list
	default:
		line += ": " + strings.TrimPrefix(what, "added: ")
	}
	if undoes != "" && verb == "added" {
		line = "restored" + strings.TrimPrefix(line, verb)
	}
	return untrusted.Clip(line, longestWhat) + undoes
}

// PrintChanges prints what a change set did: a line for each change or, if there are many, how many of which kind.
func (s Spelling) PrintChanges(w io.Writer, changes []Change) error {
	const enough = 20
	var lines []string
	counts := make(map[string]int)
	for _, c := range changes {
		if len(changes) <= enough {
			lines = append(lines, s.Line(c))
		}
		switch {
		case c.Before == nil:
			counts["added"]++
		case c.After == nil:
			counts["removed"]++
		default:
			counts["changed"]++
		}
	}
	if len(changes) > enough {
		lines = append(lines, fmt.Sprintf("%s: %s added, %s changed, %s removed", spelling.Count(len(changes), "change"),
			spelling.Thousands(counts["added"]), spelling.Thousands(counts["changed"]), spelling.Thousands(counts["removed"])))
	}
	if len(lines) == 0 {
		return nil
	}
	_, err := io.WriteString(w, strings.Join(lines, "\n")+"\n")
	return err
}
