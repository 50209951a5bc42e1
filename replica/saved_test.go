package replica

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// everything are records of all kinds.
func everything() []record {
	return []record{
		profileRecord("stored", own("stored.example.com")...), domain("a.example", "shared"), domain("b.example", "stored", "aliases", []string{"bb.example"}),
		domain("c.example", "", own("c.example.com")...), domain("*.wild.example", "shared"), domain("off.example", "shared", "enabled", false),
		domain("bad.example", "missing"),
	}
}

var answers = map[string]string{
	"a.example": "imap.example.com", "b.example": "stored.example.com", "bb.example": "stored.example.com", "c.example": "c.example.com",
	"x.wild.example": "imap.example.com", "off.example": notFound, "bad.example": notFound, "unknown.example": notFound,
}

// saved returns a state_dir with a copy of everything, and whatever else has changed in the journal.
func savedCopy(t *testing.T, changes ...record) (dir string, d *database) {
	t.Helper()
	d, dir = newDatabase(), t.TempDir()
	d.change(everything()...)
	r := start(t, d, dir, files)
	r.await(t, d)
	r.awaitCopy(t, dir)
	for _, c := range changes {
		d.change(c)
		r.await(t, d)
	}
	r.stop()
	return dir, d
}

// awaitCopy waits until there is a copy, which is not written when the process ends.
func (r *running) awaitCopy(t *testing.T, dir string) {
	t.Helper()
	r.awaitState(t, func() bool { _, err := os.Stat(filepath.Join(dir, copyName)); return err == nil })
}

// A replica starts from the copy, and answers everything although the database is away as long as it lives.
func TestStartsWithoutTheDatabase(t *testing.T) {
	dir, d := savedCopy(t, domain("late.example", "", own("late.example.com")...), removed(domain("a.example", "")))
	d.set(errDown, false)
	for range 2 {
		r := start(t, d, dir, files)
		r.awaitState(t, func() bool { return r.Status().Err != nil })
		r.expect(t, answersWith(map[string]string{"late.example": "late.example.com", "a.example": notFound}))
		if s := r.Status(); s.State != Away || s.Sequence != 9 || s.InStep.IsZero() || s.Names != 6 {
			t.Errorf("status %+v", s)
		}
		if lines := r.Lines(); !strings.HasPrefix(lines[0], "store: away, 6 domains, sequence 9, age ") || !strings.HasSuffix(lines[0], ": connection refused") {
			t.Errorf("lines %q", lines)
		}
		r.stop()
	}
	d.set(nil, false)
	d.change(domain("back.example", "shared"))
	r := start(t, d, dir, files)
	r.await(t, d)
	r.expect(t, answersWith(map[string]string{"late.example": "late.example.com", "a.example": notFound, "back.example": "imap.example.com"}))
	if d.copies != 1 {
		t.Errorf("all records were read %d times", d.copies)
	}
}

func answersWith(others map[string]string) map[string]string {
	all := make(map[string]string)
	for name, host := range answers {
		all[name] = host
	}
	for name, host := range others {
		all[name] = host
	}
	return all
}

