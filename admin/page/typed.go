package page

import (
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"mailhint/edits"
)

// typed fills a form with what a person has typed, for controls that were not read-only.
func typed(form []fieldGroup, sent url.Values) {
	for _, g := range form {
		for _, f := range g.Fields {
			f.typed(sent)
		}
	}
}

func (f *field) typed(sent url.Values) {
	if f.ReadOnly != "" || f.Widget == shownOnly {
		return
	}
	if f.Widget == asTable {
		for _, sub := range f.Table {
			sub.typed(sent)
		}
		return
	}
	f.None = f.CanBeNone && sent.Has(f.Key+".none")
	switch f.Widget {
	case asServers:
		var rows []serverRow
		for i := range maxRows {
			at := fmt.Sprintf("%s.%d.", f.Key, i)
			row := serverRow{URL: oneLine(sent.Get(at + "url")), Login: oneLine(sent.Get(at + "login")), Auth: strings.Join(splitWords(sent.Get(at+"auth")), ", ")}
			if row != (serverRow{}) {
				row.Number = len(rows)
				rows = append(rows, row)
			}
		}
		f.Servers = withSpare(rows)
	case asChoices:
		var list []string
		for i := range maxRows {
			if w := oneLine(sent.Get(fmt.Sprintf("%s.%d", f.Key, i))); w != "" {
				list = append(list, w)
			}
		}
		f.Choices = nil
		for i, w := range append(list, "") {
			f.Choices = append(f.Choices, choice{i, w})
		}
	case asChecks:
		for i := range f.Options {
			f.Options[i].Chosen = slices.Contains(sent[f.Key], f.Options[i].Value)
		}
		f.Value = strings.Join(sent[f.Key], "\n")
	case asLines:
		f.Value = strings.Join(nonEmptyLines(sent.Get(f.Key)), "\n")
	default:
		f.Value = oneLine(sent.Get(f.Key))
	}
}

// oneLine is what a person has typed into a control for one line. The spaces around it are not meant.
func oneLine(s string) string { return strings.TrimSpace(s) }

func nonEmptyLines(s string) []string {
	var list []string
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, line)
		}
	}
	return list
}

// value returns what the control says, as a value of a record; nil for none.
func (f *field) value() any {
	if f.None {
		switch f.Widget {
		case asText:
			return ""
		case asServers, asLines:
			return []any{}
		}
	}
	switch f.Widget {
	case asText:
		if f.Value != "" {
			return f.Value
		}
	case asTruth:
		if b, err := strconv.ParseBool(f.Value); err == nil {
			return b
		}
	case asLines, asChecks:
		if list := nonEmptyLines(f.Value); list != nil {
			return asAny(list)
		}
	case asChoices:
		var list []any
		for _, c := range f.Choices {
			if c.Value != "" {
				list = append(list, c.Value)
			}
		}
		if list != nil {
			return list
		}
	case asServers:
		var list []any
		for _, r := range f.Servers {
			if r != (serverRow{Number: r.Number}) {
				list = append(list, r.value())
			}
		}
		switch len(list) {
		case 0:
		case 1:
			return list[0]
		default:
			return list
		}
	case asTable:
		values := make(map[string]any)
		for _, sub := range f.Table {
			if v := sub.value(); v != nil {
				values[strings.TrimPrefix(sub.Key, f.Key+".")] = v
			}
		}
		if len(values) > 0 {
			return values
		}
	}
	return nil
}

// changed returns the keys that a form gives other values than a record has, with those values. Two ways to write the same are no change:
// a list of one server, and that server.
func changed(kind edits.Kind, form []fieldGroup, own edits.Values) []edits.Assignment {
	before := make(map[string]*field)
	for _, g := range newForm(kind, own) {
		for _, f := range g.Fields {
			before[f.Key] = f
		}
	}
	var list []edits.Assignment
	for _, g := range form {
		for _, f := range g.Fields {
			if f.ReadOnly != "" || f.Widget == shownOnly {
				continue
			}
			if value := f.value(); !reflect.DeepEqual(value, before[f.Key].value()) {
				list = append(list, edits.Assignment{Path: []string{f.Key}, Value: value})
			}
		}
	}
	return list
}

// merge is what becomes of a form if somebody else has changed the record since it was shown. Base are the record's values then, and now those
// of today. Keys that only they have changed take their value; keys that both have changed keep what was typed here, with theirs beside it.
func merge(kind edits.Kind, form []fieldGroup, base, now edits.Values) {
	theirs := make(map[string]any)
	keys := maps.Clone(map[string]any(base))
	if keys == nil {
		keys = make(map[string]any)
	}
	maps.Copy(keys, now)
	for key := range keys {
		if !reflect.DeepEqual(base[key], now[key]) {
			theirs[key] = now[key]
		}
	}
	mine := make(map[string]bool)
	for _, a := range changed(kind, form, base) {
		mine[a.Path[0]] = true
	}
	today := newForm(kind, now)
	for i, g := range form {
		for j, f := range g.Fields {
			value, is := theirs[f.Key]
			if !is {
				continue
			}
			taken := !mine[f.Key]
			if !taken && reflect.DeepEqual(f.value(), fieldOf(today, f.Key).value()) {
				continue // both have made the same change
			}
			if taken {
				readOnly, inherited, from := f.ReadOnly, f.Inherited, f.From
				*f = *fieldOf(today, f.Key)
				if f.ReadOnly == "" {
					f.ReadOnly = readOnly
				}
				f.Inherited, f.From = inherited, from
				form[i].Fields[j] = f
			}
			f.Taken = taken
			if f.Theirs = "(removed)"; value != nil {
				f.Theirs = edits.SpellValue(value)
			}
		}
	}
}

func fieldOf(form []fieldGroup, key string) *field {
	for _, g := range form {
		for _, f := range g.Fields {
			if f.Key == key {
				return f
			}
		}
	}
	return nil
}
