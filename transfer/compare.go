package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

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

// Compare returns a *DifferentError unless all domains that one configuration has by name or by a wildcard get the same settings from another, and the
// answers of each format, made of different settings, are the same to the octet. What only the other has does not matter.
func Compare(ctx context.Context, before, after *domains.Snapshot) error {
	index := make(map[string]*domains.Entry)
	for _, e := range after.Entries() {
		for _, name := range e.Names {
			index[key(e, name)] = &e
		}
	}
	c := comparison{ctx: ctx, before: before, after: after, seen: make(map[pair]bool)}
	for _, e := range before.Entries() {
		if e.Kind == domains.Fallback {
			continue
		}
		for _, name := range e.Names {
			other := index[key(e, name)]
			if other == nil {
				return &DifferentError{string(name), "it would not be configured"}
			}
			if err := c.entries(&e, other, name); err != nil {
				return err
			}
		}
	}
	return nil
}

// key identifies a name, or a wildcard.
func key(e domains.Entry, name settings.Domain) string {
	if e.Kind == domains.Wildcard {
		return "*." + string(name)
	}
	return string(name)
}

// comparison compares what entries answer. Many share their settings: each pair is compared once.
type comparison struct {
	ctx           context.Context
	before, after *domains.Snapshot
	seen          map[pair]bool
}

type pair struct{ before, after *settings.Settings }

func (c *comparison) entries(before, after *domains.Entry, name settings.Domain) error {
	if before.Disabled != after.Disabled {
		return &DifferentError{string(name), "it would be enabled or disabled"}
	}
	if before.Disabled {
		return nil
	}
	p := pair{before.Settings, after.Settings}
	if len(before.Rules) == 0 && len(after.Rules) == 0 && c.seen[p] {
		return nil
	}
	if !same(before.Choice, after.Choice) || !slices.EqualFunc(before.Rules, after.Rules, func(a, b domains.Rule) bool {
		return a.HasUsers == b.HasUsers && slices.Equal(a.Users, b.Users) && reflect.DeepEqual(a.From, b.From) && same(a.Choice, b.Choice)
	}) {
		return &DifferentError{string(name), "its settings differ"}
	}
	c.seen[p] = true
	return c.answers(name)
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
