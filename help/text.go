package help

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Text prints the page for a terminal or an e-mail.
func (p Page) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n%s\n", p.Title, p.Intro)
	for _, s := range p.Services {
		fmt.Fprintf(&b, "\n%s\n", s.Title)
		if s.Note != "" {
			fmt.Fprintf(&b, "  %s\n", s.Note)
		}
		table(&b, func(w io.Writer) {
			for _, r := range s.Rows {
				fmt.Fprintf(w, "  %s\t%s\n", r.Label, r.Value)
			}
		})
	}
	if len(p.Links) > 0 {
		b.WriteByte('\n')
	}
	table(&b, func(w io.Writer) {
		for _, l := range p.Links {
			fmt.Fprintf(w, "%s\t%s\n", l.Title, l.URL)
		}
	})
	return b.String()
}

func table(b *strings.Builder, print func(io.Writer)) {
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	print(w)
	w.Flush() // to a strings.Builder, which takes everything
}
