package doctor

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"mailhint/spelling"
)

// Text is the report for people, in lines no wider than width characters; 0 is any width. Details adds what each client would get.
func (r Report) Text(width int, details bool) string {
	t := textBuilder{width: width}
	fmt.Fprintf(&t, "%s: %s, %s\n", r.Domain, spelling.Count(r.count(Problem), "problem"), spelling.Count(r.count(Warning), "warning"))
	for _, f := range r.Findings {
		t.fold("      ", fmt.Sprintf("  %s %s %s: %s", f.Code, f.Severity, f.Subject, f.Text))
	}
	for _, u := range r.Unchecked {
		t.fold("      ", "  not checked: "+u)
	}
	if details {
		t.clients(r.Clients)
	}
	return t.String()
}

// textBuilder builds a text in lines of limited width.
type textBuilder struct {
	strings.Builder
	width int // in characters; 0 for any
}

// fold writes a line as one or more that fit. The second and later ones are indented. A word that does not fit stays whole.
func (t *textBuilder) fold(indent, line string) {
	for t.width > 0 && utf8.RuneCountInString(line) > t.width {
		cut := strings.LastIndexByte(string([]rune(line)[:t.width+1]), ' ')
		if cut <= len(indent) {
			if cut = strings.IndexByte(line[len(indent):], ' ') + len(indent); cut < len(indent)+1 {
				break
			}
		}
		t.WriteString(line[:cut] + "\n")
		line = indent + strings.TrimLeft(line[cut:], " ")
	}
	t.WriteString(line + "\n")
}

// clients writes what clients get, those with the same result together.
func (t *textBuilder) clients(list []Client) {
	var done []Client
	for _, c := range list {
		if slices.ContainsFunc(done, c.getsTheSame) {
			continue
		}
		done = append(done, c)
		var names, from []string
		for _, other := range list {
			if !c.getsTheSame(other) {
				continue
			}
			names = append(names, other.Name)
			if other.From != "" && !slices.Contains(from, other.From) {
				from = append(from, other.From)
			}
		}
		t.WriteString("\n")
		t.fold("    ", c.result()+": "+strings.Join(names, ", "))
		for _, row := range []struct{ title, text string }{
			{"incoming", c.Incoming}, {"outgoing", c.Outgoing}, {"login", c.Login}, {"from", strings.Join(from, ", ")}, {"why", c.Why},
		} {
			if row.text != "" {
				t.fold("              ", fmt.Sprintf("    %-8s  %s", row.title, row.text))
			}
		}
	}
}

func (c Client) getsTheSame(other Client) bool {
	return c.result() == other.result() && c.Incoming == other.Incoming && c.Outgoing == other.Outgoing && c.Login == other.Login &&
		c.Why == other.Why
}

// result says in words whether a client works.
func (c Client) result() string {
	switch {
	case c.Works == nil:
		return "Unknown"
	case *c.Works:
		return "Works"
	}
	return "Does not work"
}

// TextPrinter prints reports for people. What to do comes at the end, each thing once for all domains.
type TextPrinter struct {
	Out io.Writer
	// Alone prints everything about a single domain.
	Alone bool
	// OnlyBad says nothing about the good ones among very many domains.
	OnlyBad bool
	// Width of the lines in characters; 0 for any.
	Width int

	summary Summary
	fixes   []*fix
	byText  map[string]*fix
	pasted  int // octets of text to paste in fixes
	cut     bool
}

// fix is something to do, for which findings, and what to paste.
type fix struct {
	text, paste string
	about       []string        // codes and subjects, the first of them
	known       map[string]bool // codes and subjects, and texts to paste
}

// Limits of the list of fixes at the end of a long run. The first ones are kept.
const (
	maxFixes = 100
	maxAbout = 1000     // codes and subjects of a fix
	maxPaste = 64 << 10 // octets of text to paste, in all
)

// Print implements Printer.
func (p *TextPrinter) Print(r Report) error {
	p.summary.Add(r)
	p.remember(r)
	isGood := len(r.Findings) == 0 && !r.Incomplete
	switch {
	case p.OnlyBad && isGood:
		return nil
	case !p.Alone && isGood && len(r.Unchecked) == 0:
		_, err := fmt.Fprintf(p.Out, "%s: good\n", r.Domain)
		return err
	}
	_, err := io.WriteString(p.Out, r.Text(p.Width, p.Alone))
	return err
}

// remember keeps what to do.
func (p *TextPrinter) remember(r Report) {
	for _, f := range r.Findings {
		x := p.fixFor(f.Fix)
		if x == nil {
			continue
		}
		if about := string(f.Code) + " " + f.Subject; !x.known[about] && len(x.about) < maxAbout {
			x.known[about] = true
			x.about = append(x.about, about)
		}
		switch {
		case f.Paste == "" || x.known[f.Paste]:
		case p.pasted+len(f.Paste) > maxPaste:
			p.cut = true
		default:
			x.known[f.Paste] = true
			p.pasted += len(f.Paste)
			x.paste = strings.TrimPrefix(x.paste+"\n"+f.Paste, "\n")
		}
	}
}

// fixFor returns the fix with a text; nil if there are too many.
func (p *TextPrinter) fixFor(text string) *fix {
	x := p.byText[text]
	switch {
	case x != nil:
		return x
	case len(p.fixes) >= maxFixes:
		p.cut = true
		return nil
	case p.byText == nil:
		p.byText = make(map[string]*fix)
	}
	x = &fix{text: text, known: make(map[string]bool)}
	p.byText[text], p.fixes = x, append(p.fixes, x)
	return x
}

// End implements Printer.
func (p *TextPrinter) End() error {
	t := textBuilder{width: p.Width}
	if len(p.fixes) > 0 {
		t.WriteString("\nHow to fix it:\n")
	}
	for i, x := range p.fixes {
		t.fix(i+1, x)
	}
	if p.cut {
		t.WriteString("\nThere is more to fix; run doctor for a single domain to see the rest.\n")
	}
	if !p.Alone {
		fmt.Fprintf(&t, "\n%s\n", p.summary)
	}
	_, err := io.WriteString(p.Out, t.String())
	return err
}

// fix writes one of the things to do.
func (t *textBuilder) fix(n int, x *fix) {
	about, stop := x.about[:min(len(x.about), 3)], "."
	more := ""
	if len(x.about) > len(about) {
		more = fmt.Sprintf(", and %d more", len(x.about)-len(about))
	}
	if len(x.about) == maxAbout {
		more = fmt.Sprintf(", and at least %d more", len(x.about)-len(about))
	}
	if x.paste != "" {
		stop = ":"
	}
	t.WriteString("\n")
	t.fold("   ", fmt.Sprintf("%d. %s (%s%s)%s", n, strings.TrimRight(x.text, ".:"), strings.Join(about, ", "), more, stop))
	if x.paste != "" {
		fmt.Fprintf(t, "\n    %s\n", strings.ReplaceAll(x.paste, "\n", "\n    "))
	}
}
