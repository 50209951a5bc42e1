package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"mailhint/domains"
	"mailhint/help"
	"mailhint/preview"
	"mailhint/settings"
)

// shown is what show prints: with --json all of it, otherwise only what was asked for.
type shown struct {
	Client  string `json:"client,omitempty"`
	Domain  string `json:"domain"`
	AliasOf string `json:"alias_of,omitempty"`
	Address string `json:"address,omitempty"`
	// The answer; nothing of it with --for human, --url or --explain.
	Status   int    `json:"status,omitempty"`
	Location string `json:"location,omitempty"`
	Body     string `json:"body,omitempty"`
	// Page is for --for human.
	Page *help.Page `json:"page,omitempty"`
	// With --url.
	URL         string `json:"url,omitempty"`
	Same        *bool  `json:"same,omitempty"`
	Differences string `json:"differences,omitempty"`
	// Values are for --explain.
	Values []valueOrigin `json:"values,omitempty"`

	text []byte // of the answer
}

// valueOrigin is a value and where it was written; File is empty for built-in values.
type valueOrigin struct {
	Key   string `json:"key"`
	Value string `json:"value"`
	File  string `json:"file,omitempty"`
	Line  int    `json:"line,omitempty"`

	origin domains.Origin
}

func valueOrigins(origins []domains.Origin) []valueOrigin {
	values := make([]valueOrigin, 0, len(origins))
	for _, o := range origins {
		values = append(values, valueOrigin{o.Key, o.Value, o.Position.File, o.Position.Line, o})
	}
	return values
}

func newShown(flags showFlags, q settings.Question, found settings.Found) *shown {
	s := &shown{Client: flags.client, Domain: string(found.Domain), URL: flags.url}
	if found.Primary != found.Domain {
		s.AliasOf = string(found.Primary)
	}
	if !q.Address.IsZero() {
		s.Address = q.Address.String()
	}
	if flags.explain {
		s.Client, s.URL = "", ""
	}
	return s
}

// compare compares the configured answer with that of a running server, or takes the first if there is no server to ask.
func (s *shown) compare(ctx context.Context, client preview.Client, q settings.Question, configured preview.Answer) error {
	if s.URL == "" {
		s.Status, s.Location, s.Body, s.text = configured.Status, configured.Location, string(configured.Body), configured.Text()
		return nil
	}
	live, err := client.Fetch(ctx, s.URL, q)
	if err != nil {
		return err
	}
	s.Differences = preview.Compare(configured, live)
	s.Same = new(bool)
	*s.Same = s.Differences == ""
	return nil
}

// print prints what was asked for.
func (s *shown) print(w io.Writer) (err error) {
	switch {
	case s.Values != nil:
		return s.explain(w)
	case s.Page != nil:
		_, err = io.WriteString(w, s.Page.Text())
	case s.Same == nil:
		_, err = w.Write(s.text)
	case *s.Same:
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
	for _, v := range s.Values {
		fmt.Fprintf(w, "%s\t%s\t%s\n", v.Key, v.Value, v.origin.Position)
	}
	return w.Flush()
}
