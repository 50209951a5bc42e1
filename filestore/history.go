package filestore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"mailhint/edits"
	"mailhint/spelling"
	"mailhint/statedir"
)

// historyLog is the history, history.jsonl in state_dir: a change on each line, the newest last, which people can read with jq. It is a
// variable so that tests can make it small.
var historyLog = statedir.Log{Name: "history", MaxSize: 16 << 20, Kept: 10}

// entry is a line of the history.
type entry struct {
	edits.Change
	// Restore is how to put the octets back where they were, for undo.
	Restore []restoration `json:"restore,omitempty"`
}

// line spells an entry as a line. The fields number, time, kind and name are where header and mentions look for them.
func (e entry) line() ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(e); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// mention is a part of all lines about a record.
func mention(ref edits.Ref) []byte {
	line, err := entry{Change: edits.Change{Ref: ref}}.line()
	from, to := bytes.Index(line, []byte(`"kind":`)), bytes.Index(line, []byte(`,"before":`))
	if err != nil || from < 0 || to < 0 {
		return nil // all lines
	}
	return line[from:to]
}

// maxNumber is the largest number of a change, which all programs that read JSON can represent. A line with a larger one is damaged: it would leave no
// numbers for later changes.
const maxNumber = 1<<53 - 1

// lineHeader reads number and time of a line without decoding the rest. ok is false for a line that is damaged.
func lineHeader(line []byte) (number int64, at time.Time, ok bool) {
	rest, ok := bytes.CutPrefix(line, []byte(`{"number":`))
	digits, rest, found := bytes.Cut(rest, []byte(`,"time":"`))
	if !ok || !found || !bytes.HasSuffix(rest, []byte("}")) {
		return 0, time.Time{}, false
	}
	text, _, _ := bytes.Cut(rest, []byte(`"`))
	number, err := strconv.ParseInt(string(digits), 10, 64)
	if err == nil {
		at, err = time.Parse(time.RFC3339Nano, string(text))
	}
	return number, at, err == nil && number > 0 && number <= maxNumber
}

// historyQuery is edits.HistoryQuery, and a number below which nothing is looked for.
type historyQuery struct {
	edits.HistoryQuery
	after int64
}

// history yields entries to a function, the newest first, until it returns false. Lines that cannot be read are reported and skipped. It needs no
// lock: a file that is rotated meanwhile is read to its end.
func (s *Store) history(stateDir string, q historyQuery, yield func(entry) bool) error {
	files, err := historyLog.Open(stateDir)
	defer func() {
		for _, f := range files {
			f.Close() // opened for reading
		}
	}()
	if err != nil {
		return err
	}
	search := search{historyQuery: q, yield: yield}
	if q.Ref != (edits.Ref{}) {
		search.mentioned = mention(q.Ref)
	}
	for i, f := range files {
		more, err := s.searchFile(&search, f, i == 0)
		if !more || err != nil {
			return err
		}
	}
	return nil
}

// search looks for entries in the files of the history.
type search struct {
	historyQuery
	mentioned []byte // a part of all lines about the record; nil if all are wanted
	yield     func(entry) bool
	found     int
}

// searchFile yields the entries of a file, and reports whether to go on with an older one.
func (s *Store) searchFile(q *search, f *os.File, newest bool) (more bool, err error) {
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	damaged := damage{file: f.Name()}
	defer s.warnOfDamage(&damaged)
	lines := statedir.NewBackward(f, info.Size())
	for lines.Next() {
		line := lines.Line
		if len(line) == 0 || newest && !lines.Whole { // a line that is being written, or that was when the process was killed
			continue
		}
		number, at, ok := lineHeader(line)
		switch {
		case !ok:
			damaged.add(lines.Offset, errors.New("is not a change"))
			continue
		case number <= q.after:
			return false, nil
		case q.Before > 0 && number >= q.Before, at.Before(q.Since), q.mentioned != nil && !bytes.Contains(line, q.mentioned):
			continue
		}
		var e entry
		if err := json.Unmarshal(line, &e); err != nil {
			damaged.add(lines.Offset, err)
			continue
		}
		if q.mentioned != nil && e.Ref != q.Ref {
			continue
		}
		if q.found++; !q.yield(e) || q.found == q.Limit {
			return false, nil
		}
	}
	return true, lines.Err
}

// damage is what cannot be read of a file of the history.
type damage struct {
	file  string
	lines int
	shown []damagedLine // the last of them
}

type damagedLine struct {
	offset int64
	err    error
}

// shownDamage is how many damaged lines of a file are reported one by one. There can be a lot of them.
const shownDamage = 3

func (d *damage) add(offset int64, err error) {
	if d.lines++; d.lines <= shownDamage {
		d.shown = append(d.shown, damagedLine{offset, err})
	}
}

// warnOfDamage reports damaged lines.
func (s *Store) warnOfDamage(d *damage) {
	if d.lines == 0 {
		return
	}
	content, err := os.ReadFile(d.file)
	for _, l := range d.shown {
		place := d.file
		if err == nil && l.offset <= int64(len(content)) {
			place = fmt.Sprintf("%s:%d", d.file, bytes.Count(content[:l.offset], []byte("\n"))+1)
		}
		s.warn(fmt.Errorf("%s: this line of the history is skipped: %w", place, l.err))
	}
	if more := d.lines - len(d.shown); more > 0 {
		s.warn(fmt.Errorf("%s: %s above it cannot be read either", d.file, spelling.Count(more, "line")))
	}
}

// lastNumber returns the number of the latest change; 0 if there is none.
func (s *Store) lastNumber(stateDir string) (int64, error) {
	last := int64(0)
	err := s.history(stateDir, historyQuery{HistoryQuery: edits.HistoryQuery{Limit: 1}}, func(e entry) bool {
		last = e.Number
		return false
	})
	return last, err
}

// History implements edits.Store. It reads no further than it must, and decodes only the lines that it returns.
func (s *Store) History(ctx context.Context, q edits.HistoryQuery) ([]edits.Change, error) {
	dir, err := s.stateDir()
	if err != nil {
		return nil, err
	}
	var changes []edits.Change
	err = s.history(dir, historyQuery{HistoryQuery: q}, func(e entry) bool {
		changes = append(changes, e.Change)
		return ctx.Err() == nil
	})
	return changes, errors.Join(err, ctx.Err())
}
