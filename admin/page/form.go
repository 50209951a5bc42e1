package page

import (
	"reflect"
	"slices"
	"strconv"
	"strings"

	"mailhint/domains"
	"mailhint/edits"
	"mailhint/untrusted"
)

// fieldGroup is a group of the form, filled in.
type fieldGroup struct {
	ID, Title, Lead string
	Fields          []*field
}

// Open reports whether the group is unfolded: those that are needed most often, and those in which something is set or has to be looked at.
func (g fieldGroup) Open() bool {
	return g.ID == "servers" || g.ID == "names" || slices.ContainsFunc(g.Fields, func(f *field) bool {
		return len(f.Problems) > 0 || len(f.Seen) > 0 || f.Theirs != "" || g.ID != "special" && f.Set()
	})
}

// Changeable are the fields of the group that can be changed.
func (g fieldGroup) Changeable() []*field {
	var list []*field
	for _, f := range g.Fields {
		if f.ReadOnly == "" {
			list = append(list, f)
		}
	}
	return list
}

// Reason is why, unless the page says so at the top.
func (s shownFields) Reason() string {
	if s.Why == onlyLooks {
		return ""
	}
	return s.Why
}

// shownFields are fields that cannot be changed, all for the same reason.
type shownFields struct {
	Why    string
	Fields []*field
}

// Shown are the fields of the group that cannot be changed, by reason.
func (g fieldGroup) Shown() []shownFields {
	var list []shownFields
	for _, f := range g.Fields {
		if f.ReadOnly == "" {
			continue
		}
		i := slices.IndexFunc(list, func(s shownFields) bool { return s.Why == f.ReadOnly })
		if i < 0 {
			i, list = len(list), append(list, shownFields{Why: f.ReadOnly})
		}
		list[i].Fields = append(list[i].Fields, f)
	}
	return list
}

// onlyLooks is the reason of all fields for those who may change nothing, which the page says at the top.
const onlyLooks = "This account may only look."

// readOnlyFor is a reason of package admin for one key, as a sentence about several.
func readOnlyFor(why string) string {
	known := map[string]string{
		"is not among the keys that this account may change; an operator can add it to editable": "These are not among the keys that this account may change. An operator can add them to the key editable.",
		"only an operator may change it":                           "Only an operator may change these.",
		"names a file on the server; it can be changed only there": "These name files on the server, and can be changed only there.",
	}
	if text, ok := known[why]; ok {
		return text
	}
	return sentence(why)
}

// Count says how many keys of the group are set.
func (g fieldGroup) Count() string {
	n := 0
	for _, f := range g.Fields {
		if f.Set() {
			n++
		}
	}
	if n == 0 {
		return "nothing set"
	}
	return grouped(n) + " set"
}

// field is a key of the form, filled in.
type field struct {
	Key    string // as domains.toml spells it; with a dot below oauth2
	Label  string
	Hint   string
	Widget widget
	// Value is what the control shows: one line, or one for each element.
	Value   string
	Servers []serverRow
	Choices []choice
	Options []option // for a control with a fixed list of values
	Table   []*field
	// CanBeNone is true if the key can be empty on purpose, so that nothing is inherited; None if it is.
	CanBeNone, None bool
	// Inherited says what applies if the field is empty, and where that was written; empty if nothing does.
	Inherited string
	From      string
	// ReadOnly says why the key cannot be changed here; empty if it can.
	ReadOnly string
	CanLook  bool // live servers can be looked at
	// Shown is the value as TOML, for keys that are only shown.
	Shown string
	// Problems are what is wrong with the value; Seen is what a live server said.
	Problems []string
	Seen     []seen
	// Theirs is set if somebody else has changed the key in the meantime: how it is now, as TOML, and Taken if it was not changed here, so
	// that their value has been taken over.
	Theirs string
	Taken  bool
}

