package filestore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"mailhint/edits"
)

// TestHistoryRotates: the history is bounded, and read across its files.
func TestHistoryRotates(t *testing.T) {
	old := historyLog
	t.Cleanup(func() { historyLog = old })
	historyLog.MaxSize = 2000
	file := config(t)
	s := openStore(t, file)
	const count = 60
	for i := range count {
		apply(t, s, edits.Edit{Ref: domain("a.example"), If: edits.Any, Action: edits.ActionSet, Values: edits.Values{"profile": "shared", "name": fmt.Sprint(i)}})
	}
	dir := filepath.Join(filepath.Dir(file), "state")
	names, _ := filepath.Glob(dir + "/history*")
	if len(names) != historyLog.Kept {
		t.Errorf("%d files of history, want %d", len(names), historyLog.Kept)
	}
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil || info.Size() > 2*historyLog.MaxSize || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has %d octets and mode %v (%v)", name, info.Size(), info.Mode(), err)
		}
	}
	changes, err := s.History(t.Context(), edits.HistoryQuery{Ref: domain("a.example")})
	if err != nil || len(changes) < 10 || len(changes) == count {
		t.Fatalf("%d changes, %v", len(changes), err)
	}
	for i, c := range changes {
		if c.Number != int64(count-i) {
			t.Fatalf("change %d where %d should be", c.Number, count-i)
		}
	}
	for event, err := range s.Watch(t.Context(), 3) { // the changes after it are gone
		if err != nil || event.Refs != nil {
			t.Errorf("the first event is %+v (%v), want one for all records", event, err)
		}
		break
	}
}

// TestHistoryDamaged: a damaged line is reported with its place and skipped; the next change is appended behind it.
func TestHistoryDamaged(t *testing.T) {
	t.Parallel()
	file := config(t)
	s := openStore(t, file)
	var warnings []string
	s.Warn = func(err error) { warnings = append(warnings, err.Error()) }
	set := func(name string) {
		apply(t, s, edits.Edit{Ref: domain("a.example"), If: edits.Any, Action: edits.ActionSet, Values: edits.Values{"profile": "shared", "name": name}})
	}
	set("1")
	set("2")
	history := filepath.Join(filepath.Dir(file), "state", "history.jsonl")
	replace(t, history, `"number":1,`, `"nummer":1,`)
	appended, err := os.OpenFile(history, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	appended.WriteString(`{"number":2,"time":"`) // torn
	appended.Close()
	set("3")
	changes, err := s.History(t.Context(), edits.HistoryQuery{})
	var numbers []int64
	for _, c := range changes {
		numbers = append(numbers, c.Number)
	}
	if err != nil || !slices.Equal(numbers, []int64{3, 2}) {
		t.Errorf("the history has the changes %v (%v), want 3 and 2", numbers, err)
	}
	all := strings.Join(warnings, "\n")
	for _, line := range []int{1, 3} {
		if !strings.Contains(all, fmt.Sprintf("history.jsonl:%d: ", line)) {
			t.Errorf("line %d is not reported: %q", line, all)
		}
	}
}

// TestLock: only one at a time changes the configuration, the others wait, and those that give up report who it is.
func TestLock(t *testing.T) {
	t.Parallel()
	file := config(t)
	one, two := openStore(t, file), openStore(t, file)
	dir := filepath.Join(filepath.Dir(file), "state")
	unlock, err := one.lock(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*Store{one, two} {
		ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, ErrBusy)
		_, err := s.lock(ctx, dir)
		cancel()
		if !errors.Is(err, ErrBusy) {
			t.Errorf("got %v, want ErrBusy", err)
		}
		if s == two && runtime.GOOS == "linux" && !strings.Contains(err.Error(), fmt.Sprint("process ", os.Getpid())) {
			t.Errorf("it does not say who has the lock: %v", err)
		}
	}
	done := make(chan error)
	go func() {
		unlock, err := two.lock(t.Context(), dir)
		if err == nil {
			unlock()
		}
		done <- err
	}()
	unlock()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if unlock, err = one.lock(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	unlock()
	if entries, err := os.ReadDir(filepath.Dir(file)); err != nil || len(entries) != 3 {
		t.Errorf("the lock leaves %v (%v)", entries, err)
	}
}

// TestHistoryDamagedAtLength: many damaged lines are one warning, and a number that leaves none for later changes is damage too.
func TestHistoryDamagedAtLength(t *testing.T) {
	t.Parallel()
	file := config(t)
	s := openStore(t, file)
	var warnings []string
	s.Warn = func(err error) { warnings = append(warnings, err.Error()) }
	set := func(name string) {
		apply(t, s, edits.Edit{Ref: domain("a.example"), If: edits.Any, Action: edits.ActionSet, Values: edits.Values{"profile": "shared", "name": name}})
	}
	set("1")
	history := filepath.Join(filepath.Dir(file), "state", "history.jsonl")
	first := content(t, history)
	last := strings.Replace(first, `"number":1,`, `"number":9223372036854775807,`, 1)
	write(t, filepath.Dir(history), "history.jsonl", first+strings.Repeat("x\n", 200_000)+last) // 200,000 readings of the file would take minutes
	set("2")
	set("3")
	changes, err := s.History(t.Context(), edits.HistoryQuery{})
	if err != nil || len(changes) != 3 || changes[0].Number != 3 || changes[2].Number != 1 {
		t.Errorf("%v, %+v; want changes 3, 2 and 1", err, changes)
	}
	for i, want := range []string{
		history + ":200002: this line of the history is skipped: is not a change",
		history + ":200001: this line of the history is skipped: is not a change",
		history + ":200000: this line of the history is skipped: is not a change",
		history + ": 199,998 lines above it cannot be read either",
	} {
		if last := warnings[max(0, len(warnings)-4):]; i >= len(last) || last[i] != want {
			t.Errorf("the last warnings are %q, want %q", last, want)
		}
	}
}
