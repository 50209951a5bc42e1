package filestore

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"mailhint/domains"
	"mailhint/edits"
)

// view is a configuration as records.
type view struct {
	*domains.Source
	layouts map[string]layout // of the TOML files, by name
	key     func(file string) string
	lines   map[string][]string // of lists, once they are needed
}

// own returns the view for one goroutine.
func (v view) own() view {
	v.lines = make(map[string][]string)
	return v
}

// with returns the view of other texts.
func (v view) with(texts map[string]string) (view, error) {
	given := make(map[string][]byte, len(texts))
	for name, text := range texts {
		given[name] = []byte(text)
	}
	src, err := v.Source.With(given)
	return view{src, layouts(src, v.layouts), v.key, make(map[string][]string)}, err
}

var sourceKind = map[edits.Kind]domains.RecordKind{edits.Domain: domains.DomainRecord, edits.Profile: domains.ProfileRecord}

// find returns a record as package domains has it.
func (v view) find(ref edits.Ref) (domains.Record, bool) {
	return v.Source.Record(sourceKind[ref.Kind], ref.Name)
}

// get returns a record.
func (v view) get(ref edits.Ref) (edits.Record, bool) {
	r, ok := v.find(ref)
	if !ok {
		return edits.Record{}, false
	}
	return v.record(r), true
}

func refOf(r domains.Record) edits.Ref {
	if r.Kind == domains.ProfileRecord {
		return edits.Ref{Kind: edits.Profile, Name: r.Name}
	}
	return edits.Ref{Kind: edits.Domain, Name: r.Name}
}

func (v view) record(r domains.Record) edits.Record {
	e := edits.Record{Ref: refOf(r), Values: edits.Values(maps.Clone(r.Values)), ManagedBy: edits.ByFile, Profile: r.Profile, Enabled: r.Enabled, Where: r.Position}
	if e.Values == nil {
		e.Values = edits.Values{}
	}
	if r.Path == nil {
		e.ManagedBy = edits.ByList
	}
	if r.Listed != nil {
		e.List = r.Listed.Profile
	}
	if e.Kind == edits.Profile {
		delete(e.Values, "domains")
	}
	e.Revision = v.revision(r, e)
	return e
}

// revision depends on how the record is written, with its comments, on its values, and on the list that has it: it changes with everything that a
// page which shows the record shows of it.
func (v view) revision(r domains.Record, e edits.Record) edits.Revision {
	if r.Path == nil {
		return revision(e.Ref, e.List, false, "")
	}
	return revision(e.Ref, e.List, true, v.layouts[r.File].records[tablePath{r.Path[0], r.Path[1]}].fingerprint())
}

// revision is the same for a record that has a table, or is only in a list.
func revision(ref edits.Ref, list string, hasTable bool, fingerprint string) edits.Revision {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %t %q %s", ref.Kind, hasTable, list, fingerprint))
	return edits.Revision(hex.EncodeToString(sum[:12]))
}

// state returns a record as the history keeps it; nil if there is none.
func (v view) state(ref edits.Ref) *edits.State {
	r, ok := v.find(ref)
	if !ok {
		return nil
	}
	e := v.record(r)
	return &edits.State{Values: e.Values, ManagedBy: e.ManagedBy, Profile: e.Profile, List: e.List, Revision: e.Revision, Text: v.textOf(r), File: v.key(r.File)}
}

// textOf returns how a record is written; empty if it is spread over a layout that has no text of its own.
func (v view) textOf(r domains.Record) string {
	switch {
	case r.Path == nil && r.Listed.Inline:
		return ""
	case r.Path == nil:
		return v.line(r.File, r.Line)
	}
	l := v.layouts[r.File]
	return l.textOf(r.Path)
}

// line returns a line of a file, counted from 1, without its end.
func (v view) line(file string, number int) string {
	if v.lines[file] == nil {
		f, _ := v.File(file)
		v.lines[file] = strings.Split(strings.TrimPrefix(f.Content, "\uFEFF"), "\n")
	}
	if number < 1 || number > len(v.lines[file]) {
		return ""
	}
	return strings.TrimSuffix(v.lines[file][number-1], "\r")
}

// copyOf copies values, which a caller may change, in the form in which the history has them.
func copyOf(v edits.Values) (edits.Values, error) {
	if v == nil {
		return nil, nil
	}
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var copied edits.Values
	err = json.Unmarshal(text, &copied)
	return copied, err
}
