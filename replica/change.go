package replica

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"mailhint/domains"
	"mailhint/edits"
	"mailhint/settings"
)

// records are all records, with what is needed to change them. Requests see only the view.
type records struct {
	files    *domains.Snapshot // as far as records inherit from it, and must not have its names
	base     *domains.Base     // of the files and of profiles
	profiles map[string]*profile
	numbers  map[classKey]uint32
	counts   []int    // by number of a class: the records that it has
	free     []uint32 // numbers that no class has
	bad      map[string]refused
	badSize  int // octets of what bad keeps
	unlisted int // records that were refused and are not in bad, which is full
	// wantsCopy is true if all records must be read again, because some were refused, are not kept, and may be good now.
	wantsCopy bool
	view
}

// The limits of what is kept of records that do not check, so that they can be tried again when what they inherit changes. If there are more, all
// records are read again then.
const (
	maxBad     = 100_000
	maxBadSize = 64 << 20
)

// refused is a record that does not check.
type refused struct {
	record
	problems domains.Problems
	// taken is true if it was refused only because another record has one of its names.
	taken bool
}

func newRecords(files *domains.Snapshot) *records {
	return &records{
		files: files, base: files.Base(), profiles: make(map[string]*profile), numbers: make(map[classKey]uint32), counts: []int{0},
		bad: make(map[string]refused), view: view{exact: &table{}, wildcards: &table{}, classes: []*class{nil}},
	}
}

// change collects changes of records. Until finish nothing of the records' view changes.
type change struct {
	*records
	exact, wildcards *edit
}

func (r *records) begin() *change { return &change{r, r.view.exact.edit(), r.view.wildcards.edit()} }

// finish makes a view with the changes.
func (c *change) finish() view {
	c.retry()
	c.dropClasses()
	c.renewSamples()
	c.view = view{c.exact.finish(), c.wildcards.finish(), c.view.classes, c.view.complete}
	c.exact, c.wildcards = c.view.exact.edit(), c.view.wildcards.edit()
	return c.view
}

// take takes what a change in the database has made of a record of a domain. If that does not check, the last good form stays.
func (c *change) take(r record) {
	if r.removed {
		c.remove(r.name)
		c.forgive(r.name)
		return
	}
	text := textOf(r.own)
	if old, ok := c.find(r.name); ok && old.class.profile == r.profile && old.class.good() && old.class.problems == nil && string(old.text) == string(text) && (!old.class.plain || old.class.matches(r)) {
		c.forgive(r.name) // it is as before
		return
	}
	number, aliases, problems := c.classify(r, text == nil)
	if problems != nil {
		c.refuse(refused{r, problems, false})
		return
	}
	if problems := c.taken(r, aliases); problems != nil {
		c.refuse(refused{r, problems, true})
		return
	}
	c.counts[number]++ // first, in case it is the class that the record has already
	c.remove(r.name)
	c.put(r.name, value{number, text}, aliases)
	c.forgive(r.name)
}

// textOf returns the values that a record has besides its class.
func textOf(own string) []byte {
	if own == "" {
		return nil
	}
	if strings.Contains(own, `"admins"`) { // who may edit a record makes no difference to answers, and would make each record different
		own = withoutAdmins(own)
	}
	switch text := compact(own); string(text) {
	case `{}`, `{"enabled":true}`, `{"enabled":false}`:
		return nil
	default:
		return text
	}
}

// matches reports whether a record without text is of the class.
func (c *class) matches(r record) bool { return c.enabled == !strings.Contains(r.own, "false") }

// classify returns the class of a record, which it makes if need be, and the record's aliases.
func (c *change) classify(r record, plain bool) (number uint32, aliases []settings.Domain, problems domains.Problems) {
	if plain && r.own == "" {
		if n, known := c.numbers[classKey{profile: r.profile, plain: true}]; known && c.classes[n].isUsual(r.name) {
			return n, nil, nil
		}
	}
	resolved, problems := resolve(c.base, r)
	if problems != nil {
		return 0, nil, problems
	}
	key := classKey{r.profile, resolved.Shape(), plain, len(resolved.Aliases()) > 0}
	n, known := c.numbers[key]
	if !known {
		n = c.newClass(key, r, resolved)
	}
	return n, resolved.Aliases(), nil
}

// isUsual reports whether a record of the class needs no further check than that of its name.
func (c *class) isUsual(name string) bool {
	return c.problems == nil && c.base != nil && c.shared.Suits(name)
}

func (c *change) newClass(key classKey, r record, resolved *domains.Resolved) uint32 {
	made := &class{classKey: key, sample: r}
	made.use(c.base, resolved)
	var n uint32
	if last := len(c.free) - 1; last >= 0 {
		n, c.free = c.free[last], c.free[:last]
		c.setClass(n, made)
	} else {
		n = uint32(len(c.classes))
		c.view.classes = append(c.view.classes, made) // readers do not see what is behind the end of theirs
		c.counts = append(c.counts, 0)
	}
	c.numbers[key] = n
	return n
}

// setClass replaces a class, in a copy of the classes that readers see.
func (c *change) setClass(n uint32, to *class) {
	c.view.classes = slices.Clone(c.view.classes)
	c.view.classes[n] = to
}

