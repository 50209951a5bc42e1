package filestore

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"mailhint/edits"
)

var noContext = context.Background()

var changes = flag.Int("changes", 60, "how many changes each process of the test with an editor makes")

// TestWritersAndEditor: two processes of ours and one with an editor change the same file. What the editor has saved is never overwritten, every change
// that was reported as saved is in the history, and whatever the editor has overwritten, because it does not lock, is in the history as a change by
// hand.
func TestWritersAndEditor(t *testing.T) {
	dir := t.TempDir()
	text := "[profiles.shared]\nimap = \"imap.example.com\"\nsmtp = \"smtp.example.com\"\n"
	for _, name := range []string{"a", "w0", "w1", "e"} {
		text += fmt.Sprintf("\n# count %s\n[domains.\"%s.example\"]\nprofile = \"shared\"\nname = \"0\"\n", name, name)
	}
	file := write(t, dir, "domains.toml", text)
	s := openStore(t, file)
	if err := s.Observe(t.Context()); err != nil {
		t.Fatal(err)
	}
	type result struct {
		who string
		out []byte
		err error
	}
	results := make(chan result)
	for _, who := range []string{"writer 0", "writer 1", "editor"} {
		go func() {
			role, number, _ := strings.Cut(who, " ")
			out, err := as(role, dir, "FILESTORE_NUMBER="+number, "FILESTORE_CHANGES="+strconv.Itoa(*changes)).Output()
			results <- result{who, out, err}
		}()
	}
	for range 3 {
		r := <-results
		t.Logf("%s: %s", r.who, r.out)
		if r.err != nil {
			t.Errorf("%s: %v", r.who, r.err)
		}
	}
	if err := s.Observe(t.Context()); err != nil {
		t.Fatal(err)
	}
	all, err := s.History(t.Context(), edits.HistoryQuery{})
	if err != nil {
		t.Fatal(err)
	}
	states, saved, byHand := make(map[edits.Ref]*edits.State), make(map[string]int), 0
	for i := range all {
		c := all[len(all)-1-i]
		if c.Number != int64(i+1) {
			t.Fatalf("change %d where %d should be", c.Number, i+1)
		}
		if before, known := states[c.Ref]; known && revisionOf(before) != revisionOf(c.Before) {
			t.Errorf("change %d of %s does not begin with the state that the one before it left", c.Number, c.Ref)
		}
		states[c.Ref] = c.After
		if c.Via == edits.ByHand {
			byHand++
		} else {
			saved[c.Actor]++
		}
	}
	for ref, state := range states {
		r, err := s.Get(t.Context(), ref)
		if err != nil || r.Revision != revisionOf(state) {
			t.Errorf("%s is not as its last change left it: %v", ref, err)
		}
	}
	for _, who := range []string{"writer 0", "writer 1"} {
		if saved[who] != *changes {
			t.Errorf("%s has made %d changes, and the history has %d", who, *changes, saved[who])
		}
	}
	if r, err := s.Get(t.Context(), domain("e.example")); err != nil || r.Values["name"] != strconv.Itoa(*changes) {
		t.Errorf("the editor's record has the name %v, want %d (%v)", r.Values["name"], *changes, err)
	}
	if byHand == 0 {
		t.Error("the history has no change by hand")
	}
	t.Logf("%d changes by hand are in the history", byHand)
	checkStale(t, dir)
}

