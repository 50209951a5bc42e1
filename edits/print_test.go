package edits_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"mailhint/edits"
)

// printedChange is a change by hand that has a comment, a value and control characters.
func printedChange() edits.Change {
	state := func(name, comment string) *edits.State {
		return &edits.State{
			Values: edits.Values{"profile": "shared", "name": name}, ManagedBy: edits.ByFile, Revision: edits.Revision(name),
			Text: "# " + comment + "\n[domains.\"a.example\"]\nprofile = 'shared'\nname = \"" + name + "\"\n",
		}
	}
	return edits.Change{
		Number: 7, Time: time.Date(2026, 11, 29, 22, 31, 0, 0, time.Local), Actor: "ann", Via: edits.ByHand, Action: edits.ActionSet, Ref: domain("a.example"),
		Before: state("A", "old"), After: state("B", "new\x1b[2J"),
	}
}

// TestPrintHistoryDiffs: the diff is of what somebody has written, and shows no control characters.
func TestPrintHistoryDiffs(t *testing.T) {
	var b strings.Builder
	if err := (edits.Spelling{}).PrintHistoryDiffs(&b, []edits.Change{printedChange()}); err != nil {
		t.Fatal(err)
	}
	want(t, b.String(), `7  2026-11-29 22:31  ann  hand edit  changed a.example: name "A" → "B"
--- a.example (before)
+++ a.example (after)
@@ -1,4 +1,4 @@
-# old
+# new�[2J
 [domains."a.example"]
 profile = 'shared'
-name = "A"
+name = "B"
`)
}

// JSON shows no characters that are not printable either, and says the same.
func TestPrintHistoryJSON(t *testing.T) {
	c := printedChange()
	c.Reason = "moc.elpmaxe\u202e\u009b31m"
	var b strings.Builder
	if err := edits.PrintHistoryJSON(&b, []edits.Change{c}); err != nil {
		t.Fatal(err)
	}
	var back edits.Change
	if err := json.Unmarshal([]byte(b.String()), &back); err != nil || back.Reason != c.Reason || !strings.Contains(b.String(), `moc.elpmaxe\u202e\u009b31m`) {
		t.Errorf("%s says %q, %v", b.String(), back.Reason, err)
	}
}

// TestDiff: a text that is known on one side only is not compared with a spelling of ours; names of lists have no text of their own.
func TestDiff(t *testing.T) {
	c := printedChange()
	c.After.Text = ""
	want(t, c.Diff(), `--- a.example (before)
+++ a.example (after)
@@ -1,3 +1,3 @@
 [domains."a.example"]
 profile = "shared"
-name = "A"
+name = "B"
`)
	c = edits.Change{Ref: domain("b.example"), Before: &edits.State{Values: edits.Values{}, List: "shared", Text: "b.example # since 2019"}}
	want(t, c.Diff(), `--- b.example (before)
+++ b.example (after)
@@ -1,1 +0,0 @@
-# in the list of profile shared
`)
}

// TestPrintListSummary: a program that changes a whole list has changed the list, and not rewritten the profile.
func TestPrintListSummary(t *testing.T) {
	s := &edits.State{Values: edits.Values{"name": "A"}, Revision: "1"}
	c := edits.Change{Ref: edits.Ref{Kind: edits.Profile, Name: "shared"}, Before: s, After: s, Summary: &edits.ListSummary{File: "names.txt", Added: 1204, Removed: 1}}
	want(t, edits.Spelling{}.Line(c), "changed profile shared: 1,204 domains added to names.txt, 1 domain removed from it")
	c.Summary.Removed = 0
	want(t, edits.Spelling{}.Line(c), "changed profile shared: 1,204 domains added to names.txt")
	c.Summary.Added, c.Summary.Removed = 0, 300
	c.After = &edits.State{Values: edits.Values{"name": "B"}, Revision: "2"}
	want(t, edits.Spelling{}.Line(c), `changed profile shared: 300 domains removed from names.txt, name "A" → "B"`)
}
