package tomledit

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"reflect"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/BurntSushi/toml"
)

var randomFiles = flag.Int("files", 1000, "how many random files to edit; TOMLEDIT_SEED sets the first seed")

// TestRandomFiles edits random files. What must be left alone, and what the result must mean, is known from how a file was made.
func TestRandomFiles(t *testing.T) {
	first := rand.Uint64()
	if s, err := strconv.ParseUint(os.Getenv("TOMLEDIT_SEED"), 10, 64); err == nil {
		first = s
	}
	t.Logf("TOMLEDIT_SEED=%d -files %d", first, *randomFiles)
	var work sync.WaitGroup
	workers := uint64(runtime.GOMAXPROCS(0))
	var mu sync.Mutex
	count := map[string]int{}
	for w := range workers {
		work.Go(func() {
			for i := w; i < uint64(*randomFiles) && !t.Failed(); i += workers {
				r := &randomEdit{t: t, seed: first + i, Rand: rand.New(rand.NewPCG(first+i, 0)), count: map[string]int{}}
				r.run()
				mu.Lock()
				for why, n := range r.count {
					count[why] += n
				}
				mu.Unlock()
			}
		})
	}
	work.Wait()
	t.Logf("count: %v", count)
}

// randomEdit edits one random file.
type randomEdit struct {
	*rand.Rand
	t     *testing.T
	seed  uint64
	file  *file
	text  string
	tree  map[string]any
	count map[string]int
}

func (r *randomEdit) fail(format string, args ...any) {
	r.t.Errorf("TOMLEDIT_SEED=%d -files 1: %s\n----- text\n%s\n-----", r.seed, fmt.Sprintf(format, args...), r.text)
	runtime.Goexit()
}

func decode(text string) (map[string]any, error) {
	var tree map[string]any
	_, err := toml.Decode(text, &tree)
	if err != nil {
		return nil, err
	}
	return plain(tree).(map[string]any), nil
}

func (r *randomEdit) run() {
	defer func() {
		if p := recover(); p != nil {
			r.fail("panic: %v\n%s", p, debug.Stack())
		}
	}()
	r.file = generate(r.Rand)
	r.text = r.file.text()
	var err error
	if r.tree, err = decode(r.text); err != nil {
		r.fail("the generator made a bad file: %v", err)
	}
	var entries []*entry
	for _, e := range r.file.entries {
		if !e.written() {
			continue
		}
		if got := r.domains()[e.name]; !reflect.DeepEqual(got, any(e.values)) {
			r.fail("the generator is wrong about %q: %v, not %v", e.name, got, e.values)
		}
		entries = append(entries, e)
	}
	if len(entries) > 0 {
		e := entries[r.IntN(len(entries))]
		r.set(e)
		r.extract(e)
		r.remove(e, entries[r.IntN(len(entries))])
	}
	r.add()
	r.chain(entries)
}

// written reports whether there is anything of an entry.
func (e *entry) written() bool {
	return len(e.values) > 0 || e.layout == headers || e.layout == inlineBelow || e.layout == inlineWhole
}

func (r *randomEdit) domains() map[string]any {
	d, _ := r.tree["domains"].(map[string]any)
	return d
}

// with returns the tree with another value of an entry; nil for none.
func (r *randomEdit) with(name string, values map[string]any) map[string]any {
	tree, domains := maps.Clone(r.tree), maps.Clone(r.domains())
	if domains == nil {
		domains = map[string]any{}
	}
	if delete(domains, name); values != nil {
		domains[name] = values
	}
	tree["domains"] = domains
	return tree
}

// compare checks what a result means, and that it can be reverted.
func (r *randomEdit) compare(what string, got Result, want map[string]any) {
	tree, err := decode(string(got.Text))
	if err != nil {
		r.fail("%s: %v\n%s", what, err, got.Text)
	}
	if d, ok := want["domains"].(map[string]any); ok && len(d) == 0 && tree["domains"] == nil {
		delete(want, "domains")
	}
	if !reflect.DeepEqual(tree, want) {
		r.fail("%s: the result means\n%v\nnot\n%v\n%s", what, tree, want, got.Text)
	}
	data, err := json.Marshal(got.Undo)
	if err != nil {
		r.fail("%s: %v", what, err)
	}
	var undo Undo
	if err := json.Unmarshal(data, &undo); err != nil {
		r.fail("%s: %v", what, err)
	}
	back, err := Revert(got.Text, undo)
	if err != nil || string(back.Text) != r.text {
		r.fail("%s: reverted: %v\n%s\n----- from\n%s\n----- with %s", what, err, back.Text, got.Text, data)
	}
	again, err := Revert(back.Text, back.Undo)
	if err != nil || string(again.Text) != string(got.Text) {
		r.fail("%s: reverted twice: %v\n%s", what, err, again.Text)
	}
}

