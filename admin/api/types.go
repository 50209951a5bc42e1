package api

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"mailhint/admin"
	"mailhint/domains"
	"mailhint/edits"
)

// Values are the keys of a record and their values.
type Values edits.Values

// UnmarshalJSON implements json.Unmarshaler.
func (v *Values) UnmarshalJSON(text []byte) error { return (*edits.Values)(v).UnmarshalJSON(text) }

// Schema describes values: which keys there are is said by mailhint schema.
func (Values) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Description: "Keys of domains.toml and their values: strings, booleans, whole numbers, lists, and objects for tables. " +
		"mailhint schema prints a JSON Schema, and GET of a record lists the keys. Keys that name files on the server cannot be set."}
}

// Patch are changes of single keys: null removes one.
type Patch map[string]any

// UnmarshalJSON implements json.Unmarshaler.
func (p *Patch) UnmarshalJSON(text []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return err
	}
	*p = make(Patch, len(members))
	for key, member := range members {
		if bytes.Equal(bytes.TrimSpace(member), []byte("null")) {
			(*p)[key] = nil
			continue
		}
		var one edits.Values
		wrapped, err := json.Marshal(map[string]json.RawMessage{key: member})
		if err != nil {
			return err
		}
		if err := json.Unmarshal(wrapped, &one); err != nil {
			return err
		}
		(*p)[key] = one[key]
	}
	return nil
}

// Schema describes a patch.
func (Patch) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Description: "Keys and their new values, as in values; null removes a key, so that its value is inherited again. Other keys stay as they are."}
}

// Record is a domain or profile.
type Record struct {
	Kind      string `json:"kind" enum:"domain,profile"`
	Name      string `json:"name" doc:"A domain in lower case and A-labels, *. and such a domain, or the name of a profile."`
	Unicode   string `json:"unicode" doc:"The name as people write it."`
	Values    Values `json:"values" doc:"The record's own keys and values, without anything inherited."`
	ManagedBy string `json:"managed_by" enum:"file,list,store" doc:"Where the record is kept: in a table of a file, only in the list of a profile, or in a database."`
	Profile   string `json:"profile,omitempty" doc:"The profile that a domain inherits from."`
	List      string `json:"list,omitempty" doc:"The profile whose list has the domain."`
	Enabled   bool   `json:"enabled" doc:"False for a domain that is treated as unknown."`
	Revision  string `json:"revision" doc:"The state of the record. Its ETag is the same in quotation marks."`
	Where     *Place `json:"where,omitempty" doc:"Where a file has the record; only operators see it."`
	Text      string `json:"text,omitempty" doc:"How the record is written, with its comments; only operators see it."`
}

// Place is a place in a file.
type Place struct {
	File string `json:"file"`
	Line int    `json:"line,omitempty"`
}

func recordOf(r edits.Record) Record {
	of := Record{Kind: string(r.Kind), Name: r.Name, Unicode: r.Shown(), Values: Values(r.Values), ManagedBy: string(r.ManagedBy), Profile: r.Profile, List: r.List,
		Enabled: r.Enabled, Revision: string(r.Revision), Text: r.Text}
	if r.Where != (domains.Position{}) {
		of.Where = &Place{r.Where.File, r.Where.Line}
	}
	return of
}

// Row is a domain in a list.
type Row struct {
	Record
	State string     `json:"state,omitempty" doc:"The worst that the background probe has last seen of the domain's mail servers: unknown, good, warning, login, ipv6, certificate, tls, closed or address."`
	Seen  *time.Time `json:"seen,omitempty" doc:"When that was."`
}

// View is a record with all its keys.
type View struct {
	Record
	Keys []Key `json:"keys" doc:"All keys that the record can have, in their usual order."`
	May  May   `json:"may" doc:"What this account may do with the record."`
	// Domains is for profiles.
	Domains int `json:"domains,omitempty" doc:"How many domains inherit from a profile, as far as this account may see them."`
}

