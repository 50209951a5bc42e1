// Package edits changes the configuration one domain at a time, for the command line, the API and the admin page alike.
//
// A Store keeps the domains and profiles: package filestore in domains.toml, others in a database. It knows only records, which have the
// keys of domains.toml as their values. The operations of this package (add, set, remove, undo, apply …) read records, decide what they
// should become, and hand the store a ChangeSet, which it saves as a whole or not at all: never what check would refuse, never over a change
// that somebody else has made in the meantime.
//
// The files, in the order in which they are best read:
//
//   - edits.go: the contract of a Store, its records, changes and errors; refusal.go: the errors in a word; ref.go, values.go: names and values
//   - operations.go, undo.go: what a record should become; assignments.go: key=value; missing.go: what was probably meant
//   - snapshot.go, apply.go: the state of a whole store
//   - describe.go, diff.go, toml.go, print.go: changes and records for people and programs
//   - editor.go, since.go: what a person writes
package edits

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"mailhint/domains"
	"mailhint/untrusted"
)

// Store keeps domains and profiles, and the history of their changes. All methods may be called by several goroutines at once, and several
// processes may use the same store. Package storetest checks that an implementation does what is said here.
type Store interface {
	// Get returns a record. The error is ErrNotFound if there is none: a name that only a wildcard or the fallback answers for has none.
	Get(ctx context.Context, ref Ref) (Record, error)
	// List returns the records that match a query, ordered by name, a page at a time.
	List(ctx context.Context, q Query) (Page, error)
	// Apply saves all changes of a set or, after an error, none of them. An Edit whose record no longer has the expected revision is a
	// *ConflictError. What domains.Check would refuse is a domains.Problems, and so is a domain that the set leaves without settings. An Edit
	// that changes nothing (neither the values and the list nor, in stores that keep it, the text) is not recorded in the history.
	// When Apply returns without an error, the changes are on disk and will survive a power cut.
	Apply(ctx context.Context, set ChangeSet) (Result, error)
	// History returns changes, the newest first.
	History(ctx context.Context, q HistoryQuery) ([]Change, error)
	// Watch yields an Event for every change after the one with the given number, in their order, and then waits for more, until ctx is
	// done. Every change is yielded at least once. It ends with an error if the store cannot be followed; the caller may call it again with
	// the last number that it has seen.
	Watch(ctx context.Context, since int64) iter.Seq2[Event, error]
	// Health returns an error if the store can be neither read nor written at the moment.
	Health(ctx context.Context) error
}

// Kind says what a record describes.
type Kind string

// The kinds of records.
const (
	Domain  Kind = "domain"
	Profile Kind = "profile"
)

// Ref names a record.
type Ref struct {
	Kind Kind `json:"kind"`
	// Name is a mail domain in lower case and A-labels, "*." and such a domain, or the name of a profile.
	Name string `json:"name"`
}

func (r Ref) String() string {
	if r.Kind == Domain {
		return r.Name
	}
	return string(r.Kind) + " " + r.Name
}

// Values are the keys of a record and their values as domains.toml has them, without anything inherited: string, bool, int64, []any, and
// map[string]any for tables. Lists of tables (rules) are []any of map[string]any. A nil map stands for a record that does not exist; that of
// a name which only a list has is empty.
//
// The values of a profile do not include the key domains: each name that a profile lists, there or in its domains_file, is a record of its
// own, whose List is the profile.
type Values map[string]any

// Revision identifies one state of a record. It is opaque: it changes whenever the record does, and only == is meaningful. In the API it is
// the ETag.
type Revision string

// Expectations that are not a particular state of the record.
const (
	Absent Revision = ""  // the record must not exist
	Any    Revision = "*" // whatever state the record has
)

// ManagedBy says where the truth about a record is kept.
type ManagedBy string

// The places that manage records.
const (
	ByFile  ManagedBy = "file"  // a table of domains.toml or of a file that it includes
	ByList  ManagedBy = "list"  // only a profile's domains or domains_file
	ByStore ManagedBy = "store" // a database
)

