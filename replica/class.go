package replica

import (
	"slices"
	"strconv"
	"strings"

	"mailhint/domains"
)

// class is what many records have in common: the profile, and which keys they set, as far as that decides whether they are complete and safe
// (domains.Resolved.Shape). When [defaults] or a profile change, it is enough to look at one record of each class, and not at ten million.
type class struct {
	classKey
	// base is the newest one in which the class is good; nil for none.
	base *domains.Base
	// shared is what its records answer, if they have no text; nil otherwise.
	shared   *domains.Resolved
	enabled  bool
	problems domains.Problems // why it is not good in the present base; nil if it is
	sample   record           // one of its records
}

type classKey struct {
	profile, shape string
	// plain is true if the records have no text of their own: the class says it all.
	plain bool
	// aliases is true if the records have aliases.
	aliases bool
}

// good reports whether the records of the class can be answered.
func (c *class) good() bool { return c.base != nil }

// in returns the class as it is in another base. If it is not good there, it stays as it was.
func (c *class) in(base *domains.Base) *class {
	next := *c
	sample := c.sample
	sample.name = anyName
	r, problems := resolve(base, sample)
	if next.problems = problems; problems != nil {
		next.sample.name = anyName
		return next.called(c.sample.name)
	}
	next.use(base, r)
	return &next
}

// called returns the class with another record as its sample.
func (c *class) called(name string) *class {
	next := *c
	next.sample.name = name
	next.problems = slices.Clone(c.problems)
	for i := range next.problems {
		next.problems[i].Key = strings.Replace(next.problems[i].Key, strconv.Quote(c.sample.name), strconv.Quote(name), 1)
	}
	return &next
}

// anyName is the name under which samples are checked. With its own, a sample could have a fault that the others do not have: the profile may redirect
// to it.
const anyName = "any.invalid"

func (c *class) use(base *domains.Base, r *domains.Resolved) {
	c.base, c.enabled = base, r.Enabled()
	if c.plain {
		c.shared = r.Shared()
	}
}

// resolve reads and checks a record of a domain.
func resolve(base *domains.Base, r record) (*domains.Resolved, domains.Problems) {
	values, err := r.values()
	if err != nil {
		return nil, problem(r, "%v", err)
	}
	return base.Resolve(r.name, values)
}