// May says what an account may do with a record.
type May struct {
	Change  bool `json:"change" doc:"Change keys: those without why."`
	Remove  bool `json:"remove"`
	Probe   bool `json:"probe" doc:"Make the server look at mail servers."`
	Restore bool `json:"restore"`
}

// Key is a key of a record.
type Key struct {
	Name        string   `json:"name"`
	Type        string   `json:"type" doc:"What kind of value it takes."`
	Description string   `json:"description"`
	Default     string   `json:"default,omitempty" doc:"The value that is used where it is missing, as TOML."`
	Example     string   `json:"example,omitempty" doc:"A value as TOML."`
	Own         any      `json:"own,omitempty" doc:"The record's own value."`
	Effective   []string `json:"effective,omitempty" doc:"The value that clients get, an element for each server."`
	From        string   `json:"from,omitempty" doc:"Where the effective value is set: domain, profile NAME, defaults or built in."`
	Where       string   `json:"where,omitempty" doc:"The place in a file; only operators see it."`
	Why         string   `json:"why,omitempty" doc:"Why this account may not change the key; empty if it may."`
}

func viewOf(v admin.View) View {
	of := View{Record: recordOf(v.Record), Keys: make([]Key, len(v.Keys)), May: May(v.May), Domains: v.Domains}
	for i, k := range v.Keys {
		of.Keys[i] = Key(k)
	}
	return of
}

// State is what a record was before or after a change.
type State struct {
	Values    Values `json:"values"`
	ManagedBy string `json:"managed_by"`
	Profile   string `json:"profile,omitempty"`
	List      string `json:"list,omitempty"`
	Revision  string `json:"revision"`
	Text      string `json:"text,omitempty" doc:"How it was written; only operators see it."`
	File      string `json:"file,omitempty" doc:"Where it was written; only operators see it."`
}

// Change is one entry of the history.
type Change struct {
	Number  int64     `json:"number" doc:"Changes are numbered from 1; in a dry run they have no number."`
	Time    time.Time `json:"time"`
	Actor   string    `json:"actor"`
	Via     string    `json:"via" doc:"command, api, page or hand edit."`
	Action  string    `json:"action" doc:"add, set, rm, undo …"`
	Kind    string    `json:"kind" enum:"domain,profile"`
	Name    string    `json:"name"`
	Reason  string    `json:"reason,omitempty"`
	Before  *State    `json:"before,omitempty" doc:"Missing if the record did not exist."`
	After   *State    `json:"after,omitempty" doc:"Missing if the record does not exist any more."`
	Undoes  int64     `json:"undoes,omitempty" doc:"The number of the change that this one reverts."`
	Summary *Summary  `json:"summary,omitempty" doc:"Set if so many names of a list were changed at once that they are not recorded one by one."`
	What    string    `json:"what,omitempty" doc:"What the change did, in a line; with details=true."`
	Diff    string    `json:"diff,omitempty" doc:"What the change did, as a unified diff; with details=true."`
}

// Summary says how many names of a list have changed at once.
type Summary struct {
	File        string   `json:"file"`
	Added       int      `json:"added"`
	Removed     int      `json:"removed"`
	SomeAdded   []string `json:"some_added,omitempty"`
	SomeRemoved []string `json:"some_removed,omitempty"`
}

func stateOf(s *edits.State) *State {
	if s == nil {
		return nil
	}
	return &State{Values(s.Values), string(s.ManagedBy), s.Profile, s.List, string(s.Revision), s.Text, s.File}
}

func changeOf(c edits.Change) Change {
	return Change{Number: c.Number, Time: c.Time, Actor: c.Actor, Via: string(c.Via), Action: c.Action, Kind: string(c.Kind), Name: c.Name, Reason: c.Reason,
		Before: stateOf(c.Before), After: stateOf(c.After), Undoes: c.Undoes, Summary: (*Summary)(c.Summary)}
}

func changesOf(list []edits.Change) []Change {
	all := make([]Change, len(list))
	for i, c := range list {
		all[i] = changeOf(c)
	}
	return all
}

