package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"mailhint/doctor"
)

// reportPrinter prints reports as they come.
type reportPrinter interface {
	print(doctor.Report) error
	// end prints what belongs to all of them, and returns the exit code of the run as an error.
	end() error
}

func (f doctorFlags) printer(out io.Writer, alone bool) reportPrinter {
	switch {
	case f.json:
		return &jsonReports{out: out}
	case f.nagios:
		return &nagiosReports{out: out}
	}
	return &textReports{out: out, alone: alone}
}

// verdict is what a run comes to.
type verdict struct {
	domains, problems, warnings, unchecked int
	took                                   float64
}

func (v *verdict) count(r doctor.Report) {
	v.domains++
	v.took = max(v.took, r.Took)
	for _, f := range r.Findings {
		if f.Severity == doctor.Problem {
			v.problems++
		} else {
			v.warnings++
		}
	}
	if r.Incomplete {
		v.unchecked++
	}
}

func (v *verdict) exit() error {
	switch {
	case v.problems+v.warnings > 0:
		return exitError{code: exitProblem}
	case v.unchecked > 0:
		return exitError{code: exitUnknown}
	}
	return nil
}

// jsonReports prints one document with a line for each domain, so that a run over many needs no memory for them.
type jsonReports struct {
	out io.Writer
	verdict
}

func (p *jsonReports) print(r doctor.Report) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	before := ",\n"
	if p.domains == 0 {
		before = "{\"domains\":[\n"
	}
	p.count(r)
	_, err = fmt.Fprintf(p.out, "%s%s", before, line)
	return err
}

func (p *jsonReports) end() error {
	text := "\n]}\n"
	if p.domains == 0 {
		text = "{\"domains\":[]}\n"
	}
	if _, err := io.WriteString(p.out, text); err != nil {
		return err
	}
	return p.exit()
}

// nagiosReports prints one line and the figures, as the Monitoring Plugins development guidelines say.
type nagiosReports struct {
	out io.Writer
	verdict
	first map[doctor.Severity][]string // of the findings
}

// maxNagios is how many findings the line names.
const maxNagios = 5

// nagiosUnknown tells monitoring that nothing could be found out. To it, the exit codes of other commands mean other things.
func nagiosUnknown(out io.Writer, err error) error {
	text, _, _ := strings.Cut(err.Error(), "\n")
	if _, err := fmt.Fprintf(out, "MAILHINT UNKNOWN - %s\n", nagiosText(text)); err != nil {
		return err
	}
	return exitError{code: exitUnknown}
}

// nagiosText is a text without the character before which the text ends and the figures begin.
func nagiosText(s string) string { return strings.ReplaceAll(printable(s), "|", "/") }

func (p *nagiosReports) print(r doctor.Report) error {
	p.count(r)
	if p.first == nil {
		p.first = make(map[doctor.Severity][]string)
	}
	for _, f := range r.Findings {
		text := fmt.Sprintf("%s %s", f.Code, f.Subject)
		if first := p.first[f.Severity]; len(first) < maxNagios && !slices.Contains(first, text) {
			p.first[f.Severity] = append(first, text)
		}
	}
	return nil
}

func (p *nagiosReports) end() error {
	state, code := "OK", 0
	switch {
	case p.problems > 0:
		state, code = "CRITICAL", 2
	case p.unchecked > 0:
		state, code = "UNKNOWN", 3
	case p.warnings > 0:
		state, code = "WARNING", 1
	}
	details := ""
	if first := append(p.first[doctor.Problem], p.first[doctor.Warning]...); len(first) > 0 {
		details = ": " + nagiosText(strings.Join(first[:min(len(first), maxNagios)], "; "))
	}
	_, err := fmt.Fprintf(p.out, "MAILHINT %s - %s, %s, %s%s | domains=%d problems=%d;;0 warnings=%d;0 unchecked=%d time=%.3fs\n",
		state, count(p.domains, "domain"), count(p.problems, "problem"), count(p.warnings,
			"warning"), details, p.domains, p.problems, p.warnings, p.unchecked, p.took)
	if err != nil {
		return err
	}
	return exitError{code: code}
}

// textReports prints for people.
type textReports struct {
	out   io.Writer
	alone bool // one domain: everything about it
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
	if !p.alone && len(r.Findings) == 0 && len(r.Unchecked) == 0 {
		_, err := fmt.Fprintf(p.out, "%s: good\n", r.Domain)
		return err
	}
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s: %s, %s\n", r.Domain, count(tally(r, doctor.Problem), "problem"), count(tally(r, doctor.Warning), "warning"))
	for _, f := range r.Findings {
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", f.Code, f.Severity, f.Subject, f.Text)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, u := range r.Unchecked {
		fmt.Fprintf(p.out, "  not checked: %s\n", u)
	}
	if p.alone && len(r.Clients) > 0 {
		return p.clients(r.Clients)
	}
	return nil
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

// clients prints what programs end up with.
func (p *textReports) clients(list []doctor.Client) error {
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\nPROGRAM\tWORKS\tINCOMING\tOUTGOING\tLOGIN\tFROM\n")
	for _, c := range list {
		works := "yes"
		if !c.Works {
			works = "no"
		}
		if c.Incoming == "" {
			fmt.Fprintf(w, "%s\t%s\t%s\n", c.Name, works, c.Why)
			continue
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", c.Name, works, c.Incoming, c.Outgoing, c.Login, c.From)
		if c.Why != "" {
			fmt.Fprintf(w, "\t\t%s\n", c.Why)
		}
	}
	return w.Flush()
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
		fmt.Fprintf(p.out, "\n%d. %s (%s%s)%s\n", i+1, strings.TrimRight(m.do, ".:"), strings.Join(about, ", "), more, stop)
		if m.paste != "" {
			fmt.Fprintf(p.out, "\n    %s\n", strings.ReplaceAll(m.paste, "\n", "\n    "))
		}
	}
	if p.cut {
		fmt.Fprintf(p.out, "\nThere is more to do than stands here; name a domain to see what.\n")
	}
	if !p.alone {
		fmt.Fprintf(p.out, "\n%s, %s, %s\n", count(p.domains, "domain"), count(p.problems, "problem"), count(p.warnings, "warning"))
	}
	return p.exit()
}
