package edits

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"mailhint/domains"
	"mailhint/settings"
	"mailhint/spelling"
	"mailhint/untrusted"
)

// NotFoundError says why there is no record of a name, and what was probably meant.
type NotFoundError struct {
	Ref
	// By is the record that answers for the name: that of which it is an alias, or a wildcard. Its name is empty if there is none.
	By Ref
	// Removed is the change that has removed the record; nil if there is none.
	Removed *Change
	// Similar is the name of a record that differs little; empty for none.
	Similar string
}

func (e *NotFoundError) Error() string {
	switch {
	case strings.HasPrefix(e.By.Name, "*."):
		return fmt.Sprintf("%s has no entry of its own: %s answers for it; change %s, or add %s", e.Ref, e.By.Name, e.By.Name, e.Ref)
	case e.By.Name != "":
		return fmt.Sprintf("%s is an alias of %s; change %s", e.Ref, e.By.Name, e.By.Name)
	case e.Removed != nil:
		return fmt.Sprintf("%s is %v: %s has removed it (change %d)", e.Ref, ErrNotFound, untrusted.Printable(e.Removed.Actor), e.Removed.Number)
	case e.Similar != "":
		return fmt.Sprintf("%s is %v; did you mean %q?", e.Ref, ErrNotFound, e.Similar)
	}
	return fmt.Sprintf("%s is %v", e.Ref, ErrNotFound)
}

// Is makes it match ErrNotFound.
func (e *NotFoundError) Is(target error) bool { return target == ErrNotFound }

// missing explains ErrNotFound. Other errors are returned as they are.
func missing(ctx context.Context, s Store, ref Ref, err error) error {
	if err == nil || !errors.Is(err, ErrNotFound) {
		return err
	}
	e := &NotFoundError{Ref: ref}
	switch by, err := Answering(ctx, s, ref); {
	case err == nil:
		e.By = by.Ref
		return e
	case !errors.Is(err, ErrNotFound):
		return err
	}
	if changes, err := s.History(ctx, HistoryQuery{Ref: ref, Limit: 1}); err == nil && len(changes) > 0 && changes[0].After == nil { // not everybody may read it
		e.Removed = &changes[0]
		return e
	}
	if e.Similar, err = similar(ctx, s, ref); err != nil {
		return err
	}
	return e
}

// Answering returns the record that answers for a domain: its own, the one of which it is an alias, or the longest wildcard that matches it. The error
// is ErrNotFound if there is none, so that only the fallback could answer.
func Answering(ctx context.Context, s Store, ref Ref) (Record, error) {
	r, err := s.Get(ctx, ref)
	if err == nil || !errors.Is(err, ErrNotFound) {
		return r, err
	}
	if owner, err := ownerOf(ctx, s, ref); err != nil || owner != nil {
		if err != nil {
			return Record{}, err
		}
		return *owner, nil
	}
	for _, above := range wildcardsOf(ref) {
		if r, err := s.Get(ctx, above); err == nil || !errors.Is(err, ErrNotFound) {
			return r, err
		}
	}
	return Record{}, ErrNotFound
}

// ownerOf returns the record that has a name among its aliases; nil if none has.
func ownerOf(ctx context.Context, s Store, ref Ref) (*Record, error) {
	if ref.Kind != Domain || isWildcard(ref) {
		return nil, nil
	}
	page, err := s.List(ctx, Query{Kind: Domain, Search: ref.Name})
	if err != nil {
		return nil, withoutMistakes(err)
	}
	for _, r := range page.Records {
		if slices.Contains(Aliases(r.Values), ref.Name) {
			return &r, nil
		}
	}
	return nil, nil
}

// withoutMistakes ignores mistakes in a configuration: a change may be what repairs it, and the store checks what comes of it.
func withoutMistakes(err error) error {
	if errors.As(err, new(domains.Problems)) && !errors.Is(err, domains.ErrUnread) {
		return nil
	}
	return err
}

// Aliases returns the aliases among a domain's values, in lower case and A-labels.
func Aliases(v Values) []string { return namesIn(v["aliases"]) }

// namesIn returns the domains in a list, in lower case and A-labels, without those that are not valid.
func namesIn(v any) []string {
	var names []string
	for _, text := range stringsIn(v) {
		if d, err := settings.ParseDomain(text); err == nil {
			names = append(names, string(d))
		}
	}
	return names
}

// stringsIn returns the strings in a value that is a string or a list of them.
func stringsIn(v any) []string {
	if one, ok := v.(string); ok {
		return []string{one}
	}
	list, _ := v.([]any)
	var all []string
	for _, element := range list {
		if text, ok := element.(string); ok {
			all = append(all, text)
		}
	}
	return all
}

func isWildcard(ref Ref) bool { return strings.HasPrefix(ref.Name, "*.") }

// wildcardsOf returns the wildcards that match a name, the longest first.
func wildcardsOf(ref Ref) []Ref {
	if ref.Kind != Domain || isWildcard(ref) || settings.DomainOfServiceHost(ref.Name) != "" {
		return nil
	}
	var list []Ref
	for d := settings.Domain(ref.Name); ; {
		parent, ok := d.Parent()
		if !ok {
			return list
		}
		list = append(list, Ref{Domain, "*." + string(parent)})
		d = parent
	}
}

// similar returns a name that was probably meant. It looks at the first names only: this is a hint, not an answer.
func similar(ctx context.Context, s Store, ref Ref) (string, error) {
	const enough = 20_000
	page, err := s.List(ctx, Query{Kind: ref.Kind, Limit: enough})
	if err != nil {
		return "", withoutMistakes(err)
	}
	const close, share = 2, 3 // letters, and a third of the name: two letters are all of a short one
	for limit := 1; limit <= min(close, len(ref.Name)/share); limit++ {
		for _, r := range page.Records {
			if spelling.Distance(ref.Name, r.Name, limit) <= limit {
				return r.Name, nil
			}
		}
	}
	return "", nil
}
