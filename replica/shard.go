package replica

import (
	"encoding/binary"
	"iter"
)

// shard is a part of a table: names and their values in two pieces of memory that the garbage collector does not look into. A shard that
// readers can see never changes.
type shard struct {
	// slots is a hash table with open addressing: 1 + the offset of an entry in data, or 0. Its length is any number, not a power of
	// two, so that a table needs as much for each name whatever their number.
	slots []uint32
	// data has the entries one after the other: the length of the name in an octet, the name, then the value.
	data  []byte
	names int
	waste int // octets of data that no slot refers to
}

// value is what a table keeps for a name.
type value struct {
	// class is the number of the class of the record; aliasClass for an alias.
	class uint32
	// text is the record's own values in JSON, if it has others than its class; for an alias, the name of the record. It must not be changed.
	text []byte
}

// aliasClass is the class of names that are aliases.
const aliasClass = 0

func (v value) isAlias() bool { return v.class == aliasClass }

func (v value) append(data []byte) []byte {
	if len(v.text) == 0 {
		return binary.AppendUvarint(data, uint64(v.class)<<1)
	}
	data = binary.AppendUvarint(data, uint64(v.class)<<1|1)
	data = binary.AppendUvarint(data, uint64(len(v.text)))
	return append(data, v.text...)
}

// readValue returns the value that data begins with, and its length.
func readValue(data []byte) (value, int) {
	v, length, _ := checkValue(data)
	return v, length
}

// checkValue is readValue for data that may be damaged.
func checkValue(data []byte) (v value, length int, ok bool) {
	head, length := binary.Uvarint(data)
	v.class = uint32(head >> 1)
	if length <= 0 || head&1 == 0 {
		return v, length, length > 0
	}
	size, n := binary.Uvarint(data[length:])
	if n <= 0 || size > uint64(len(data)-length-n) {
		return value{}, 0, false
	}
	length += n + int(size)
	v.text = data[length-int(size) : length : length]
	return v, length, true
}

// entryAt returns the entry at an offset, and its length.
func (s *shard) entryAt(at uint32) (name []byte, v value, length int) {
	data := s.data[at:]
	head := 1 + int(data[0])
	v, length = readValue(data[head:])
	return data[1:head:head], v, head + length
}

// home returns the slot at which the search for a name begins.
func (s *shard) home(hash uint32) int { return int(uint64(hash) * uint64(len(s.slots)) >> 32) }

// slotOf returns the slot of a name, or the free one where it belongs.
func (s *shard) slotOf(hash uint32, name string) (slot int, found bool) {
	for i := s.home(hash); ; {
		at := s.slots[i]
		if at == 0 {
			return i, false
		}
		if d := s.data[at-1:]; int(d[0]) == len(name) && string(d[1:1+len(name)]) == name {
			return i, true
		}
		if i++; i == len(s.slots) {
			i = 0
		}
	}
}

// find returns the value of a name. It allocates nothing.
func (s *shard) find(hash uint32, name string) (value, bool) {
	if s == nil || s.names == 0 {
		return value{}, false
	}
	slot, ok := s.slotOf(hash, name)
	if !ok {
		return value{}, false
	}
	_, v, _ := s.entryAt(s.slots[slot] - 1)
	return v, true
}

// all yields every name and its value, in no particular order.
func (s *shard) all() iter.Seq2[[]byte, value] {
	return func(yield func([]byte, value) bool) {
		if s == nil {
			return
		}
		for _, at := range s.slots {
			if at == 0 {
				continue
			}
			if name, v, _ := s.entryAt(at - 1); !yield(name, v) {
				return
			}
		}
	}
}

// octets is what a shard needs in memory.
func (s *shard) octets() int {
	if s == nil {
		return 0
	}
	return 4*cap(s.slots) + cap(s.data)
}
