package doctor

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"mailhint/spelling"
	"mailhint/untrusted"
)

// NagiosState is a result as monitoring plugins return it, with the number that is their exit code.
type NagiosState int

// The states of the Monitoring Plugins development guidelines.
const (
	NagiosOK NagiosState = iota
	NagiosWarning
	NagiosCritical
	NagiosUnknown
)

func (n NagiosState) String() string { return [...]string{"OK", "WARNING", "CRITICAL", "UNKNOWN"}[n] }

// Nagios is what a run comes to for monitoring.
func (s Summary) Nagios() NagiosState {
	switch {
	case s.Problems > 0:
		return NagiosCritical
	case s.Unchecked > 0:
		return NagiosUnknown
	case s.Warnings > 0:
		return NagiosWarning
	}
	return NagiosOK
}

// NagiosPrinter prints one line with the result and the figures, as the Monitoring Plugins development guidelines ask for.
type NagiosPrinter struct {
	Out io.Writer
	// Start is when the run began.
	Start time.Time

	summary Summary
	first   map[Severity][]string // codes and subjects of the first findings
	reason  string                // the first reason why something is unknown
}

// maxNagios is how many findings the line names.
const maxNagios = 5

// Print implements Printer.
func (p *NagiosPrinter) Print(r Report) error {
	p.summary.Add(r)
	if p.first == nil {
		p.first = make(map[Severity][]string)
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

// End implements Printer.
func (p *NagiosPrinter) End() error {
	state := p.summary.Nagios()
	first := append(p.first[Problem], p.first[Warning]...)
	first = first[:min(len(first), maxNagios)]
	if state == NagiosUnknown {
		first = slices.Insert(first, 0, p.reason)
	}
	details := ""
	if len(first) > 0 {
		details = ": " + nagiosText(strings.Join(first, "; "))
	}
	s := p.summary
	_, err := fmt.Fprintf(p.Out, "MAILHINT %s - %s, %s, %s%s | domains=%d problems=%d;;0 warnings=%d;0 unchecked=%d time=%.3fs\n",
		state, spelling.Count(s.Domains, "domain"), spelling.Count(s.Problems, "problem"), spelling.Count(s.Warnings, "warning"), details,
		s.Domains, s.Problems, s.Warnings, s.Unchecked, time.Since(p.Start).Seconds())
	return err
}

// PrintNagiosError prints the line for a run that could not begin or finish. Its state is NagiosUnknown.
func PrintNagiosError(out io.Writer, err error) error {
	text, _, _ := strings.Cut(err.Error(), "\n")
	_, failed := fmt.Fprintf(out, "MAILHINT %s - %s\n", NagiosUnknown, nagiosText(text))
	return failed
}

// nagiosText is a text without the character that ends the text and begins the figures.
func nagiosText(s string) string { return strings.ReplaceAll(untrusted.Printable(s), "|", "/") }
