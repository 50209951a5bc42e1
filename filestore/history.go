package filestore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"mailhint/edits"
	"mailhint/spelling"
)

// The history is history.jsonl in state_dir: a change on each line, the newest last, which people can read with jq. When it has grown to
// maxHistory it becomes history.1.jsonl, that one history.2.jsonl, and so on; the oldest of keptHistories is removed.
const (
	historyName   = "history"
	historySuffix = ".jsonl"
	keptHistories = 10
)

// maxHistory is a variable so that tests can make it small.
var maxHistory int64 = 16 << 20

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

// historyFile is the name of the nth file of the history; 0 is the newest.
func historyFile(stateDir string, n int) string {
	if n == 0 {
		return filepath.Join(stateDir, historyName+historySuffix)
	}
	return filepath.Join(stateDir, fmt.Sprintf("%s.%d%s", historyName, n, historySuffix))
}

// historyQuery is edits.HistoryQuery, and a number below which nothing is looked for.
type historyQuery struct {
	edits.HistoryQuery
	after int64
}

// history yields entries to a function, the newest first, until it returns false. Lines that cannot be read are reported and skipped. It needs no
// lock: a file that is rotated meanwhile is read to its end.
func (s *Store) history(stateDir string, q historyQuery, yield func(entry) bool) error {
	files, err := openHistory(stateDir)
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
	lines := newLinesBackward(f, info.Size())
	for lines.next() {
		line := lines.line
		if len(line) == 0 || newest && !lines.whole { // a line that is being written, or that was when the process was killed
			continue
		}
		number, at, ok := lineHeader(line)
		switch {
		case !ok:
			damaged.add(lines.offset, errors.New("is not a change"))
			continue
		case number <= q.after:
			return false, nil
		case q.Before > 0 && number >= q.Before, at.Before(q.Since), q.mentioned != nil && !bytes.Contains(line, q.mentioned):
			continue
		}
		var e entry
		if err := json.Unmarshal(line, &e); err != nil {
			damaged.add(lines.offset, err)
			continue
		}
		if q.mentioned != nil && e.Ref != q.Ref {
			continue
		}
		if q.found++; !q.yield(e) || q.found == q.Limit {
			return false, nil
		}
	}
	return true, lines.err
}

// openHistory opens the files of the history, the newest first.
func openHistory(stateDir string) ([]*os.File, error) {
	for range 100 { // until none is rotated while they are opened
		var files []*os.File
		for n := range keptHistories {
			f, err := os.Open(historyFile(stateDir, n))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return files, err
			}
			files = append(files, f)
		}
		if !repeats(files) {
			return files, nil
		}
		for _, f := range files {
			f.Close() // opened for reading
		}
	}
	return nil, errors.New("the history is rotated all the time")
}

// repeats reports whether the newest file is no longer what it was, so that it may be among the others too, or one be missing.
func repeats(files []*os.File) bool {
	if len(files) == 0 {
		return false
	}
	opened, err := files[0].Stat()
	now, nowErr := os.Stat(files[0].Name())
	return err == nil && (nowErr != nil || !os.SameFile(opened, now))
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

// appendHistory adds lines to the history, and returns when they are on disk. After an error it is as it was.
func appendHistory(root *os.Root, lines []byte) error {
	if len(lines) == 0 {
		return nil
	}
	name := historyFile("", 0)
	info, err := root.Stat(name)
	if err == nil && info.Size() >= maxHistory {
		if err := rotate(root); err != nil {
			return err
		}
		err = fs.ErrNotExist
	}
	isNew := errors.Is(err, fs.ErrNotExist)
	if err != nil && !isNew {
		return fmt.Errorf("%s cannot be written: %w", historyFile(root.Name(), 0), err)
	}
	file, err := root.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("%s cannot be written: %w", historyFile(root.Name(), 0), err)
	}
	if isNew {
		giveFileToOwner(root, file)
		if err := syncDir(root, "."); err != nil {
			return errors.Join(err, file.Close())
		}
	}
	size, err := endOfLines(file, lines)
	if err != nil {
		return errors.Join(err, file.Close())
	}
	if _, err = file.WriteAt(lines, size); err == nil {
		err = syncFile(file)
	}
	if err != nil {
		err = errors.Join(err, file.Truncate(size))
	}
	return errors.Join(err, file.Close())
}

// syncFile is fsync. Tests replace it, because file systems do not fail on demand.
var syncFile = (*os.File).Sync

// endOfLines returns the size of a file without a torn line at its end. One that a killed process has begun to write, and that is now written again, is
// removed; any other stays, as a damaged line.
func endOfLines(file *os.File, lines []byte) (int64, error) {
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, err
	}
	last := newLinesBackward(file, size)
	if !last.next() || last.whole {
		return size, last.err
	}
	if bytes.HasPrefix(lines, last.line) || bytes.Contains(lines, append([]byte("\n"), last.line...)) {
		return last.offset, file.Truncate(last.offset)
	}
	_, err = file.WriteAt([]byte("\n"), size)
	return size + 1, err
}

// rotate makes room for a new file. A process that is killed meanwhile leaves a gap in the numbers, which does no harm.
func rotate(root *os.Root) error {
	for n := keptHistories - 2; n >= 0; n-- {
		err := root.Rename(historyFile("", n), historyFile("", n+1))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
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