// match checks that a result matches a pattern made of the file's segments.
func (r *randomEdit) match(what string, got Result, p pattern) {
	text, ok := strings.CutPrefix(string(got.Text), r.file.bom)
	if failed, matches := p.match(text); !ok || !matches {
		r.fail("%s changes other octets:\n%s\n----- does not match\n%+v", what, text, p[max(failed-5, 0):])
	}
}

func (r *randomEdit) set(e *entry) {
	members := r.members(e)
	want := maps.Clone(e.values)
	for _, m := range members {
		if m.Value == nil {
			delete(want, m.Key)
		} else {
			want[m.Key] = m.Value
		}
	}
	what := fmt.Sprintf("Set(%q, %s)", e.name, appendValue(nil, anyMembers(members)))
	got, err := Set([]byte(r.text), []string{"domains", e.name}, members)
	if errors.Is(err, ErrUnsafe) && len(want) == 0 && (e.layout == onlyBelow || e.layout == dottedTop || e.layout == dottedBelow) {
		r.count["nothing left"]++
		return
	}
	if err != nil {
		r.fail("%s: %v", what, err)
	}
	r.compare(what, got, r.with(e.name, want))
	r.match(what, got, r.file.patternOfSet(e, members))
	again, err := Set(got.Text, []string{"domains", e.name}, members)
	if err != nil || string(again.Text) != string(got.Text) || len(again.Undo.Hunks) > 0 {
		r.fail("%s twice: %v\n%s", what, err, again.Text)
	}
}

// members returns a random edit of an entry.
func (r *randomEdit) members(e *entry) []Member {
	var members []Member
	seen := map[string]bool{}
	for range 1 + r.IntN(3) {
		keys := slices.Sorted(maps.Keys(e.values))
		key := keyNames[r.IntN(len(keyNames))]
		if len(keys) > 0 && r.IntN(4) > 0 {
			key = keys[r.IntN(len(keys))]
		}
		if seen[key] {
			continue
		}
		seen[key] = true
		switch r.IntN(5) {
		case 0:
			members = append(members, Member{key, nil})
		case 1, 2:
			members = append(members, Member{key, r.similar(e.values[key])})
		default:
			members = append(members, Member{key, r.any(2)})
		}
	}
	return members
}

// similar returns a value that has something in common with another one.
func (r *randomEdit) similar(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := maps.Clone(v)
		for _, key := range slices.Sorted(maps.Keys(v)) {
			switch r.IntN(4) {
			case 0:
				delete(m, key)
			case 1:
				m[key] = r.similar(v[key])
			}
		}
		if r.IntN(2) == 0 {
			m["new"] = r.any(1)
		}
		return m
	case []any:
		list := []any{}
		for _, value := range v {
			switch r.IntN(5) {
			case 0:
			case 1:
				list = append(list, r.similar(value))
			case 2:
				list = append(list, value, r.any(1))
			default:
				list = append(list, value)
			}
		}
		if r.IntN(5) == 0 {
			slices.Reverse(list)
		}
		return list
	}
	return r.any(1)
}

