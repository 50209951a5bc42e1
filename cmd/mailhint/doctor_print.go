package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"mailhint/doctor"
	"mailhint/untrusted"
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
		return &nagiosReports{out: out, start: time.Now()}
	}
	return &textReports{out: out, alone: alone, all: f.all, width: terminalWidth(out)}
}

// verdict is what a run comes to.
type verdict struct {
	domains, good, problems, warnings, unchecked int
}

func (v *verdict) count(r doctor.Report) {
	v.domains++
	if len(r.Findings) == 0 && !r.Incomplete {
		v.good++
	}
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
	out   io.Writer
	start time.Time // of the run
	verdict
	first  map[doctor.Severity][]string // of the findings
	reason string                       // the first for which something is not known
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
func nagiosText(s string) string { return strings.ReplaceAll(untrusted.Printable(s), "|", "/") }

func (p *nagiosReports) print(r doctor.Report) error {
	p.count(r)
	if p.first == nil {
		p.first = make(map[doctor.Severity][]string)
	}
	if p.reason == "" && r.Incomplete {
		p.reason = fmt.Sprintf("%s: %s", r.Domain, r.Reason)
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
	first := append(p.first[doctor.Problem], p.first[doctor.Warning]...)
	first = first[:min(len(first), maxNagios)]
	if state == "UNKNOWN" {
		first = slices.Insert(first, 0, p.reason)
	}
	details := ""
	if len(first) > 0 {
		details = ": " + nagiosText(strings.Join(first, "; "))
	}
	_, err := fmt.Fprintf(p.out, "MAILHINT %s - %s, %s, %s%s | domains=%d problems=%d;;0 warnings=%d;0 unchecked=%d time=%.3fs\n",
		state, count(p.domains, "domain"), count(p.problems, "problem"), count(p.warnings,
			"warning"), details, p.domains, p.problems, p.warnings, p.unchecked, time.Since(p.start).Seconds())
	if err != nil {
		return err
	}
	return exitError{code: code}
}
