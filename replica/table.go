package replica

import (
	"hash/maphash"
	"iter"
	"slices"
)

// A table is cut into shards by the hash of the names. With ten million names a shard has about 2,500 of them in 130 KB, which a change
// copies in some ten microseconds.
const (
	shardBits = 12
	shards    = 1 << shardBits
)

// seed makes the hashes, of names that strangers choose, different in each process.
var seed = maphash.MakeSeed()

// table has a value for each of up to some hundred million names. It never changes: an edit makes another one, which shares the shards that
// are the same.
type table struct {
	shards [shards]*shard // nil for an empty one
	names  int
}

// place returns the shard of a name, and the hash within it.
func place(name string) (shard int, hash uint32) {
	h := maphash.String(seed, name)
	return int(h >> (64 - shardBits)), uint32(h)
}

// find returns the value of a name. It allocates nothing.
func (t *table) find(name string) (value, bool) {
	if t.names == 0 {
		return value{}, false
	}
	i, hash := place(name)
	return t.shards[i].find(hash, name)
}

// all yields every name and its value, in no particular order.
func (t *table) all() iter.Seq2[[]byte, value] {
	return func(yield func([]byte, value) bool) {
		for _, s := range t.shards {
			for name, v := range s.all() {
				if !yield(name, v) {
					return
				}
			}
		}
	}
}

// octets is what the table needs in memory.
func (t *table) octets() int {
	sum := 0
	for _, s := range t.shards {
		sum += s.octets()
	}
	return sum
}

// edit collects changes of a table. Shards are copied when the first of their names changes.
type edit struct {
	base *table
	own  [shards]*shard // nil for those that have not changed
	list []int          // the numbers of those that have
	gain int            // names more than in base
}

func (t *table) edit() *edit { return &edit{base: t} }

// find returns the value of a name as changed so far. The text is valid until the next change.
func (e *edit) find(name string) (value, bool) {
	i, hash := place(name)
	if s := e.own[i]; s != nil {
		return s.find(hash, name)
	}
	return e.base.shards[i].find(hash, name)
}

// writable returns a shard that may be changed.
func (e *edit) writable(i int) *shard {
	s := e.own[i]
	if s == nil {
		s = &shard{}
		if old := e.base.shards[i]; old != nil {
			*s = shard{slices.Clone(old.slots), slices.Clone(old.data), old.names, old.waste}
		}
		e.own[i] = s
		e.list = append(e.list, i)
	}
	return s
}

// put sets the value of a name. The name has at most 255 octets.
func (e *edit) put(name string, v value) {
	i, hash := place(name)
	s := e.writable(i)
	if s.put(hash, name, v) {
		e.gain++
	}
}

// remove removes a name, if it is there.
func (e *edit) remove(name string) {
	if _, there := e.find(name); !there {
		return
	}
	i, hash := place(name)
	e.writable(i).remove(hash, name)
	e.gain--
}

// finish returns the table with the changes. The edit must not be used any more.
func (e *edit) finish() *table {
	if len(e.list) == 0 {
		return e.base
	}
	next := *e.base
	for _, i := range e.list {
		e.own[i].tidy()
		next.shards[i] = e.own[i]
		e.own[i] = nil
	}
	next.names += e.gain
	return &next
}

// put sets the value of a name, and reports whether the name is new.
func (s *shard) put(hash uint32, name string, v value) (added bool) {
	if 5*(s.names+1) > 4*len(s.slots) {
		s.grow()
	}
	slot, found := s.slotOf(hash, name)
	if found {
		_, _, length := s.entryAt(s.slots[slot] - 1)
		s.waste += length
	} else {
		s.names++
	}
	s.slots[slot] = uint32(len(s.data)) + 1
	s.data = append(s.data, byte(len(name)))
	s.data = append(s.data, name...)
	s.data = v.append(s.data)
	return !found
}

// grow makes the hash table an eighth larger.
func (s *shard) grow() {
	old := s.slots
	s.slots = make([]uint32, max(8, len(old)+len(old)/8, 5*(s.names+1)/4+1))
	for _, at := range old {
		if at != 0 {
			s.insert(at)
		}
	}
}

// insert puts an entry that is in data, and in no slot, into a slot.
func (s *shard) insert(at uint32) {
	name, _, _ := s.entryAt(at - 1)
	hash := uint32(maphash.Bytes(seed, name)) // as in place
	for i := s.home(hash); ; {
		if s.slots[i] == 0 {
			s.slots[i] = at
			return
		}
		if i++; i == len(s.slots) {
			i = 0
		}
	}
}

// remove removes a name that is there. The entries behind it move up as far as they are not where they belong, so that a search never ends
// too early.
func (s *shard) remove(hash uint32, name string) {
	slot, _ := s.slotOf(hash, name)
	_, _, length := s.entryAt(s.slots[slot] - 1)
	s.waste += length
	s.names--
	s.slots[slot] = 0
	for i := slot + 1; ; i++ {
		if i == len(s.slots) {
			i = 0
		}
		at := s.slots[i]
		if at == 0 {
			return
		}
		s.slots[i] = 0
		s.insert(at)
	}
}

// tidy drops what is not used if it is more than a quarter, and returns memory that was kept for growing.
func (s *shard) tidy() {
	if 4*s.waste <= len(s.data) {
		s.slots, s.data = slices.Clip(exact(s.slots)), exact(s.data)
		return
	}
	data := make([]byte, 0, len(s.data)-s.waste)
	for i, at := range s.slots {
		if at == 0 {
			continue
		}
		_, _, length := s.entryAt(at - 1)
		s.slots[i] = uint32(len(data)) + 1
		data = append(data, s.data[at-1:int(at)-1+length]...)
	}
	s.data, s.waste = data, 0
	if 5*s.names < 2*len(s.slots) { // less than half of what it was made for
		s.slots = nil
		s.rebuild()
	}
}

// rebuild makes a hash table of the right size for data, which has no waste.
func (s *shard) rebuild() {
	s.slots = make([]uint32, 5*s.names/4+1)
	for at := 0; at < len(s.data); {
		s.insert(uint32(at) + 1)
		_, _, length := s.entryAt(uint32(at))
		at += length
	}
}

// exact returns a slice without room to grow, which it copies if there was much.
func exact[T any](list []T) []T {
	if cap(list)-len(list) <= len(list)/16 {
		return list
	}
	return append(make([]T, 0, len(list)), list...)
}
