package replica

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime/debug"
	"time"
	"unsafe"

	"mailhint/edits"
)

// load reads the copy in state_dir, as far as there is one.
func (r *Replica) load() {
	if r.config.StateDir == "" {
		return
	}
	start := time.Now()
	root, err := os.OpenRoot(r.config.StateDir)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err == nil {
		defer root.Close() // it was only read
		err = r.loadFrom(root)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		r.records = newRecords(r.files)
		r.config.Log.Warn("the copy of the database in state_dir cannot be used; all records will be read from the database", "file", copyName, "error", err)
	default:
		debug.FreeOSMemory()
		r.config.Log.Info("the copy of the database in state_dir was read", "names", r.records.exact.names+r.records.wildcards.names,
			"sequence", r.position.Sequence, "seconds", time.Since(start).Seconds())
	}
}

// loadFrom reads the copy and the journal.
func (r *Replica) loadFrom(root *os.Root) error {
	file, err := root.Open(copyName)
	if err != nil {
		return err
	}
	defer file.Close() // it was only read
	l := loading{records: r.records, program: r.config.Program}
	if err := l.read(file); err != nil {
		return err
	}
	c := l.change
	r.position, r.status.inStep = l.header.Position, l.header.InStep
	if whole := r.replay(root, c); !whole || l.again {
		r.saver.rewrite()
	}
	c.view.complete = true
	r.publish(c)
	return nil
}

// loading is a copy that is being read.
type loading struct {
	*records
	program string
	header  header
	again   bool // all records are checked again, because another version of the program has written the copy
	change  *change
}

func (l *loading) read(file io.Reader) error {
	in := newReader(file)
	kind, content, err := in.next()
	switch {
	case err != nil:
		return damaged(err)
	case kind != headerBlock:
		return errDamaged
	}
	if err := json.Unmarshal(content, &l.header); err != nil {
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	if l.header.Format != format {
		return fmt.Errorf("it has format %d; this version reads %d", l.header.Format, format)
	}
	l.again = l.header.Program != l.program
	l.begin()
	for {
		kind, content, err := in.next()
		if err != nil {
			return damaged(err)
		}
		switch kind {
		case exactBlock:
			err = l.entries(content, "", l.change.exact)
		case wildcardBlock:
			err = l.entries(content, "*.", l.change.wildcards)
		case badBlock:
			err = l.refused(content)
		case endBlock:
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// begin takes what the header says.
func (l *loading) begin() {
	l.change = l.records.begin()
	for _, p := range l.header.Profiles {
		l.profiles[p.Name] = &profile{newest: p.Newest, good: p.Good}
	}
	l.change.inherit(l.files)
	for _, c := range l.header.Classes {
		for uint32(len(l.classes)) <= c.Number {
			l.classes, l.counts = append(l.classes, nil), append(l.counts, 0)
		}
		made := &class{classKey: classKey{c.Profile, c.Shape, c.Plain, c.Aliases}, sample: c.Sample.record()}
		l.classes[c.Number] = made.in(l.base)
		l.numbers[made.classKey] = c.Number
	}
	for n, c := range l.classes {
		if c == nil && n != aliasClass {
			l.free = append(l.free, uint32(n))
		}
	}
}

// entries takes the entries of a block.
func (l *loading) entries(content []byte, prefix string, table *edit) error {
	for len(content) > 0 {
		name, v, length, ok := checkEntry(content)
		if !ok || int(v.class) >= len(l.classes) || v.class != aliasClass && l.classes[v.class] == nil {
			return errDamaged
		}
		content = content[length:]
		switch {
		case !l.again:
			table.put(borrowed(name), v)
			if !v.isAlias() {
				l.counts[v.class]++
			}
		case !v.isAlias():
			l.change.take(l.recordOf(prefix+string(name), v))
		}
	}
	return nil
}

// recordOf returns a record as the database may have it.
func (l *loading) recordOf(name string, v value) record {
	c := l.classes[v.class]
	r := record{kind: edits.Domain, name: name, profile: c.profile, own: string(v.text)}
	if c.plain {
		r.own = c.sample.own
	}
	return r
}

// checkEntry is entryAt for what was read from a file.
func checkEntry(data []byte) (name []byte, v value, length int, ok bool) {
	head := 1 + int(data[0])
	if head >= len(data) {
		return nil, value{}, 0, false
	}
	v, length, ok = checkValue(data[head:])
	return data[1:head], v, head + length, ok
}

// borrowed returns a text that is valid only as long as the octets do not change.
func borrowed(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// refused takes records that did not check; perhaps they do now.
func (l *loading) refused(content []byte) error {
	var list []savedRecord
	if err := json.Unmarshal(content, &list); err != nil {
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	for _, s := range list {
		l.change.take(s.record())
	}
	return nil
}

func saved(r record) savedRecord {
	return savedRecord{string(r.kind), r.name, r.profile, r.own, r.removed}
}

func (s savedRecord) record() record {
	return record{edits.Kind(s.Kind), s.Name, s.Profile, s.Own, s.Removed}
}

// replay takes the changes of the journal, and reports whether it could be read to its end.
func (r *Replica) replay(root *os.Root, c *change) (whole bool) {
	file, err := root.Open(journalName)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	defer file.Close() // it was only read
	in := newReader(file)
	for {
		kind, content, err := in.next()
		if err != nil {
			return errors.Is(err, io.EOF)
		}
		var e entry
		if kind != changesBlock || json.Unmarshal(content, &e) != nil {
			return false
		}
		if e.From != r.position {
			continue // the copy has it already
		}
		c.takeAll(e.records())
		r.position, r.status.inStep = e.To, e.Time
	}
}
