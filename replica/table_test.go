package replica

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"strconv"
	"testing"
)

// name returns the i-th of many names, with lengths as in registries.
func name(i int) string {
	ends := [...]string{"com", "de", "net", "co.uk", "org", "example"}
	return fmt.Sprintf("%s-%s.%s", strconv.FormatUint(uint64(i)*2654435761%1_000_003, 36), strconv.FormatUint(uint64(i)*40503, 36), ends[i%len(ends)])
}

// A table says what a map would say, after any changes, and tables from before the changes say what they said.
func TestTableIsLikeAMap(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	current, want := &table{}, make(map[string]value)
	type version struct {
		table *table
		want  map[string]value
	}
	var versions []version
	for round := range 60 {
		e := current.edit()
		for range 1000 {
			name := name(random.IntN(20_000))
			if random.IntN(3) == 0 || round > 40 && random.IntN(4) > 0 {
				e.remove(name)
				delete(want, name)
				continue
			}
			v := value{class: random.Uint32N(1 << 20)}
			if random.IntN(4) == 0 {
				v.text = fmt.Appendf(nil, "%0*d", 1+random.IntN(300), round)
			}
			e.put(name, v)
			want[name] = v
			if got, ok := e.find(name); !ok || !same(got, v) {
				t.Fatalf("round %d: the edit has %v, %v for %s, want %v", round, got, ok, name, v)
			}
		}
		current = e.finish()
		versions = append(versions, version{current, maps.Clone(want)})
	}
	for round, v := range versions {
		compare(t, fmt.Sprintf("version %d", round), v.table, v.want)
	}
}

func same(a, b value) bool { return a.class == b.class && string(a.text) == string(b.text) }

func compare(t *testing.T, what string, got *table, want map[string]value) {
	t.Helper()
	if got.names != len(want) {
		t.Errorf("%s: %d names, want %d", what, got.names, len(want))
	}
	seen := 0
	for name, v := range got.all() {
		seen++
		if w, ok := want[string(name)]; !ok || !same(v, w) {
			t.Fatalf("%s: yields %s with %v, want %v, %v", what, name, v, w, ok)
		}
	}
	if seen != len(want) {
		t.Errorf("%s: yields %d names, want %d", what, seen, len(want))
	}
	for name, w := range want {
		if v, ok := got.find(name); !ok || !same(v, w) {
			t.Fatalf("%s: has %v, %v for %s, want %v", what, v, ok, name, w)
		}
	}
	for i := range 20_000 {
		if _, there := got.find(name(i)); there != hasKey(want, name(i)) {
			t.Fatalf("%s: find(%s) = %v", what, name(i), there)
		}
	}
}

func hasKey(m map[string]value, key string) bool { _, ok := m[key]; return ok }

// What is replaced and removed is given back: a table that changes for long does not grow.
func TestTableDoesNotGrow(t *testing.T) {
	fill := func(text string) *table {
		e := (&table{}).edit()
		for i := range 20_000 {
			e.put(name(i), value{1, []byte(text)})
		}
		return e.finish()
	}
	once := fill("first value")
	current := once
	for round := range 20 {
		e := current.edit()
		for i := range 20_000 {
			e.put(name(i), value{1, fmt.Appendf(nil, "%011d", round)})
		}
		current = e.finish()
	}
	if got, limit := current.octets(), once.octets()*3/2; got > limit {
		t.Errorf("after many changes of the same names the table has %d octets, want at most %d", got, limit)
	}
	e := current.edit()
	for i := range 19_000 {
		e.remove(name(i))
	}
	if got, limit := e.finish().octets(), once.octets()/4; got > limit {
		t.Errorf("with a twentieth of the names the table has %d octets, want at most %d", got, limit)
	}
}

func TestFindAllocatesNothing(t *testing.T) {
	table := profileOnly(10_000)
	i := 0
	allocations := testing.AllocsPerRun(1000, func() {
		table.find("unknown.example")
		table.find("k3x9-2abc.example")
		i++
	})
	if allocations != 0 {
		t.Errorf("%v allocations", allocations)
	}
}

// profileOnly returns a table of n names that only have a profile.
func profileOnly(n int) *table {
	e := (&table{}).edit()
	for i := range n {
		e.put(name(i), value{class: 1})
	}
	return e.finish()
}

// A name without values of its own costs little more than its text, however many there are.
func TestOctetsPerName(t *testing.T) {
	for _, n := range []int{100_000, 500_000} {
		before := heap()
		table := profileOnly(n)
		if per := float64(heap()-before) / float64(n); per > 32 || per < 8 { // the text of a name alone has more than 8
			t.Errorf("%d names: %.1f octets each", n, per)
		}
		runtime.KeepAlive(table)
	}
}

// heap returns how much memory is in use.
func heap() int64 {
	runtime.GC()
	runtime.GC() // frees what was pooled, and what other tests have left
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func BenchmarkOctetsPerName(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			for b.Loop() {
				before := heap()
				table := profileOnly(n)
				b.ReportMetric(float64(heap()-before)/float64(n), "B/name")
				runtime.KeepAlive(table)
			}
		})
	}
}

// BenchmarkChange changes one of a million names.
func BenchmarkChange(b *testing.B) {
	table := profileOnly(1_000_000)
	i := 0
	for b.Loop() {
		e := table.edit()
		e.put(name(i), value{class: 2})
		table = e.finish()
		i++
	}
}

func BenchmarkFind(b *testing.B) {
	table := profileOnly(1_000_000)
	names := make([]string, 4096)
	for i := range names {
		names[i] = name(i * 200)
	}
	i := 0
	for b.Loop() {
		if _, ok := table.find(names[i%len(names)]); !ok {
			b.Fatal(names[i%len(names)])
		}
		i++
	}
}