// dropClasses drops the classes that no record has any more.
func (c *change) dropClasses() {
	var empty []uint32
	for n, count := range c.counts {
		if n != aliasClass && count == 0 && c.classes[n] != nil {
			empty = append(empty, uint32(n))
		}
	}
	if len(empty) == 0 {
		return
	}
	c.view.classes = slices.Clone(c.view.classes)
	for _, n := range empty {
		delete(c.numbers, c.classes[n].classKey)
		c.view.classes[n] = nil
		c.free = append(c.free, n)
	}
}

// renewSamples makes the problems of classes name records that there are.
func (c *change) renewSamples() {
	for n, class := range c.view.classes {
		if class == nil || class.problems == nil || c.isOf(class.sample.name, uint32(n)) {
			continue
		}
		for name := range c.view.all() {
			if c.isOf(name, uint32(n)) {
				c.setClass(uint32(n), class.called(name))
				break
			}
		}
	}
}

// isOf reports whether there is a record with a name, and it is of a class.
func (c *change) isOf(name string, n uint32) bool {
	table, key := c.table(name)
	v, ok := table.find(key)
	return ok && v.class == n
}

// table returns the table of a name, and the name in it.
func (c *change) table(name string) (*edit, string) {
	if isWildcard, key := tableOf(name); isWildcard {
		return c.wildcards, key
	}
	return c.exact, name
}

// find returns a record by its name.
func (c *change) find(name string) (found, bool) {
	table, key := c.table(name)
	v, ok := table.find(key)
	if !ok || v.isAlias() {
		return found{}, false
	}
	return found{key, table == c.wildcards, v.text, c.classes[v.class]}, true
}

// put adds a record with its aliases.
func (c *change) put(name string, v value, aliases []settings.Domain) {
	table, key := c.table(name)
	table.put(key, v)
	for _, alias := range aliases {
		c.exact.put(string(alias), value{aliasClass, []byte(name)})
	}
}

// remove removes a record with its aliases, if it is there.
func (c *change) remove(name string) {
	old, ok := c.find(name)
	if !ok {
		return
	}
	for _, alias := range old.aliases() {
		c.exact.remove(string(alias))
	}
	table, key := c.table(name)
	v, _ := table.find(key)
	c.counts[v.class]--
	table.remove(key)
}

// aliases returns the aliases of a record.
func (f found) aliases() []settings.Domain {
	if !f.class.aliases {
		return nil
	}
	values, err := valuesOf("", f.text)
	if err != nil { // it has been read before
		return nil
	}
	list, isList := values["aliases"].([]any)
	if !isList {
		list = []any{values["aliases"]}
	}
	var aliases []settings.Domain
	for _, v := range list {
		text, _ := v.(string)
		if d, err := settings.ParseDomain(text); err == nil {
			aliases = append(aliases, d)
		}
	}
	return aliases
}

// taken returns which names of a record another record has.
func (c *change) taken(r record, aliases []settings.Domain) domains.Problems {
	var problems domains.Problems
	table, key := c.table(r.name)
	if v, ok := table.find(key); ok && v.isAlias() {
		problems = append(problems, problem(r, "is an alias of %s already; remove one of them", v.text)...)
	}
	for _, alias := range aliases {
		v, ok := c.exact.find(string(alias))
		switch {
		case !ok, v.isAlias() && string(v.text) == r.name:
		case v.isAlias():
			problems = append(problems, problem(r, "its alias %s is an alias of %s already; remove one of them", alias, v.text)...)
		default:
			problems = append(problems, problem(r, "its alias %s has a record of its own; remove one of them", alias)...)
		}
	}
	return problems
}

// problem is a mistake in a record as a whole.
func problem(r record, format string, args ...any) domains.Problems {
	table := "domains"
	if r.kind == edits.Profile {
		table = "profiles"
	}
	return domains.Problems{{Position: domains.Position{File: domains.StorePlace}, Key: fmt.Sprintf("%s.%q", table, r.name), Text: fmt.Sprintf(format, args...)}}
}

// refuse notes that a record does not check.
func (c *change) refuse(r refused) {
	c.forgive(r.name)
	if len(c.bad) >= maxBad || c.badSize+len(r.own) > maxBadSize {
		c.unlisted++
		return
	}
	c.bad[r.name] = r
	c.badSize += len(r.own)
}

// forgive forgets that a record did not check.
func (c *change) forgive(name string) {
	if r, ok := c.bad[name]; ok {
		delete(c.bad, name)
		c.badSize -= len(r.own)
	}
}

// retry takes the records again that were refused because of a name that another record had: it may have given it up.
func (c *change) retry() {
	for progress := true; progress; {
		progress = false
		for _, name := range slices.Sorted(maps.Keys(c.bad)) {
			if r := c.bad[name]; r.taken {
				c.take(r.record)
				_, still := c.bad[name]
				progress = progress || !still
			}
		}
	}
}

// clone returns records that can be changed without changing these.
func (r *records) clone() *records {
	copied := *r
	copied.profiles = make(map[string]*profile, len(r.profiles))
	for name, p := range r.profiles {
		own := *p
		copied.profiles[name] = &own
	}
	copied.numbers, copied.bad = maps.Clone(r.numbers), maps.Clone(r.bad)
	copied.counts, copied.free = slices.Clone(r.counts), slices.Clone(r.free)
	copied.classes = slices.Clone(r.classes)
	return &copied
}
