package compare

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"mailhint/spelling"
	"mailhint/untrusted"
)

// Printer prints results as they come, and what they come to.
type Printer interface {
	Print(Result) error
	End(Summary) error
}

// TextPrinter prints for people: only what would change, and what could not be checked.
type TextPrinter struct {
	Out io.Writer
	// Server is the URL of the old server.
	Server string
}

// Print prints a result, or nothing if nothing changes.
func (p *TextPrinter) Print(r Result) error {
	if len(r.Changes)+len(r.Unchecked) == 0 {
		return nil
	}
	var b strings.Builder
	if r.SameAs != "" {
		fmt.Fprintf(&b, "%s: as for %s\n", r.Domain, r.SameAs)
		_, err := io.WriteString(p.Out, b.String())
		return err
	}
	fmt.Fprintf(&b, "%s\n", r.Domain)
	for _, c := range r.Changes {
		fmt.Fprintf(&b, "  %s: %s\n    %s -> %s\n", c.title(), strings.Join(c.Clients, ", "), untrusted.Printable(c.Old), untrusted.Printable(c.New))
		if c.Purpose != "" {
			fmt.Fprintf(&b, "    on purpose: %s\n", c.Purpose)
		}
	}
	for _, line := range r.Unchecked {
		fmt.Fprintf(&b, "  not checked: %s\n", untrusted.Printable(line))
	}
	_, err := io.WriteString(p.Out, b.String())
	return err
}

// title says what changes and in which respects, such as "incoming server (host, port)". Some names say that themselves.
func (c Change) title() string {
	switch c.Kinds[0] {
	case Login, SignIn, URL:
		return c.What
	}
	var kinds []string
	for _, k := range c.Kinds {
		kinds = append(kinds, string(k))
	}
	return c.What + " (" + strings.Join(kinds, ", ") + ")"
}

// End prints the summary.
func (p *TextPrinter) End(s Summary) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s compared with %s: %s the same, %s changed", spelling.Count(s.Domains, "domain"), p.Server, spelling.Thousands(s.Same), spelling.Thousands(s.Changed))
	if s.OnPurpose > 0 {
		fmt.Fprintf(&b, " (%s only on purpose)", spelling.Thousands(s.OnPurpose))
	}
	if s.Unchecked > 0 {
		fmt.Fprintf(&b, ", %s not fully checked", spelling.Thousands(s.Unchecked))
	}
	b.WriteString("\n")
	for _, k := range s.Kinds {
		fmt.Fprintf(&b, "  %s: %s", k.Kind, spelling.Count(k.Domains, "domain"))
		if k.OnPurpose > 0 {
			fmt.Fprintf(&b, ", %s on purpose", spelling.Thousands(k.OnPurpose))
		}
		fmt.Fprintf(&b, "; %s\n", strings.Join(k.Clients, ", "))
	}
	if s.OwnName > 0 {
		fmt.Fprintf(&b, "  for %s, %s answers only under its own name; clients reach it by a redirect or by the MX record\n",
			spelling.Count(s.OwnName, "domain"), p.Server)
	}
	_, err := io.WriteString(p.Out, b.String())
	return err
}

// JSONPrinter prints one JSON document with a line for each domain, so that a comparison of many needs no memory.
type JSONPrinter struct {
	Out    io.Writer
	Server string
	begun  bool
}

// Print prints a result.
func (p *JSONPrinter) Print(r Result) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	before := ",\n"
	if !p.begun {
		before, err = p.begin()
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.Out, "%s%s", before, text)
	return err
}

// begin returns how the document begins.
func (p *JSONPrinter) begin() (string, error) {
	p.begun = true
	server, err := json.Marshal(p.Server)
	return fmt.Sprintf(`{"with":%s,"domains":[`, server) + "\n", err
}

// End ends the document with the summary.
func (p *JSONPrinter) End(s Summary) error {
	before, text := "", []byte(nil)
	var err error
	if !p.begun {
		before, err = p.begin()
	}
	if err != nil {
		return err
	}
	if s.Kinds == nil {
		s.Kinds = []KindSummary{}
	}
	if text, err = json.Marshal(s); err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.Out, "%s\n],\"summary\":%s}\n", before, text)
	return err
}