// Record is a domain or a profile.
type Record struct {
	Ref
	Values    Values    `json:"values"`
	ManagedBy ManagedBy `json:"managed_by"`
	// Profile is the profile that a domain inherits from: the one that its values name, else List; empty for none.
	Profile string `json:"profile,omitempty"`
	// List is the profile whose list has the domain; empty for none. A record ByFile is then an exception to the list.
	List string `json:"list,omitempty"`
	// Enabled is false for a domain that is treated as unknown.
	Enabled bool `json:"enabled"`
	// Where is the place of the record in a file; zero in a database.
	Where    domains.Position `json:"-"`
	Revision Revision         `json:"revision"`
	// Text is the record as it is written, with its comments, as in State. Only Get fills it in, in stores that keep text.
	Text string `json:"-"`
}

// Query selects the records of List.
type Query struct {
	Kind      Kind      // Domain if empty
	Profile   string    // only domains that inherit from this profile; empty for all
	Search    string    // only records of which the name or an alias contains this text, or its A-labels; empty for all
	ManagedBy ManagedBy // only records managed by this; empty for all
	Among     *Among    // only these domains; nil for all
	After     string    // only names after this one, which was the last of the page before; empty for the first page
	Limit     int       // at most so many records; 0 for all
}

// Among selects the domains that somebody may see: those that match at least one of its parts.
type Among struct {
	Names    []string // domains with one of these names, as Ref has them
	Admin    string   // domains whose key admins names this account; empty for none
	Profiles []string // domains that inherit from one of these profiles
}

// Has reports whether a record matches. A nil Among has all.
func (a *Among) Has(r Record) bool {
	switch {
	case a == nil:
		return true
	case r.Kind != Domain:
		return false
	case slices.Contains(a.Names, r.Name), r.Profile != "" && slices.Contains(a.Profiles, r.Profile):
		return true
	}
	return a.Admin != "" && slices.Contains(stringsIn(r.Values["admins"]), a.Admin)
}

// Page is an answer to a Query.
type Page struct {
	Records []Record
	// More is true if there are further records, after the last of Records.
	More bool
	// Total counts the records that match the query, on all pages.
	Total int
}

// Edit is what one record should become.
type Edit struct {
	Ref
	// If is the revision that the record must have, as it was read; Absent and Any are possible.
	If Revision
	// Action is what the history calls the change: "add", "set", "rm", "undo" …
	Action string
	// Values are all the record's new values; nil removes the record, also from the list that has it. An unknown key, or a value that is not
	// valid, is refused.
	Values Values
	// List is the profile whose list is to have the domain, as in Record; empty for none. A domain whose Values are empty is then in the list
	// only. A profile that has no list of names gets one; a profile that does not exist, and a store that keeps no lists, is a problem.
	List string
	// Text is how the record should be written, for stores that keep text; the others ignore it. It must say what Values say. Empty for the
	// store's own way, which keeps whatever is already there and need not change.
	Text string
	// File is where it should be written, as State.File, for stores that keep files. Empty for where it already is or, if it is new, for the
	// store's own choice.
	File string
	// Undoes is the number of the change that this one reverts; 0 for none.
	Undoes int64
}

// ChangeSet is saved as a whole or not at all. A record may appear in it only once.
type ChangeSet struct {
	Edits  []Edit
	Actor  string // who makes the change
	Via    Via
	Reason string // why; may be empty
	DryRun bool   // do everything except saving
}

// Via is how a change was made.
type Via string

// The ways to change a record.
const (
	Command Via = "command"
	API     Via = "api"
	Web     Via = "page"
	ByHand  Via = "hand edit" // somebody changed the file with an editor or another program
)

// Result says what Apply has done or, in a dry run, would do.
type Result struct {
	// Changes are what the history has gained, in the order of the edits; empty if there was nothing to change. In a dry run they have no
	// numbers.
	Changes []Change
	// Diff is a unified diff: of the files in a store that keeps files, else of the records as domains.toml would spell them.
	Diff string
	// Files are the files that were written; nil in a database.
	Files []string
	// Config is the configuration with the changes, also in a dry run: for previews of what clients would get, and to find out whether a server
	// serves it. It answers at least for the records of the set. It is nil if there was nothing to change.
	Config *domains.Snapshot
}