func (r *randomEdit) any(depth int) any {
	n := r.IntN(9)
	if depth == 0 {
		n = r.IntN(5)
	}
	switch n {
	case 0:
		return r.IntN(2) == 0
	case 1:
		return int64(r.IntN(1000))
	case 2, 3, 4:
		return []string{"new.example", "it's", `say "x" \`, "line\nline\r\n\ttab\x00\x7f", "[domains.x]\nimap = 1", "# ü 漢", "", "'''\"\"\""}[r.IntN(8)]
	case 5:
		m := map[string]any{}
		for range r.IntN(4) {
			m[keyNames[r.IntN(len(keyNames))]] = r.any(depth - 1)
		}
		return m
	default:
		list := []any{}
		tables := r.IntN(2) == 0
		for range r.IntN(4) {
			if tables {
				list = append(list, map[string]any{"k": r.any(depth - 1), "odd key": r.any(0)})
			} else {
				list = append(list, r.any(depth-1))
			}
		}
		return list
	}
}

func (r *randomEdit) remove(e, later *entry) {
	what := fmt.Sprintf("Remove(%q)", e.name)
	got, err := Remove([]byte(r.text), []string{"domains", e.name})
	if err != nil {
		r.fail("%s: %v", what, err)
	}
	r.compare(what, got, r.with(e.name, nil))
	if e.layout == inlineWhole {
		r.match(what, got, r.file.patternOfSet(e, nil))
	} else if want := r.file.without(e); string(got.Text) != want {
		r.fail("%s:\n%s\n----- want\n%s", what, got.Text, want)
	}
	if _, err := Remove(got.Text, []string{"domains", e.name}); !errors.Is(err, ErrNotFound) {
		r.fail("%s twice: %v", what, err)
	}
	if later != e {
		r.revertLater(what, e, later, got)
	}
}

// revertLater changes another entry before a removal is taken back.
func (r *randomEdit) revertLater(what string, removed, e *entry, got Result) {
	path, members := []string{"domains", e.name}, []Member{{"imap", "later.example"}}
	changed, err := Set(got.Text, path, members)
	if err != nil {
		r.fail("Set(%q) after %s: %v", e.name, what, err)
	}
	r.count["reverted later"]++
	back, err := Revert(changed.Text, got.Undo)
	if errors.Is(err, ErrChanged) {
		r.count[fmt.Sprintf("reverted later, refused in layout %d", removed.layout)]++
		return
	}
	if err != nil {
		r.fail("%s reverted after Set(%q): %v", what, e.name, err)
	}
	want := maps.Clone(e.values)
	want["imap"] = "later.example"
	if tree, err := decode(string(back.Text)); err != nil || !reflect.DeepEqual(tree, r.with(e.name, want)) {
		r.fail("%s reverted after Set(%q): %v\n%s", what, e.name, err, back.Text)
	}
	if direct, err := Set([]byte(r.text), path, members); err != nil || string(direct.Text) != string(back.Text) {
		r.count[fmt.Sprintf("reverted later, other octets in layout %d", removed.layout)]++
	}
}

func (r *randomEdit) extract(e *entry) {
	path := []string{"domains", e.name}
	got, err := Extract([]byte(r.text), path)
	if errors.Is(err, ErrUnsafe) {
		r.count["extract"]++
		return
	}
	if err != nil {
		r.fail("Extract(%q): %v", e.name, err)
	}
	if want := r.file.of(e); string(got) != want {
		r.fail("Extract(%q):\n%s\n----- want\n%s", e.name, got, want)
	}
	same, err := Replace([]byte(r.text), path, got)
	if err != nil || string(same.Text) != r.text || len(same.Undo.Hunks) > 0 {
		r.fail("Replace(Extract(%q)): %v\n%s", e.name, err, same.Text)
	}
	if e.layout != inlineWhole { // one of its lines gets another value
		var own []int
		for i, s := range r.file.segments {
			if s.owner == e && s.role == roleLine {
				own = append(own, i)
			}
		}
		if len(own) == 0 {
			return
		}
		changed := file{bom: r.file.bom, nl: r.file.nl, segments: slices.Clone(r.file.segments)}
		s := &changed.segments[own[r.IntN(len(own))]]
		value := "7"
		if e.layout == inlineBelow {
			value = "{ imap = 7 }"
		}
		s.text = s.before + value + "  # edited" + r.file.nl
		if !strings.HasSuffix(s.after, r.file.nl) {
			s.text = strings.TrimSuffix(s.text, r.file.nl)
		}
		edited := changed.of(e)
		got, err := Replace([]byte(r.text), path, []byte(edited))
		if err != nil || string(got.Text) != changed.text() {
			r.fail("Replace(%q, %s): %v\n%s\n----- want\n%s", e.name, edited, err, got.Text, changed.text())
		}
		want, _ := decode(changed.text())
		r.compare("Replace", got, want)
	}
}

// chain makes several changes of one Text, which must be the same as one by one, and takes them back.
func (r *randomEdit) chain(entries []*entry) {
	together, err := Open([]byte(r.text))
	if err != nil {
		r.fail("Open: %v", err)
	}
	text := []byte(r.text)
	var undos []Undo
	both := func(what string, got Undo, err error, want Result, wantErr error) {
		if errors.Is(wantErr, ErrUnsafe) && errors.Is(err, ErrUnsafe) || errors.Is(wantErr, ErrNotFound) && errors.Is(err, ErrNotFound) {
			return
		}
		if err != nil || wantErr != nil || string(together.Bytes()) != string(want.Text) || !reflect.DeepEqual(got, want.Undo) {
			r.fail("%s of an open text: %v, %v\n%s\n%+v\n----- alone\n%s\n%+v", what, err, wantErr, together.Bytes(), got, want.Text, want.Undo)
		}
		text = want.Text
		undos = append(undos, got)
	}
	for range 4 {
		if !strings.Contains(string(text), "\n") {
			break // nothing says any more how lines end, except in the open text
		}
		path := []string{"domains", "new.example"}
		if len(entries) > 0 && r.IntN(5) > 0 {
			path[1] = entries[r.IntN(len(entries))].name
		}
		switch r.IntN(4) {
		case 0:
			got, err := together.Remove(path)
			want, wantErr := Remove(text, path)
			both(fmt.Sprintf("Remove(%q)", path), got, err, want, wantErr)
		case 1:
			path[1] = fmt.Sprintf("new%d.example", len(undos))
			members := []Member{{"imap", r.any(0)}, {"rules", []any{map[string]any{"k": 1}}}}
			got, err := together.Add(path, members, "x")
			want, wantErr := Add(text, path, members, "x")
			both(fmt.Sprintf("Add(%q)", path), got, err, want, wantErr)
		default:
			members := []Member{{keyNames[r.IntN(len(keyNames))], r.any(1)}, {keyNames[r.IntN(len(keyNames))], nil}}
			got, err := together.Set(path, members)
			want, wantErr := Set(text, path, members)
			both(fmt.Sprintf("Set(%q)", path), got, err, want, wantErr)
		}
	}
	for _, u := range slices.Backward(undos) {
		if _, err := together.Revert(u); err != nil {
			r.fail("Revert of %+v: %v\n%s", u, err, together.Bytes())
		}
	}
	if string(together.Bytes()) != r.text {
		r.fail("after taking back all changes:\n%s", together.Bytes())
	}
}

func (r *randomEdit) add() {
	name := "new.example"
	values := map[string]any{"imap": "i", "auth": []any{"a", "b"}, "oauth2": map[string]any{"issuer": "https://x"}, "rules": []any{map[string]any{"when": "x"}}}
	var after []string
	if len(r.file.entries) > 0 && r.IntN(2) == 0 {
		after = []string{"missing", r.file.entries[r.IntN(len(r.file.entries))].name}
	}
	got, err := Add([]byte(r.text), []string{"domains", name}, sortedMembers(values), after...)
	what := fmt.Sprintf("Add after %q", after)
	if err != nil {
		r.fail("%s: %v", what, err)
	}
	r.compare(what, got, r.with(name, values))
	from := 0
	for from < len(r.text) && r.text[from] == got.Text[from] {
		from++
	}
	if len(got.Text)-len(r.text) < 0 || r.text != string(got.Text[:from])+string(got.Text[len(got.Text)-len(r.text)+from:]) {
		r.fail("%s changes other octets:\n%s", what, got.Text)
	}
	if _, err := Add(got.Text, []string{"domains", name}, nil); !errors.Is(err, ErrExists) {
		r.fail("%s twice: %v", what, err)
	}
}

// anyMembers makes members printable on one line.
func anyMembers(members []Member) []any {
	var list []any
	for _, m := range members {
		if m.Value == nil {
			list = append(list, m.Key)
		} else {
			list = append(list, map[string]any{m.Key: m.Value})
		}
	}
	return list
}
