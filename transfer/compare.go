package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"reflect"
	"slices"
	"strings"

	"mailhint/domains"
	"mailhint/preview"
	"mailhint/settings"
)

// DifferentError means that clients of a domain would get another answer than before.
type DifferentError struct {
	Domain string
	What   string
}

func (e *DifferentError) Error() string {
	return fmt.Sprintf("%s would be answered otherwise than before: %s; nothing was changed", e.Domain, e.What)
}

// Compare returns a *DifferentError unless all domains that one configuration has by name or by a wildcard get the same settings from another. What only the
// other has does not matter. At most one of the two may have records of a database, which are read once.
//
// Documents depend on nothing but settings, domain and address. They are compared too, to the octet, for at most a thousand domains with different settings.
func Compare(ctx context.Context, before, after *domains.Snapshot) error {
	c := comparison{ctx: ctx, before: before, after: after, same: make(map[pair]bool)}
	compare := c.eachBefore
	if after.HasRecords() {
		compare = c.eachAfter
	}
	if err := compare(); err != nil {
		return err
	}
	for _, name := range c.sample {
		if err := c.answers(name); err != nil {
			return err
		}
	}
	return nil
}

// comparison compares what two configurations answer.
type comparison struct {
	ctx           context.Context
	before, after *domains.Snapshot
	same          map[pair]bool // many domains share their settings
	sample        []settings.Domain
}

type pair struct{ before, after *settings.Settings }

const (
	maxSample = 1000   // domains of which the documents are compared
	maxSame   = 10_000 // pairs of settings that are remembered
)

// eachBefore looks every name up in the configuration after, which has no records.
func (c *comparison) eachBefore() error {
	for name, was := range c.before.EachEntry() {
		is, ok := c.after.EntryOf(name)
		if !ok {
			return notConfigured(name)
		}
		if err := c.entries(name, was, is); err != nil {
			return err
		}
	}
	return c.ctx.Err()
}

// eachAfter looks every name up in the configuration before, which has no records, and makes sure that none of its names is missing.
func (c *comparison) eachAfter() error {
	var seen []uint64 // hashes of names
	seed := maphash.MakeSeed()
	for name, is := range c.after.EachEntry() {
		was, ok := c.before.EntryOf(name)
		if !ok {
			continue
		}
		seen = append(seen, maphash.String(seed, name))
		if err := c.entries(name, was, is); err != nil {
			return err
		}
	}
	slices.Sort(seen)
	for name := range c.before.ClaimedNames() {
		if _, found := slices.BinarySearch(seen, maphash.String(seed, name)); !found {
			return notConfigured(name)
		}
	}
	return c.ctx.Err()
}

func notConfigured(name string) error { return &DifferentError{name, "it would not be configured"} }

func (c *comparison) entries(name string, was, is domains.Entry) error {
	switch {
	case was.Disabled != is.Disabled:
		return &DifferentError{name, "it would be enabled or disabled"}
	case was.Names[0] != is.Names[0]:
		return &DifferentError{name, "it would be an alias of another domain"}
	case was.Disabled:
		return nil
	}
	p := pair{was.Settings, is.Settings}
	if len(was.Rules) == 0 && len(is.Rules) == 0 && c.same[p] {
		return nil
	}
	if !same(was.Choice, is.Choice) || !slices.EqualFunc(was.Rules, is.Rules, func(a, b domains.Rule) bool {
		return a.HasUsers == b.HasUsers && slices.Equal(a.Users, b.Users) && reflect.DeepEqual(a.From, b.From) && same(a.Choice, b.Choice)
	}) {
		return &DifferentError{name, "its settings differ"}
	}
	if len(c.same) >= maxSame {
		clear(c.same) // what is shared by many comes again
	}
	c.same[p] = true
	if len(c.sample) < maxSample {
		c.sample = append(c.sample, settings.Domain(strings.TrimPrefix(name, "*.")))
	}
	return nil
}

func same(a, b domains.Choice) bool {
	return reflect.DeepEqual(a.Settings, b.Settings) && reflect.DeepEqual(a.Networks, b.Networks) && reflect.DeepEqual(a.Outside, b.Outside)
}

// answers compares the documents that each client gets.
func (c *comparison) answers(name settings.Domain) error {
	for _, client := range preview.Clients() {
		address := settings.Address{}
		if a, err := settings.ParseAddress("ann@" + string(name)); err == nil {
			address = a
		}
		q := settings.Question{Host: name, Address: address}
		was, wasErr := answer(c.ctx, c.before, client, q)
		is, isErr := answer(c.ctx, c.after, client, q)
		if (wasErr == nil) != (isErr == nil) || !bytes.Equal(was, is) {
			return &DifferentError{string(name), "the answer for " + client.Name + " differs" + because(wasErr, isErr)}
		}
	}
	return nil
}

func because(errs ...error) string {
	if err := errors.Join(errs...); err != nil {
		return ": " + err.Error()
	}
	return ""
}

func answer(ctx context.Context, s *domains.Snapshot, client preview.Client, q settings.Question) ([]byte, error) {
	found, err := s.Lookup(ctx, q)
	if err != nil {
		return nil, err
	}
	a, err := client.Answer(found, q.Address)
	if err != nil {
		return nil, err
	}
	return a.Text(), nil
}
