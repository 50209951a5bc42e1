package replica

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"mailhint/postgres"
)

// The copy in state_dir is a file of blocks. A block is its length and its checksum (CRC-32C), as four octets each, an octet that says what it
// has, and that. First there is a header, then the entries of the tables as they are in memory, the records that do not check, and an end, without
// which the file is not whole.

// maxBlock limits a block, in octets.
const maxBlock = 64 << 20

// usualBlock is how long blocks of entries get.
const usualBlock = 1 << 20

// The kinds of blocks.
const (
	headerBlock   = 'h'
	exactBlock    = 'n' // entries of the table of names
	wildcardBlock = 'w'
	badBlock      = 'b'
	endBlock      = 'e'
	changesBlock  = 'c' // of the journal
)

// format is the version of the copy. A copy in another format is not read.
const format = 1

// errDamaged means that a file is not a whole copy.
var errDamaged = errors.New("the file is damaged")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// header is what a copy begins with.
type header struct {
	Format   int               `json:"format"`
	Program  string            `json:"program"`
	Position postgres.Position `json:"position"`
	InStep   time.Time         `json:"in_step"` // when that was the state of the database
	Profiles []savedProfile    `json:"profiles"`
	Classes  []savedClass      `json:"classes"`
	Names    int               `json:"names"`
}

type savedProfile struct {
	Name   string `json:"name"`
	Newest string `json:"newest"`
	Good   string `json:"good"`
}

type savedClass struct {
	Number  uint32      `json:"number"`
	Profile string      `json:"profile"`
	Shape   string      `json:"shape"`
	Plain   bool        `json:"plain"`
	Aliases bool        `json:"aliases"`
	Sample  savedRecord `json:"sample"`
}

// savedRecord is a record in a header, among the refused records, or in the journal.
type savedRecord struct {
	Kind    string `json:"kind"`
	Name    string `json:"name"`
	Profile string `json:"profile,omitempty"`
	Own     string `json:"own,omitempty"`
	Removed bool   `json:"removed,omitempty"`
}

// dump is what a copy is written from. It does not change any more.
type dump struct {
	header
	view view
	bad  []savedRecord
}

// dumpOf returns a dump of records.
func dumpOf(r *records, program string, position postgres.Position, inStep time.Time) *dump {
	d := &dump{header: header{Format: format, Program: program, Position: position, InStep: inStep, Names: r.exact.names + r.wildcards.names}, view: r.view}
	for name, p := range r.profiles {
		d.Profiles = append(d.Profiles, savedProfile{name, p.newest, p.good})
	}
	for n, c := range r.classes {
		if c != nil {
			d.Classes = append(d.Classes, savedClass{uint32(n), c.profile, c.shape, c.plain, c.aliases, saved(c.sample)})
		}
	}
	for _, b := range r.bad {
		d.bad = append(d.bad, saved(b.record))
	}
	return d
}

// write writes the copy.
func (d *dump) write(w io.Writer) error {
	b := &blocks{w: bufio.NewWriterSize(w, 256<<10)}
	b.json(headerBlock, d.header)
	for _, part := range []struct {
		kind  byte
		table *table
	}{{exactBlock, d.view.exact}, {wildcardBlock, d.view.wildcards}} {
		for _, s := range part.table.shards {
			b.entries(part.kind, s)
		}
		b.flush(part.kind)
	}
	const atOnce = 1000
	for list := d.bad; len(list) > 0; list = list[min(atOnce, len(list)):] {
		b.json(badBlock, list[:min(atOnce, len(list))])
	}
	b.block(endBlock, nil)
	if b.err == nil {
		b.err = b.w.Flush()
	}
	return b.err
}

// blocks writes blocks. After an error it writes nothing more.
type blocks struct {
	w       *bufio.Writer
	pending []byte
	err     error
}

func (b *blocks) block(kind byte, content []byte) {
	if b.err == nil {
		_, b.err = b.w.Write(appendBlock(nil, kind, content))
	}
}

// appendBlock appends a block.
func appendBlock(to []byte, kind byte, content []byte) []byte {
	to = binary.LittleEndian.AppendUint32(to, uint32(len(content)+1))
	sum := crc32.Update(crc32.Checksum([]byte{kind}, castagnoli), castagnoli, content)
	to = binary.LittleEndian.AppendUint32(to, sum)
	return append(append(to, kind), content...)
}

func (b *blocks) json(kind byte, v any) {
	text, err := json.Marshal(v)
	if err == nil && len(text) >= maxBlock {
		err = fmt.Errorf("a block has %d MB", len(text)>>20)
	}
	if b.err == nil {
		b.err = err
	}
	b.block(kind, text)
}

// entries adds the entries of a shard.
func (b *blocks) entries(kind byte, s *shard) {
	if s == nil {
		return
	}
	for _, at := range s.slots {
		if at == 0 {
			continue
		}
		_, _, length := s.entryAt(at - 1)
		if b.pending = append(b.pending, s.data[at-1:int(at)-1+length]...); len(b.pending) >= usualBlock {
			b.flush(kind)
		}
	}
}

func (b *blocks) flush(kind byte) {
	if len(b.pending) > 0 {
		b.block(kind, b.pending)
		b.pending = b.pending[:0]
	}
}

// reader reads blocks.
type reader struct {
	r     *bufio.Reader
	block []byte // the latest one
	size  int64  // octets of whole blocks so far
}

func newReader(r io.Reader) *reader { return &reader{r: bufio.NewReaderSize(r, 256<<10)} }

// next returns the next block, which is valid until the one after it. The error is io.EOF at the end of the file, and errDamaged where it is
// not what was written.
func (r *reader) next() (kind byte, content []byte, err error) {
	var head [8]byte
	if n, err := io.ReadFull(r.r, head[:]); err != nil {
		if n == 0 && errors.Is(err, io.EOF) {
			return 0, nil, io.EOF
		}
		return 0, nil, damaged(err)
	}
	length := binary.LittleEndian.Uint32(head[:4])
	if length == 0 || length > maxBlock {
		return 0, nil, errDamaged
	}
	if cap(r.block) < int(length) {
		r.block = make([]byte, length)
	}
	r.block = r.block[:length]
	if _, err := io.ReadFull(r.r, r.block); err != nil {
		return 0, nil, damaged(err)
	}
	if crc32.Checksum(r.block, castagnoli) != binary.LittleEndian.Uint32(head[4:]) {
		return 0, nil, errDamaged
	}
	r.size += int64(len(head)) + int64(length)
	return r.block[0], r.block[1:], nil
}

func damaged(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errDamaged
	}
	return err
}
