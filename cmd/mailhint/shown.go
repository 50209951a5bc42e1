package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"mailhint/domains"
	"mailhint/edits"
	"mailhint/help"
	"mailhint/preview"
	"mailhint/settings"
)

// shown is what show prints: with --json all of it, otherwise only what was asked for. Of answer, page, letter, comparison
// and values it has one.
type shown struct {
	Client  string `json:"client,omitempty"`
	Domain  string `json:"domain"`
	AliasOf string `json:"alias_of,omitempty"`
	Address string `json:"address,omitempty"`

	*preview.Answer
	Page   *help.Page `json:"page,omitempty"`
	Letter string     `json:"letter,omitempty"`
	*preview.Comparison
	*manager
	Values []domains.Origin `json:"values,omitempty"`
	Trials []trial          `json:"lookups,omitempty"`

	program string // whose steps to print with the page
}

// manager is where the truth about a domain is kept.
type manager struct {
	ManagedBy edits.ManagedBy `json:"managed_by"`
	Record    string          `json:"record"` // the name that commands such as set take: the domain, the one that it is an alias of, or a wildcard
	Where     string          `json:"where,omitempty"`
}

// managerOf returns what manages a domain; nil if only the fallback answers for it.
func managerOf(ctx context.Context, s edits.Store, d settings.Domain) (*manager, error) {
	r, err := edits.Answering(ctx, s, edits.Ref{Kind: edits.Domain, Name: string(d)})
	if errors.Is(err, edits.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	m := &manager{ManagedBy: r.ManagedBy, Record: r.Name}
	if r.Where != (domains.Position{}) {
		m.Where = r.Where.String()
	}
	return m, nil
}

func newShown(flags showFlags, q settings.Question, found settings.Found) *shown {
	s := &shown{Client: flags.client, Domain: string(found.Domain), program: flags.program}
	if found.Primary != found.Domain {
		s.AliasOf = string(found.Primary)
	}
	if !q.Address.IsZero() {
		s.Address = q.Address.String()
	}
	return s
}

// forPeople says it in plain words. A letter speaks of the page for people if there is one.
func (s *shown) forPeople(flags showFlags, q settings.Question, found settings.Found, hasPage bool) {
	page := help.For(help.Request{Found: found, Address: q.Address, Language: flags.language()})
	if flags.client == letter {
		url := ""
		if hasPage {
			url = "https://" + settings.AutoconfigPrefix + string(found.Domain) + "/"
		}
		s.Letter = page.Letter(url)
		return
	}
	s.Page = &page
}

// preview takes the configured answer or, if there is a URL, compares it with that of the server there.
func (s *shown) preview(ctx context.Context, client preview.Client, url string, q settings.Question, found settings.Found) error {
	answer, err := client.Answer(found, q.Address)
	switch {
	case err != nil:
		return err
	case url == "":
		s.Answer = &answer
		return nil
	}
	comparison, err := client.Compare(ctx, url, q, answer)
	s.Comparison = &comparison
	return err
}

// print prints what was asked for.
func (s *shown) print(w io.Writer) (err error) {
	switch {
	case s.Answer != nil:
		_, err = w.Write(s.Answer.Text())
	case s.Page != nil:
		_, err = io.WriteString(w, s.Page.Text(s.program))
	case s.Letter != "":
		_, err = io.WriteString(w, s.Letter)
	case s.Comparison == nil:
		return s.explain(w)
	case s.Same:
		_, err = fmt.Fprintf(w, "same: %s answers what the configuration says\n", s.URL)
	default:
		_, err = fmt.Fprintf(w, "different: - is what the configuration says, + what %s answers\n%s", s.URL, s.Differences)
	}
	return err
}

// explain prints where each value comes from.
func (s *shown) explain(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "domain\t%s\t\n", s.Domain)
	if s.AliasOf != "" {
		fmt.Fprintf(w, "alias of\t%s\t\n", s.AliasOf)
	}
	if m := s.manager; m != nil {
		by := string(m.ManagedBy)
		if m.Record != s.Domain && m.Record != s.AliasOf {
			by += ", as " + m.Record
		}
		fmt.Fprintf(w, "managed by\t%s\t%s\n", by, m.Where)
	}
	for _, v := range s.Values {
		fmt.Fprintf(w, "%s\t%s\t%s\n", v.Key, v.Value, v.Position)
	}
	return w.Flush()
}
