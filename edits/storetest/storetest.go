// Package storetest checks that a store does what edits.Store promises. Every store runs the same tests, unchanged:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t testing.TB) storetest.Place { … })
//	}
//
// Memory is a store for tests of what uses stores.
package storetest

import (
	"context"
	"testing"

	"mailhint/edits"
)

// Place is where a store keeps its records: a folder, or a database.
type Place struct {
	// Open opens the store there, as another process would. It is called several times in a test, and the stores are used side by side. What
	// has to be closed is closed by t.Cleanup.
	Open func(t testing.TB) edits.Store
	// Lists is true if the store can keep names in the list of a profile. The profile "listed" of Initial has one.
	Lists bool
	// Text is true if the store keeps how records are written: State.Text and Edit.Text.
	Text bool
}

// Initial are the records that a new place has: two profiles, of which "listed" has a list of names, and the domains first.example, with the
// profile "shared", and inlist.example, in the list. A place without Lists has neither the profile "listed" nor inlist.example. A new place may
// have a history, or none.
func Initial() []edits.Edit {
	servers := func(domain string) edits.Values {
		return edits.Values{"imap": "imap." + domain, "smtp": "smtp." + domain}
	}
	listed := servers("listed.example")
	listed["domains_file"] = "listed.txt"
	return []edits.Edit{
		{Ref: edits.Ref{Kind: edits.Profile, Name: "shared"}, Values: servers("shared.example")},
		{Ref: edits.Ref{Kind: edits.Profile, Name: "listed"}, Values: listed},
		{Ref: domain("first.example"), Values: edits.Values{"profile": "shared"}},
		{Ref: domain("inlist.example"), Values: edits.Values{}, List: "listed"},
	}
}

// Run tests the store of the places that newPlace makes. Each test gets a new place.
func Run(t *testing.T, newPlace func(t testing.TB) Place) {
	kept := newPlace(t)
	run := func(name string, test func(*testing.T, Place)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newPlace(t))
		})
	}
	for _, test := range []struct {
		name string
		run  func(*testing.T, Place)
	}{
		{"Initial", testInitial},
		{"Get", testGet},
		{"Add", testAdd},
		{"List", testList},
		{"Paging", testPaging},
		{"Search", testSearch},
		{"Among", testAmong},
		{"Atomic", testAtomic},
		{"Expectations", testExpectations},
		{"Conflict", testConflict},
		{"Twice", testTwice},
		{"DryRun", testDryRun},
		{"Invalid", testInvalid},
		{"Unchanged", testUnchanged},
		{"Values", testValues},
		{"Revisions", testRevisions},
		{"History", testHistory},
		{"HistoryFilters", testHistoryFilters},
		{"Reopened", testReopened},
		{"OtherProcess", testOtherProcess},
		{"Watch", testWatch},
		{"WatchResumes", testWatchResumes},
		{"WatchEnds", testWatchEnds},
		{"WatchConcurrent", testWatchConcurrent},
		{"NoLostUpdate", testNoLostUpdate},
		{"Counter", testCounter},
		{"Health", testHealth},
	} {
		run(test.name, test.run)
	}
	if kept.Lists {
		run("Lists", testLists)
		run("Exceptions", testExceptions)
	}
	if kept.Text {
		run("Text", testText)
	}
}

func domain(name string) edits.Ref { return edits.Ref{Kind: edits.Domain, Name: name} }

// shared are the values of most domains of these tests.
func shared() edits.Values { return edits.Values{"profile": "shared"} }

// add is a change set that adds domains, with the values of shared.
func add(names ...string) edits.ChangeSet {
	set := by("test")
	for _, name := range names {
		set.Edits = append(set.Edits, edits.Edit{Ref: domain(name), If: edits.Absent, Action: edits.ActionAdd, Values: shared()})
	}
	return set
}

// by is a change set without edits.
func by(actor string, list ...edits.Edit) edits.ChangeSet {
	return edits.ChangeSet{Edits: list, Actor: actor, Via: edits.Command, Reason: "a test"}
}

// apply applies a change set that must succeed.
func apply(t testing.TB, s edits.Store, set edits.ChangeSet) edits.Result {
	t.Helper()
	result, err := s.Apply(t.Context(), set)
	if err != nil {
		t.Fatalf("Apply: %v", err)
	}
	return result
}

// get returns a record that must be there.
func get(t testing.TB, s edits.Store, ref edits.Ref) edits.Record {
	t.Helper()
	r, err := s.Get(t.Context(), ref)
	if err != nil {
		t.Fatalf("Get %s: %v", ref, err)
	}
	return r
}

// list returns all records of a query.
func list(t testing.TB, s edits.Store, q edits.Query) edits.Page {
	t.Helper()
	page, err := s.List(t.Context(), q)
	if err != nil {
		t.Fatalf("List %+v: %v", q, err)
	}
	return page
}

func names(records []edits.Record) []string {
	var list []string
	for _, r := range records {
		list = append(list, r.Name)
	}
	return list
}

// history returns the changes of a query.
func history(t testing.TB, s edits.Store, q edits.HistoryQuery) []edits.Change {
	t.Helper()
	changes, err := s.History(t.Context(), q)
	if err != nil {
		t.Fatalf("History %+v: %v", q, err)
	}
	return changes
}

// latest returns the number of the latest change; 0 if there is none.
func latest(t testing.TB, s edits.Store) int64 {
	t.Helper()
	if changes := history(t, s, edits.HistoryQuery{Limit: 1}); len(changes) > 0 {
		return changes[0].Number
	}
	return 0
}

func testHealth(t *testing.T, p Place) {
	if err := p.Open(t).Health(context.Background()); err != nil {
		t.Errorf("Health of a new place: %v", err)
	}
}