// Wherever a crash cuts the journal, the replica starts with the changes before, and reads the others from the database.
func TestJournalThatIsCut(t *testing.T) {
	var changes []record
	for i := range 4 {
		changes = append(changes, domain(namesOf(i), "shared"))
	}
	dir, d := savedCopy(t, changes...)
	journal := filepath.Join(dir, journalName)
	whole, err := os.ReadFile(journal)
	if err != nil || len(whole) < 100 {
		t.Fatalf("the journal has %d octets, %v", len(whole), err)
	}
	before := -1
	for cut := 0; cut <= len(whole); cut += 7 {
		if err := os.WriteFile(journal, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		r := newReplica(t, d, dir)
		r.Use(loadFiles(t, files))
		n := r.Len() - 6
		if n < before || n > 4 || r.Status().Sequence != int64(7+n) || !r.Complete() {
			t.Fatalf("with %d of %d octets there are %d changes, sequence %d", cut, len(whole), n, r.Status().Sequence)
		}
		before = n
	}
	if err := os.WriteFile(journal, whole[:len(whole)-1], 0o600); err != nil {
		t.Fatal(err)
	}
	r := start(t, d, dir, files)
	r.await(t, d)
	r.expect(t, answersWith(map[string]string{namesOf(3): "imap.example.com"}))
	r.awaitState(t, func() bool { // it is written again, because the end of the journal was missing
		info, err := os.Stat(journal)
		return err == nil && info.Size() == 0
	})
}

// A crash after the copy was written leaves an old journal, which is not read.
func TestJournalFromBeforeTheCopy(t *testing.T) {
	dir, d := savedCopy(t, domain("gone.example", "shared"))
	journal, err := os.ReadFile(filepath.Join(dir, journalName))
	if err != nil || len(journal) == 0 {
		t.Fatal(err)
	}
	d.change(removed(domain("gone.example", "")))
	r := start(t, d, dir, files)
	r.await(t, d)
	r.saver.rewrite()
	r.awaitState(t, func() bool {
		info, err := os.Stat(filepath.Join(dir, journalName))
		return err == nil && info.Size() == 0
	})
	r.stop()
	if err := os.WriteFile(filepath.Join(dir, journalName), journal, 0o600); err != nil {
		t.Fatal(err)
	}
	d.set(errDown, false)
	r = start(t, d, dir, files)
	r.expect(t, answersWith(map[string]string{"gone.example": notFound}))
	if s := r.Status(); s.Sequence != 9 {
		t.Errorf("status %+v", s)
	}
}

// A copy with any octet changed, or cut anywhere, is not used.
func TestCopyThatIsDamaged(t *testing.T) {
	dir, d := savedCopy(t)
	file := filepath.Join(dir, copyName)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	complete := func(content []byte) bool {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		r := New(Config{Source: d, StateDir: dir, Program: "test", Log: silent})
		r.Use(loadFiles(t, files))
		return r.Complete()
	}
	for i := range whole {
		damaged := append([]byte(nil), whole...)
		damaged[i] ^= 0x40
		if complete(damaged) {
			t.Fatalf("the copy is used with octet %d of %d changed", i, len(whole))
		}
		if complete(whole[:i]) {
			t.Fatalf("the copy is used with %d of %d octets", i, len(whole))
		}
	}
	if !complete(whole) {
		t.Error("the undamaged copy is not used")
	}
	if complete(append(append([]byte(nil), "not a copy"...), whole...)) {
		t.Error("what is not a copy is used")
	}
}

// A copy of another version is checked again.
func TestCopyOfAnotherVersion(t *testing.T) {
	dir, d := savedCopy(t, domain("late.example", "shared", "aliases", []string{"later.example"}))
	d.set(errDown, false)
	r := New(Config{Source: d, StateDir: dir, Program: "next", Log: silent})
	s := r.Use(loadFiles(t, files))
	(&running{Replica: r, snapshot: s}).expect(t, answersWith(map[string]string{"later.example": "imap.example.com"}))
	if r.Status().Refused != 1 || r.Len() != 8 {
		t.Errorf("%d names, status %+v", r.Len(), r.Status())
	}
}

// The journal does not grow without end: the copy is written again.
func TestJournalIsBounded(t *testing.T) {
	dir, d := savedCopy(t)
	r := start(t, d, dir, files)
	long := strings.Repeat("x", 50<<10)
	for i := range 2 * minRewrite / len(long) {
		d.change(domain(namesOf(i%50), "shared", "password_hint", long[:190], "name", fmt.Sprint(i), "docs", "https://help.example.com/"+long[:3000]+fmt.Sprint(i)))
		if i%20 == 0 {
			r.await(t, d)
		}
	}
	r.await(t, d)
	r.awaitState(t, func() bool { s := r.Status(); return !s.Saved.IsZero() })
	info, err := os.Stat(filepath.Join(dir, journalName))
	if err != nil || info.Size() > minRewrite+maxPending {
		t.Errorf("the journal has %d octets, %v", info.Size(), err)
	}
}

// Where nothing can be written, the replica serves all the same, and says so.
func TestStateDirThatCannotBeWritten(t *testing.T) {
	d := newDatabase()
	d.change(everything()...)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r := start(t, d, file, files)
	r.await(t, d)
	r.expect(t, answers)
	r.awaitState(t, func() bool { return r.Status().SaveErr != nil })
	if lines := strings.Join(r.Lines(), "\n"); !strings.Contains(lines, "cannot be saved in state_dir") {
		t.Errorf("lines %s", lines)
	}
}
