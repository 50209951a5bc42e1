package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"mailhint/doctor"
)

// textReports prints for people.
type textReports struct {
	out   io.Writer
	alone bool // one domain: everything about it
	all   bool // very many domains: nothing about those that are good
	width int  // of the terminal; 0 if there is none
	verdict
	remedies []*remedy
	byDo     map[string]*remedy
	pasted   int // octets of text to paste in them
	cut      bool
}

// remedy is something to do, where, and what to paste there.
type remedy struct {
	do, paste string
	about     []string        // codes and subjects, the first of them
	known     map[string]bool // codes and subjects, and texts to paste
}

// Bounds of the list at the end of a long run; what comes first is told.
const (
	maxRemedies = 100
	maxAbout    = 1000     // codes and subjects of a remedy
	maxPaste    = 64 << 10 // octets of text to paste, in all
)

func (p *textReports) print(r doctor.Report) error {
	p.count(r)
	p.remember(r)
	isGood := len(r.Findings) == 0 && !r.Incomplete
	switch {
	case p.all && isGood:
		return nil // of thousands, the bad ones are looked for
	case !p.alone && isGood && len(r.Unchecked) == 0:
		_, err := fmt.Fprintf(p.out, "%s: good\n", r.Domain)
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s, %s\n", r.Domain, count(tally(r, doctor.Problem), "problem"), count(tally(r, doctor.Warning), "warning"))
	for _, f := range r.Findings {
		p.fold(&b, "      ", fmt.Sprintf("  %s %s %s: %s", f.Code, f.Severity, f.Subject, f.Text))
	}
	for _, u := range r.Unchecked {
		p.fold(&b, "      ", "  not checked: "+u)
	}
	if p.alone {
		p.clients(&b, r.Clients)
	}
	_, err := io.WriteString(p.out, b.String())
	return err
}

// fold writes a line, on a terminal as several that are no wider than it usually is.
func (p *textReports) fold(b *strings.Builder, indent, line string) {
	for p.width > 0 && len(line) > p.width {
		cut := strings.LastIndexByte(line[:p.width+1], ' ')
		if cut <= len(indent) { // a word that is too long by itself stays whole
			if cut = strings.IndexByte(line[len(indent):], ' ') + len(indent); cut < len(indent)+1 {
				break
			}
		}
		b.WriteString(line[:cut] + "\n")
		line = indent + strings.TrimLeft(line[cut:], " ")
	}
	b.WriteString(line + "\n")
}

// terminalWidth is how wide lines for people may be; 0 for any width where programs read them.
func terminalWidth(out io.Writer) int {
	file, ok := out.(*os.File)
	if !ok {
		return 0
	}
	if info, err := file.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return 0
	}
	return 80
}

func tally(r doctor.Report, s doctor.Severity) int {
	n := 0
	for _, f := range r.Findings {
		if f.Severity == s {
			n++
		}
	}
	return n
}

// clients prints what programs end up with, those together that end up with the same.
func (p *textReports) clients(b *strings.Builder, list []doctor.Client) {
	var done []doctor.Client
	for _, c := range list {
		if slices.ContainsFunc(done, func(d doctor.Client) bool { return sameOutcome(c, d) }) {
			continue
		}
		done = append(done, c)
		var names, from []string
		for _, other := range list {
			if !sameOutcome(c, other) {
				continue
			}
			names = append(names, other.Name)
			if other.From != "" && !slices.Contains(from, other.From) {
				from = append(from, other.From)
			}
		}
		b.WriteString("\n")
		p.fold(b, "    ", outcome(c)+": "+strings.Join(names, ", "))
		for _, row := range []struct{ title, text string }{
			{"incoming", c.Incoming}, {"outgoing", c.Outgoing}, {"login", c.Login}, {"from", strings.Join(from, ", ")}, {"why", c.Why},
		} {
			if row.text != "" {
				p.fold(b, "              ", fmt.Sprintf("    %-8s  %s", row.title, row.text))
			}
		}
	}
}

func sameOutcome(a, b doctor.Client) bool {
	return outcome(a) == outcome(b) && a.Incoming == b.Incoming && a.Outgoing == b.Outgoing && a.Login == b.Login && a.Why == b.Why
}

// outcome says in words whether a program works.
func outcome(c doctor.Client) string {
	switch {
	case c.Works == nil:
		return "Not known"
	case *c.Works:
		return "Works"
	}
	return "Does not work"
}

// remember keeps what to do, each thing once for all domains.
func (p *textReports) remember(r doctor.Report) {
	for _, f := range r.Findings {
		m := p.remedyFor(f.Do)
		if m == nil {
			continue
		}
		if about := string(f.Code) + " " + f.Subject; !m.known[about] && len(m.about) < maxAbout {
			m.known[about] = true
			m.about = append(m.about, about)
		}
		switch {
		case f.Paste == "" || m.known[f.Paste]:
		case p.pasted+len(f.Paste) > maxPaste:
			p.cut = true
		default:
			m.known[f.Paste] = true
			p.pasted += len(f.Paste)
			m.paste = strings.TrimPrefix(m.paste+"\n"+f.Paste, "\n")
		}
	}
}

// remedyFor returns the remedy that says what to do; nil if there are too many.
func (p *textReports) remedyFor(do string) *remedy {
	m := p.byDo[do]
	switch {
	case m != nil:
		return m
	case len(p.remedies) >= maxRemedies:
		p.cut = true
		return nil
	case p.byDo == nil:
		p.byDo = make(map[string]*remedy)
	}
	m = &remedy{do: do, known: make(map[string]bool)}
	p.byDo[do], p.remedies = m, append(p.remedies, m)
	return m
}

func (p *textReports) end() error {
	if len(p.remedies) > 0 {
		fmt.Fprintf(p.out, "\nDo this:\n")
	}
	for i, m := range p.remedies {
		about := m.about[:min(len(m.about), 3)]
		more, stop := "", "."
		if len(m.about) > len(about) {
			more = fmt.Sprintf(", and %d more", len(m.about)-len(about))
		}
		if len(m.about) == maxAbout {
			more += " at least"
		}
		if m.paste != "" {
			stop = ":"
		}
		var b strings.Builder
		p.fold(&b, "   ", fmt.Sprintf("%d. %s (%s%s)%s", i+1, strings.TrimRight(m.do, ".:"), strings.Join(about, ", "), more, stop))
		fmt.Fprintf(p.out, "\n%s", b.String())
		if m.paste != "" {
			fmt.Fprintf(p.out, "\n    %s\n", strings.ReplaceAll(m.paste, "\n", "\n    "))
		}
	}
	if p.cut {
		fmt.Fprintf(p.out, "\nThere is more to do than stands here; name a domain to see what.\n")
	}
	if !p.alone {
		fmt.Fprintf(p.out, "\n%s\n", p.summary())
	}
	return p.exit()
}

// summary says what the run comes to.
func (v *verdict) summary() string {
	text := fmt.Sprintf("%s (%d good), %s, %s", count(v.domains, "domain"), v.good,
		count(v.problems, "problem"), count(v.warnings, "warning"))
	if v.unchecked > 0 {
		text += fmt.Sprintf(", %s not fully checked", count(v.unchecked, "domain"))
	}
	return text
}
