package edits

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"mailhint/domains"
	"mailhint/tomledit"
	"mailhint/untrusted"
)

// Wanted is what a record should be, as a line of a snapshot says it.
type Wanted struct {
	Ref
	// List is the profile whose list has the domain; empty for none.
	List string `json:"list,omitempty"`
	// Values are the record's own values; empty for a domain that only a list has.
	Values Values `json:"values"`
	// Position is where the snapshot has it; zero if it is not from a text.
	Position domains.Position `json:"-"`
}

// Snapshot returns all profiles and domains of a store, each kind ordered by name. It is what Read reads, and what PlanApply brings a store to.
// Comments and spellings of a store that keeps text are not part of it.
func Snapshot(ctx context.Context, s Store) ([]Wanted, error) {
	var list []Wanted
	for _, kind := range []Kind{Profile, Domain} {
		err := each(ctx, s, kind, func(r Record) {
			list = append(list, Wanted{Ref: r.Ref, List: r.List, Values: r.Values})
		})
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// each calls a function for all records of a kind, in the order of their names.
func each(ctx context.Context, s Store, kind Kind, call func(Record)) error {
	page, err := s.List(ctx, Query{Kind: kind})
	if err != nil {
		return err
	}
	for _, r := range page.Records {
		call(r)
	}
	return nil
}

// AtWanted returns an error of Store.Apply with the lines of the snapshot that its problems are about, instead of places in a text that was not saved.
func AtWanted(err error, wanted []Wanted) error {
	var problems domains.Problems
	if !errors.As(err, &problems) || errors.Is(err, domains.ErrUnread) {
		return err
	}
	lines := make(map[string]domains.Position, len(wanted))
	for _, w := range wanted {
		name := tomledit.QuoteKey(w.Name)
		if w.Kind == Domain {
			name = tomledit.Quote(w.Name)
		}
		lines[tableOf[w.Kind]+"."+name] = w.Position
	}
	moved := slices.Clone(problems)
	for i, p := range moved {
		for key := p.Key; key != ""; key = key[:max(0, strings.LastIndexByte(key, '.'))] {
			if at, ok := lines[key]; ok {
				moved[i].Position = at
				break
			}
		}
	}
	return moved
}

// Formats are the forms of a snapshot: "json" has a JSON object on each line (NDJSON), "toml" is as domains.toml. In TOML, the key domains of a
// profile has all names of its list.
var Formats = []string{"json", "toml"}

// Write writes a snapshot in one of Formats.
func Write(w io.Writer, format string, list []Wanted) error {
	out := bufio.NewWriter(w)
	var err error
	if format == "toml" {
		err = writeTOML(out, list)
	} else {
		err = writeNDJSON(out, list)
	}
	return errors.Join(err, out.Flush())
}

func writeNDJSON(w io.Writer, list []Wanted) error {
	encoder := json.NewEncoder(untrusted.JSON(w))
	encoder.SetEscapeHTML(false)
	for _, r := range list {
		if r.Values == nil {
			r.Values = Values{}
		}
		if err := encoder.Encode(r); err != nil {
			return err
		}
	}
	return nil
}

func writeTOML(w io.Writer, list []Wanted) error {
	lists := make(map[string][]any)
	for _, r := range list {
		if r.List != "" {
			lists[r.List] = append(lists[r.List], r.Name)
		}
	}
	between := ""
	for _, r := range list {
		values := r.Values
		switch names := lists[r.Name]; {
		case r.Kind == Profile && names != nil:
			values = clone(map[string]any(values)).(map[string]any)
			values[domainsKey] = names
		case r.List != "" && len(values) == 0:
			continue
		}
		if _, err := io.WriteString(w, between+TOML(r.Ref, values)); err != nil {
			return err
		}
		between = "\n"
	}
	return nil
}

// domainsKey is the key of a profile that lists domains.
const domainsKey = "domains"

// MaxSnapshot limits what Read reads, in octets: about a million records.
const MaxSnapshot = 256 << 20

// Read reads a snapshot in either form. The name stands for it in messages.
//
// The error is a domains.Problems with all mistakes and their lines: what is not JSON or TOML, names that are not valid or appear twice, keys that
// do not exist, and values that are not valid. What depends on other records is checked when the changes are saved.
func Read(r io.Reader, name string) ([]Wanted, error) { return read(r, name, MaxSnapshot) }

func read(r io.Reader, name string, limit int64) ([]Wanted, error) {
	text, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	in := reading{name: name, seen: make(map[Ref]Wanted), listed: make(map[string]Wanted)}
	trimmed := bytes.TrimLeft(bytes.TrimPrefix(text, []byte("\uFEFF")), " \t\r\n")
	switch {
	case int64(len(text)) > limit:
		in.note(0, "", "is larger than %d MB; use a domains_file for names without values of their own", limit>>20)
	case len(trimmed) == 0: // a snapshot of nothing
	case trimmed[0] == '{':
		in.readNDJSON(text)
	case bytes.HasPrefix(trimmed, []byte("[{")):
		in.note(1, "", "is a JSON array; write one object on each line, without brackets around them and commas between them")
	case bytes.IndexByte(text, 0) >= 0:
		in.note(0, "", "is not a text; name a file that mailhint snapshot has written")
	default:
		in.readTOML(string(text))
	}
	in.finish()
	if in.problems != nil {
		return nil, in.sorted()
	}
	return in.list, nil
}

// reading is a snapshot that is being read.
type reading struct {
	name     string
	list     []Wanted
	seen     map[Ref]Wanted
	listed   map[string]Wanted // by name: what profiles list under the key domains
	problems domains.Problems
}

func (in *reading) note(line int, key, format string, args ...any) {
	in.problems = append(in.problems, domains.Problem{Position: domains.Position{File: in.name, Line: line}, Key: key, Text: fmt.Sprintf(format, args...)})
}

// sorted returns the problems by line.
func (in *reading) sorted() domains.Problems {
	slices.SortStableFunc(in.problems, func(a, b domains.Problem) int { return a.Line - b.Line })
	return in.problems
}

// add adds a record, unless there is one of the same name.
func (in *reading) add(w Wanted) {
	first, again := in.seen[w.Ref]
	if again {
		in.note(w.Position.Line, w.Ref.String(), "is already at line %d; remove one of them", first.Position.Line)
		return
	}
	in.seen[w.Ref] = w
	in.list = append(in.list, w)
}

// maxLine limits a line of NDJSON, in octets: a profile that lists a million domains itself.
const maxLine = 64 << 20

func (in *reading) readNDJSON(text []byte) {
	number := 0
	for line := range bytes.Lines(bytes.TrimPrefix(text, []byte("\uFEFF"))) {
		number++
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if len(line) > maxLine {
			in.note(number, "", "is longer than %d MB; write one record on each line", maxLine>>20)
			continue
		}
		in.readLine(number, line)
	}
}

func (in *reading) readLine(number int, line []byte) {
	w := Wanted{Ref: Ref{Kind: Domain}, Position: domains.Position{File: in.name, Line: number}}
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&w); err != nil {
		in.note(number, "", "%s", jsonFault(err))
		return
	}
	if decoder.More() {
		in.note(number, "", "there is something after the object; write one record on each line")
		return
	}
	if w.Values == nil {
		in.note(number, w.Ref.String(), `has no values; write "values":{…}, or leave the line out if the record is to be removed`)
		return
	}
	switch w.Kind {
	case Domain:
		ref, err := ParseDomain(w.Name)
		if err != nil {
			in.note(number, "", "%v", err)
			return
		}
		w.Ref = ref
		if isWildcard(ref) && w.List != "" {
			in.note(number, ref.String(), "a wildcard cannot be in a list; write \"profile\" among its values instead")
			return
		}
	case Profile:
		if w.Name == "" || w.List != "" {
			in.note(number, "", `a profile needs a name, and cannot be in a list`)
			return
		}
	default:
		in.note(number, "", `unknown kind %q; write "domain" or "profile"`, w.Kind)
		return
	}
	for _, p := range domains.CheckValues(domains.RecordKind(w.Kind), w.Name, w.Values) {
		in.note(number, p.Key, "%s", p.Text)
	}
	in.addListed(w)
}

// jsonFault says what is wrong with a line.
func jsonFault(err error) string {
	text := strings.TrimPrefix(err.Error(), "json: ")
	if key, ok := strings.CutPrefix(text, "unknown field "); ok {
		return fmt.Sprintf(`unknown member %s; a record has "kind", "name", "list" and "values", which has the keys of domains.toml`, key)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		text = "the line ends within the object"
	}
	return "is not a valid record: " + text + `; write {"name":"example.com","values":{"profile":"shared"}}`
}

// addListed adds a record, and the domains that a profile lists under the key domains.
func (in *reading) addListed(w Wanted) {
	listed, has := w.Values[domainsKey]
	if w.Kind != Profile || !has {
		in.add(w)
		return
	}
	delete(w.Values, domainsKey)
	in.add(w)
	for _, name := range namesIn(listed) { // CheckValues has noted those that are not valid
		if first, again := in.listed[name]; again {
			in.note(w.Position.Line, w.Ref.String()+"."+domainsKey, "%s is already in the list of profile %s; remove one of them", name, first.List)
			continue
		}
		in.listed[name] = Wanted{Ref: Ref{Domain, name}, List: w.Name, Values: Values{}, Position: w.Position}
	}
}

// finish adds the names of lists. A record of such a name is an exception to the list.
func (in *reading) finish() {
	for i := range in.list {
		w := &in.list[i]
		if w.Kind != Domain {
			continue
		}
		if listed, ok := in.listed[w.Name]; ok {
			if w.List != "" && w.List != listed.List {
				in.note(w.Position.Line, w.Ref.String(), "is in the list of profile %s already, at line %d; remove one of them", listed.List, listed.Position.Line)
			}
			w.List = listed.List
			delete(in.listed, w.Name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(in.listed)) {
		in.list = append(in.list, in.listed[name])
	}
	for _, w := range in.list {
		if _, ok := in.seen[Ref{Profile, w.List}]; w.List != "" && !ok {
			in.note(w.Position.Line, w.Ref.String(), "is to be in the list of profile %q, which is not here; add it, because a snapshot has all profiles", w.List)
		}
	}
}

func (in *reading) readTOML(text string) {
	records, problems := domains.ReadRecords(in.name, text)
	in.problems = append(in.problems, problems...)
	for _, r := range records {
		in.addListed(Wanted{Ref: Ref{Kind(r.Kind), r.Name}, Values: r.Values, Position: r.Position})
	}
}