// Set reports whether the record itself has the key.
func (f *field) Set() bool {
	return f.Value != "" || f.None || f.Shown != "" || slices.ContainsFunc(f.Servers, func(s serverRow) bool { return s.URL != "" }) ||
		slices.ContainsFunc(f.Choices, func(c choice) bool { return c.Value != "" }) || slices.ContainsFunc(f.Table, (*field).Set)
}

// Rows is how many lines the control for a list has.
func (f *field) Rows() int { return min(2+strings.Count(f.Value, "\n"), 12) }

// Plain is the value as it is shown where it cannot be changed.
func (f *field) Plain() string {
	if f.Shown != "" {
		return f.Shown
	}
	switch v := f.value().(type) {
	case string:
		return v
	case bool:
		return map[bool]string{true: "yes", false: "no"}[v]
	case []any:
		var all []string
		for _, element := range v {
			if text, ok := element.(string); ok {
				all = append(all, text)
			} else {
				all = append(all, edits.SpellValue(element))
			}
		}
		if all == nil {
			return "empty on purpose"
		}
		return strings.Join(all, "\n")
	default:
		return edits.SpellValue(v)
	}
}

// ID is the key as part of an id in the page.
func (f *field) ID() string { return strings.ReplaceAll(f.Key, ".", "-") }

// Described lists the ids of what explains the field.
func (f *field) Described() string {
	ids := []string{"hint-" + f.ID()}
	if len(f.Problems) > 0 {
		ids = append([]string{"wrong-" + f.ID()}, ids...)
	}
	return strings.Join(ids, " ")
}

// serverRow is a mail server in the form.
type serverRow struct {
	Number           int // counted from 0
	URL, Login, Auth string
}

// Ordinal is the number for people.
func (s serverRow) Ordinal() int { return s.Number + 1 }

// Own reports whether the server has a login of its own.
func (s serverRow) Own() bool { return s.Login != "" || s.Auth != "" }

type choice struct {
	Number int
	Value  string
}

// Ordinal is the number for people.
func (c choice) Ordinal() int { return c.Number + 1 }

type option struct {
	Value, Label string
	Chosen       bool
}

// spare is how many empty rows follow the servers of a key.
const spare = 1

// maxRows limits how many rows of servers are read from a form.
const maxRows = 20

// newForm fills the form with the values of a record. Keys that are not the kind's are left out.
func newForm(kind edits.Kind, values edits.Values) []fieldGroup {
	var form []fieldGroup
	for _, g := range layout {
		filled := fieldGroup{ID: g.id, Title: g.title, Lead: g.lead}
		for _, e := range g.keys {
			if key, ok := keyNamed(kind, e.key); ok {
				filled.Fields = append(filled.Fields, newField(key, e.label, e.widget, values[e.key]))
			}
		}
		form = append(form, filled)
	}
	return form
}

// newField fills a control with a value of a record; nil for none. A value that the control cannot show becomes read-only.
func newField(key domains.Key, label string, w widget, value any) *field {
	f := &field{Key: key.Name, Label: label, Hint: hintOf(key), Widget: w, CanBeNone: canBeNone(key, w)}
	if !f.fill(key, value) {
		f.Widget = shownOnly
	}
	if f.Widget == shownOnly {
		if f.ReadOnly = "This page does not change these: use mailhint edit."; f.Key == "domains" {
			f.ReadOnly = "Each listed domain has a page of its own: see Domains."
		}
		if value != nil {
			f.Shown = edits.SpellValue(value)
		}
	}
	return f
}

// hintOf says what a key means, and gives an example.
func hintOf(key domains.Key) string {
	hint := sentence(key.Description)
	if example := strings.Trim(key.Example, `"`); example != "" && example != "…" && !strings.ContainsAny(example, `"{`) {
		hint += " For example: " + example
	}
	return hint
}

// canBeNone reports whether an empty value means something else than no value.
func canBeNone(key domains.Key, w widget) bool {
	switch w {
	case asText:
		return key.Form.Pattern != "" && key.Form.Accepts("")
	case asServers:
		return true
	case asLines:
		return key.Form.MinItems == 0 && key.Name != "domains"
	}
	return false
}