// beWriter makes changes, each to a record of its own or to one that all writers change.
func beWriter(dir string) int {
	if err := writeChanges(filepath.Join(dir, "domains.toml"), os.Getenv("FILESTORE_NUMBER")); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

func writeChanges(file, number string) error {
	s, err := Open(file)
	if err != nil {
		return err
	}
	s.Warn = func(err error) { fmt.Println("warning:", err) }
	count, _ := strconv.Atoi(os.Getenv("FILESTORE_CHANGES"))
	conflicts, overwritten, last := 0, 0, "0"
	for i := 0; i < count; {
		ref := domain("a.example")
		if i%2 == 0 {
			ref = domain("w" + number + ".example")
		}
		r, err := getSoon(s, ref)
		if err != nil {
			return fmt.Errorf("change %d: %w", i, err)
		}
		name, _ := r.Values["name"].(string)
		if i%2 == 0 && name != last {
			latest, err := s.History(noContext, edits.HistoryQuery{Ref: ref, Limit: 1})
			if err != nil || len(latest) == 0 {
				return fmt.Errorf("%s has the count %s, want %s: %v", ref, name, last, err)
			}
			if latest[0].Via == edits.ByHand {
				overwritten++
			} else if err := s.Observe(noContext); err != nil { // it may not be recorded yet
				return err
			} else if latest, err = s.History(noContext, edits.HistoryQuery{Ref: ref, Limit: 1}); err != nil || latest[0].Via != edits.ByHand {
				return fmt.Errorf("%s has the count %s, want %s, and nobody is known to have changed it", ref, name, last)
			}
			last = name
		}
		n, err := strconv.Atoi(name)
		if err != nil {
			return err
		}
		r.Values["name"] = strconv.Itoa(n + 1)
		_, err = s.Apply(noContext, edits.ChangeSet{Actor: "writer " + number, Via: edits.Command, Edits: []edits.Edit{{Ref: ref, If: r.Revision, Action: edits.ActionSet, Values: r.Values}}})
		var conflict *edits.ConflictError
		switch {
		case errors.As(err, &conflict) && conflict.Current == edits.Absent: // the editor is writing the file: getSoon waits
			continue
		case errors.As(err, &conflict):
			if conflict.By == nil || conflict.By.Number == 0 || conflict.By.Actor == "" {
				return fmt.Errorf("the conflict %w does not say who changed what", err)
			}
			conflicts++
			continue
		case err != nil:
			return fmt.Errorf("change %d: %w", i, err)
		case i%2 == 0:
			last = strconv.Itoa(n + 1)
		}
		i++
	}
	fmt.Printf("%d changes, %d conflicts, %d overwritten by the editor", count, conflicts, overwritten)
	return nil
}

// editorTime is how long the editor may take to write the file, and our own processes to take back a change, on a busy machine. Both take a moment.
const editorTime = time.Minute

// getSoon returns a record that must be there, as soon as the editor has written the file that it has emptied.
func getSoon(s *Store, ref edits.Ref) (edits.Record, error) {
	for end := time.Now().Add(editorTime); ; {
		r, err := s.Get(noContext, ref)
		if !errors.Is(err, edits.ErrNotFound) || time.Now().After(end) {
			return r, err
		}
	}
}

// beEditor changes the file as an editor does: it reads, lets a person think, looks whether the file is still what it was, and writes, sometimes in place
// and sometimes with a rename.
func beEditor(dir string) int {
	file := filepath.Join(dir, "domains.toml")
	count, _ := strconv.Atoi(os.Getenv("FILESTORE_CHANGES"))
	record := regexp.MustCompile(`(\[domains\."e\.example"\]\nprofile = "shared"\nname = ")(\d+)`)
	warned, doubtful := 0, time.Time{} // since when the last save has not been there
	for saved := 0; saved < count; {
		info, err := os.Stat(file)
		if err != nil {
			fmt.Println(err)
			return 1
		}
		text, err := os.ReadFile(file)
		if err != nil {
			fmt.Println(err)
			return 1
		}
		found := record.FindSubmatch(text)
		if found == nil || string(found[2]) != strconv.Itoa(saved) { // for a moment, a change of another process that is about to be refused may be seen
			if doubtful.IsZero() {
				doubtful = time.Now()
			}
			if time.Since(doubtful) < editorTime {
				time.Sleep(20 * time.Millisecond)
				continue
			}
			fmt.Printf("after %d saves the file has %q", saved, text)
			return 1
		}
		doubtful = time.Time{}
		time.Sleep(rand.N(40 * time.Millisecond)) // the person thinks
		text = record.ReplaceAll(text, []byte("${1}"+strconv.Itoa(saved+1)))
		if now, err := os.Stat(file); err != nil || !os.SameFile(info, now) || !now.ModTime().Equal(info.ModTime()) || now.Size() != info.Size() {
			warned++
			continue
		}
		if saved%2 == 0 {
			err = os.WriteFile(file, text, 0o644)
		} else {
			err = errors.Join(os.WriteFile(file+"~", text, 0o644), os.Rename(file+"~", file))
		}
		if err != nil {
			fmt.Println(err)
			return 1
		}
		saved++
	}
	fmt.Printf("%d saves, %d warnings that the file has changed", count, warned)
	return 0
}