// Outcome is what a change has done or, in a dry run, would do.
type Outcome struct {
	Changes  []Change       `json:"changes" doc:"What the history has gained; empty if there was nothing to change."`
	Revision string         `json:"revision,omitempty" doc:"The revision of the record afterwards; missing if it is gone."`
	Diff     string         `json:"diff,omitempty" doc:"A unified diff: of the files for operators, else of the record."`
	Domains  int            `json:"domains,omitempty" doc:"How many domains a change of a profile touches."`
	Files    []string       `json:"files,omitempty" doc:"The files that were written; only operators see it."`
	Previews []Preview      `json:"previews,omitempty" doc:"What each kind of client gets before and after; for dry runs."`
	Servers  []ServerCheck  `json:"servers,omitempty" doc:"What was seen of the mail servers, with probe=warn or probe=require."`
	Config   string         `json:"config,omitempty" doc:"What clients of the changed domains get, as a configuration of its own in the form of domains.toml, with config=true."`
	Counts   *AppliedCounts `json:"counts,omitempty" doc:"How many records a snapshot adds, changes and removes."`
}

// AppliedCounts are the records that a snapshot concerns.
type AppliedCounts struct {
	Added   int `json:"added"`
	Changed int `json:"changed"`
	Removed int `json:"removed"`
	Same    int `json:"same"`
}

// Preview is what one kind of client gets for an address.
type Preview struct {
	Client    string  `json:"client" doc:"thunderbird, outlook, outlook-json, apple, pacc, srv, or human for a person who sets up a program by hand."`
	Address   string  `json:"address"`
	Before    *Answer `json:"before,omitempty" doc:"What it gets from what is served; missing for nothing."`
	BeforeWhy string  `json:"before_why,omitempty" doc:"Why it gets nothing."`
	After     *Answer `json:"after,omitempty" doc:"What it would get after the change; missing for nothing."`
	AfterWhy  string  `json:"after_why,omitempty" doc:"Why it would get nothing."`
	Same      bool    `json:"same" doc:"True if the change makes no difference to this client."`
	Diff      string  `json:"diff,omitempty" doc:"A unified diff of the two."`
}

// Answer is what a client gets.
type Answer struct {
	Status   int    `json:"status"`
	Location string `json:"location,omitempty"`
	Body     string `json:"body,omitempty"`
}

func previewsOf(list []admin.ClientPreview) []Preview {
	var all []Preview
	for _, p := range list {
		one := Preview{Client: p.Client, Address: p.Address, BeforeWhy: p.BeforeWhy, AfterWhy: p.AfterWhy, Same: p.Same, Diff: p.Diff}
		if p.Before != nil {
			one.Before = &Answer{p.Before.Status, p.Before.Location, string(p.Before.Body)}
		}
		if p.After != nil {
			one.After = &Answer{p.After.Status, p.After.Location, string(p.After.Body)}
		}
		all = append(all, one)
	}
	return all
}

// ServerCheck is what was seen of a mail server.
type ServerCheck struct {
	Key   string `json:"key" doc:"The key that has the server, such as imap."`
	URL   string `json:"url"`
	Host  string `json:"host"`
	Port  uint16 `json:"port"`
	State string `json:"state" doc:"good, warning, or what is wrong: login, ipv6, certificate, tls, closed, address, unknown."`
	Text  string `json:"text,omitempty" doc:"What is wrong, for people."`
}

func checksOf(list []admin.ServerCheck) []ServerCheck {
	all := make([]ServerCheck, len(list))
	for i, c := range list {
		all[i] = ServerCheck(c)
	}
	return all
}

func outcomeOf(o admin.Outcome) Outcome {
	of := Outcome{Changes: changesOf(o.Changes), Revision: string(o.Revision), Diff: o.Diff, Domains: o.Domains, Files: o.Files, Previews: previewsOf(o.Previews)}
	if o.Servers != nil {
		of.Servers = checksOf(o.Servers)
	}
	return of
}