// fill reports false if the control cannot show the value.
func (f *field) fill(key domains.Key, value any) bool {
	switch f.Widget {
	case asText:
		s, ok := value.(string)
		f.Value, f.None = s, ok && s == "" && f.CanBeNone
		return (ok || value == nil) && s == untrusted.Printable(s)
	case asTruth:
		b, ok := value.(bool)
		if ok {
			f.Value = strconv.FormatBool(b)
		}
		return ok || value == nil
	case asLines, asChoices, asChecks:
		list, ok := words(value)
		f.None = value != nil && len(list) == 0 && f.CanBeNone
		f.fillList(key, list)
		return ok
	case asServers:
		rows, ok := rowsOf(value)
		f.None = value != nil && len(rows) == 0
		f.Servers = withSpare(rows)
		return ok
	case asTable:
		values, ok := value.(map[string]any)
		for _, k := range oauth2Keys {
			w := asText
			if slices.Contains(k.JSONTypes, "array") {
				w = asLines
			}
			sub := newField(k, labelOf(k.Name), w, values[k.Name])
			sub.Key, sub.CanBeNone = key.Name+"."+k.Name, false
			f.Table = append(f.Table, sub)
			ok = ok && sub.Widget != shownOnly
		}
		return ok || value == nil
	}
	return true
}

// fillList fills a control for a list.
func (f *field) fillList(key domains.Key, list []string) {
	f.Options = nil
	for _, w := range key.Form.Words {
		f.Options = append(f.Options, option{w, w, f.Widget == asChecks && slices.Contains(list, w)})
	}
	switch f.Widget {
	case asChoices:
		f.Choices = nil
		for i, w := range append(slices.Clone(list), "") {
			f.Choices = append(f.Choices, choice{i, w})
		}
	default:
		f.Value = strings.Join(list, "\n")
	}
}

// words returns a value as the list of printable strings that it is, or false.
func words(value any) ([]string, bool) {
	if value == nil {
		return nil, true
	}
	list, ok := value.([]any)
	var all []string
	for _, v := range list {
		s, isText := v.(string)
		ok = ok && isText && s == untrusted.Printable(s)
		all = append(all, s)
	}
	return all, ok
}

// rowsOf returns servers as rows, or false if they are written in another way.
func rowsOf(value any) ([]serverRow, bool) {
	list, isList := value.([]any)
	if !isList && value != nil {
		list = []any{value}
	}
	var rows []serverRow
	for i, v := range list {
		switch v := v.(type) {
		case string:
			rows = append(rows, serverRow{Number: i, URL: v})
		case map[string]any:
			row := serverRow{Number: i}
			row.URL, _ = v["url"].(string)
			row.Login, _ = v["login"].(string)
			auth, ok := words(v["auth"])
			row.Auth = strings.Join(auth, ", ")
			if !ok || row.Auth == "" && v["auth"] != nil || !reflect.DeepEqual(row.value(), v) {
				return rows, false
			}
			rows = append(rows, row)
		default:
			return rows, false
		}
	}
	for _, r := range rows {
		if r.URL == "" || r.URL != untrusted.Printable(r.URL) {
			return rows, false
		}
	}
	return rows, true
}

func withSpare(rows []serverRow) []serverRow {
	for range spare {
		rows = append(rows, serverRow{Number: len(rows)})
	}
	return rows
}

// value returns the server as domains.toml has it.
func (s serverRow) value() any {
	if !s.Own() {
		return s.URL
	}
	v := map[string]any{"url": s.URL}
	if s.Login != "" {
		v["login"] = s.Login
	}
	if s.Auth != "" {
		v["auth"] = asAny(splitWords(s.Auth))
	}
	return v
}

// splitWords splits what a person has separated by commas, spaces or line ends.
func splitWords(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == '\n' || r == '\r' || r == '\t' || r == ' ' })
}

func asAny(list []string) []any {
	all := make([]any, len(list))
	for i := range list {
		all[i] = list[i]
	}
	return all
}