// Change is one entry of the history.
type Change struct {
	// Number counts the changes of a store, from 1. Changes of a set have consecutive numbers.
	Number int64     `json:"number"`
	Time   time.Time `json:"time"`
	Actor  string    `json:"actor"`
	Via    Via       `json:"via"`
	Action string    `json:"action"`
	Ref
	Reason string `json:"reason,omitempty"`
	// Before and After are the record's states; nil where it did not exist.
	Before *State `json:"before"`
	After  *State `json:"after"`
	// Undoes is the number of the change that this one reverts; 0 for none.
	Undoes int64 `json:"undoes,omitempty"`
	// Summary is set if somebody, mostly a program, has changed so many names of a profile's list that they are not recorded one by one. The
	// record is the profile then, and Before and After are as always: equal if it has not changed otherwise. Such a change cannot be undone.
	Summary *ListSummary `json:"summary,omitempty"`
}

// ListSummary says how many domains a profile's list has gained and lost, and which: at most twenty of each.
type ListSummary struct {
	File        string   `json:"file"`
	Added       int      `json:"added"`
	Removed     int      `json:"removed"`
	SomeAdded   []string `json:"some_added,omitempty"`
	SomeRemoved []string `json:"some_removed,omitempty"`
}

// State is what a record was before or after a change.
type State struct {
	Values    Values    `json:"values"`
	ManagedBy ManagedBy `json:"managed_by"`
	Profile   string    `json:"profile,omitempty"`
	List      string    `json:"list,omitempty"`
	Revision  Revision  `json:"revision"`
	// Text is the record as it was written, with its comments; empty in stores that keep no text.
	Text string `json:"text,omitempty"`
	// File is where it was written; empty in a database.
	File string `json:"file,omitempty"`
}

// HistoryQuery selects changes. The zero value selects all of them.
type HistoryQuery struct {
	Ref    Ref       // of this record only; zero for all
	Since  time.Time // at or after this time
	Before int64     // numbers below this one; 0 for the newest
	Limit  int       // at most so many; 0 for all
}

// Event says that records have changed.
type Event struct {
	Number int64 // of the last change that it covers
	Refs   []Ref // the records; nil if any may have changed, so that all must be read again
}

// Errors that callers act on.
var (
	// ErrNotFound means that there is no such record: list the records, or add it.
	ErrNotFound = errors.New("not configured")
	// ErrExists means that a record that should be added is already there: change it instead.
	ErrExists = errors.New("already configured")
	// ErrConflict is matched by a *ConflictError: read the record again, and look whether the edit is still right.
	ErrConflict = errors.New("changed in the meantime")
	// ErrReadOnly is matched by a *NotWrittenError whose file or folder may not be written.
	ErrReadOnly = errors.New("may not be written")
	// ErrUnsafe is matched by a *NotWrittenError if the text has a layout that cannot be changed without touching other entries.
	ErrUnsafe = errors.New("cannot be edited safely")
)

// ConflictError means that a record does not have the expected revision.
type ConflictError struct {
	Ref
	// Current is the record's revision now; Absent if it is gone.
	Current Revision
	// By is the latest change of the record; nil if it is not known.
	By *Change
}

func (e *ConflictError) Error() string {
	text := fmt.Sprintf("%s has %v", e.Ref, ErrConflict)
	if e.By != nil {
		text += fmt.Sprintf(" (change %d: %s by %s, %s)", e.By.Number, e.By.Action, untrusted.Printable(e.By.Actor), e.By.Via)
	}
	return text + "; nothing was saved: look at it and try again"
}

// Is makes it match ErrConflict.
func (e *ConflictError) Is(target error) bool { return target == ErrConflict }

// NotWrittenError means that a change is good, but cannot be written here. Diff says what to change by hand.
type NotWrittenError struct {
	File string
	Err  error // wraps ErrReadOnly or ErrUnsafe, and says why
	Diff string
}

func (e *NotWrittenError) Error() string {
	return fmt.Sprintf("%s: %v; nothing was saved: make this change by hand", e.File, e.Err)
}

// Unwrap returns the reason.
func (e *NotWrittenError) Unwrap() error { return e.Err }
