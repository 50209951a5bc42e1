package admin

import (
	"errors"
	"strings"

	"mailhint/accounts"
	"mailhint/domains"
	"mailhint/edits"
	"mailhint/tomledit"
)

// Operators see everything. What the others see must not say anything of records that are not theirs, of files, and of comments in
// them: messages about other records are replaced, and texts and places of files are left out.

// isInside reports whether an account may be told everything.
func isInside(p accounts.Principal) bool { return p.Role == accounts.Operator && p.SeesAll() }

// record returns a record as an account may see it.
func (a access) seen() edits.Record {
	r := a.record
	if !isInside(a.who) {
		r.Where, r.Text = domains.Position{}, ""
	}
	return r
}

// seenChanges returns changes as an account may see them.
func seenChanges(p accounts.Principal, list []edits.Change) []edits.Change {
	if isInside(p) {
		return list
	}
	seen := make([]edits.Change, len(list))
	for i, c := range list {
		c.Before, c.After = seenState(c.Before), seenState(c.After)
		c.Summary = nil // names of others
		if c.Kind == edits.Profile && !p.SeesAll() {
			c.Reason = "" // which may name others
		}
		seen[i] = c
	}
	return seen
}

func seenState(s *edits.State) *edits.State {
	if s == nil {
		return nil
	}
	seen := *s
	seen.Text, seen.File = "", ""
	return &seen
}

// inside returns an error of the store as an account may see it.
func (s *Service) inside(p accounts.Principal, err error) error {
	if err == nil || isInside(p) {
		return err
	}
	var problems domains.Problems
	switch {
	case errors.As(err, &problems):
		s.log("a change was refused", "account", p.Name, "error", err)
		return errors.New("the configuration has mistakes elsewhere; ask an operator")
	case errors.Is(err, edits.ErrReadOnly), errors.Is(err, edits.ErrUnsafe):
		s.log("a change could not be written", "account", p.Name, "error", err)
		return &DeniedError{"", "this server cannot write its configuration; ask an operator"}
	case errors.Is(err, edits.ErrNotFound):
		return ErrNotFound
	case errors.Is(err, edits.ErrConflict), errors.Is(err, edits.ErrExists), errors.Is(err, edits.ErrNoHistory), errors.Is(err, edits.ErrUnchanged),
		errors.As(err, new(*edits.RemovalsError)):
		return err
	}
	s.log("a request failed", "account", p.Name, "error", err)
	return errors.New("this server cannot do that at the moment; ask an operator")
}

func (s *Service) log(message string, args ...any) {
	if s.Log != nil {
		s.Log.Warn(message, args...)
	}
}

// mistakes returns why the store refused values, as an account may see it: for operators everything, for others the problems of the record itself.
// Those that depend on other records are said without naming them.
func (s *Service) mistakes(a access, values edits.Values, err error) error {
	var problems domains.Problems
	if !errors.As(err, &problems) || errors.Is(err, domains.ErrUnread) {
		return s.inside(a.who, err)
	}
	list := make([]Problem, 0, len(problems))
	own := ownProblems(a.record.Ref, values)
	elsewhere := false
	for _, p := range problems {
		key, isOwn := keyOf(a.record.Ref, p.Key)
		switch {
		case isInside(a.who) && !isOwn:
			list = append(list, Problem{"", p.String()})
		case isInside(a.who):
			list = append(list, Problem{key, p.Text})
		case !isOwn:
			elsewhere = true
		default:
			list = append(list, Problem{key, seenText(own, p)})
		}
	}
	if elsewhere && len(list) == 0 {
		return s.inside(a.who, err)
	}
	return &InvalidError{list}
}

// setMistakes is mistakes for a set of edits, for somebody who may not see everything: the keys of the problems name the records.
func (s *Service) setMistakes(p accounts.Principal, set []edits.Edit, err error) error {
	var problems domains.Problems
	if !errors.As(err, &problems) || errors.Is(err, domains.ErrUnread) {
		return s.inside(p, err)
	}
	of := make(map[string]*edits.Edit, 3*len(set))
	for i := range set {
		e := &set[i]
		for _, key := range []string{e.Name, e.Ref.String(), tableOf(e.Ref)} {
			of[key] = e
		}
	}
	own := make(map[*edits.Edit]domains.Problems)
	var list []Problem
	for _, problem := range problems {
		key := problem.Key
		for key != "" && of[key] == nil { // without its last part
			key = key[:max(0, strings.LastIndexAny(key, ".["))]
		}
		e := of[key]
		if e == nil {
			continue // of another record
		}
		if _, known := own[e]; !known {
			own[e] = ownProblems(e.Ref, e.Values)
		}
		list = append(list, Problem{problem.Key, seenText(own[e], problem)})
	}
	if list == nil {
		return s.inside(p, err)
	}
	return &InvalidError{list}
}

// seenText is what somebody who may not see everything gets to read about a problem of a record; own are those of its values alone.
func seenText(own domains.Problems, p domains.Problem) string {
	if isSafe(own, p) {
		return p.Text
	}
	return "does not fit the rest of the configuration: a name that is in use, or something that this domain does not inherit"
}

// isSafe reports whether a problem says nothing of other records: because it is one of the values alone, or a text without names and places.
func isSafe(own domains.Problems, p domains.Problem) bool {
	for _, o := range own {
		if o.Text == p.Text {
			return true
		}
	}
	for _, start := range []string{"has no ", "is not ", "needs "} {
		if strings.HasPrefix(p.Text, start) && !strings.ContainsAny(p.Text, `%"/`) && !strings.Contains(p.Text, " at ") {
			return true
		}
	}
	return false
}

// keyOf returns the key of a record that a problem is about, and whether it is about the record at all.
func keyOf(ref edits.Ref, key string) (string, bool) {
	if key == ref.Name || key == ref.String() {
		return "", true
	}
	rest, ok := strings.CutPrefix(key, tableOf(ref))
	if !ok || rest != "" && rest[0] != '.' && rest[0] != '[' {
		return "", false
	}
	return strings.TrimPrefix(rest, "."), true
}

// tableOf is the key of the table of a record in domains.toml.
func tableOf(ref edits.Ref) string {
	if ref.Kind == edits.Domain {
		return "domains." + tomledit.Quote(ref.Name)
	}
	return "profiles." + tomledit.QuoteKey(ref.Name)
}
