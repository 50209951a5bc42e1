package domains

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"mailhint/settings"
	"mailhint/spelling"
)

// Report says whether a configuration can be used, for people and, as JSON, for programs.
type Report struct {
	File     string `json:"file"`
	OK       bool   `json:"ok"`
	Domains  int    `json:"domains"`
	Profiles int    `json:"profiles"`
	// FallbackMX are the hosts to one of which a name's mail must go for the fallback to answer.
	FallbackMX []settings.Domain `json:"fallback_mx,omitempty"`
	// EveryName is true if the fallback answers for every name in the world.
	EveryName bool     `json:"every_name,omitempty"`
	Problems  Problems `json:"problems"`
	// Warnings are about what is allowed but probably a mistake. OK does not depend on them.
	Warnings Problems `json:"warnings,omitempty"`
	// Unread is true if there is no such file, or it cannot be read, so that nothing is known about what it says.
	Unread bool `json:"-"`
}

// Check loads a configuration and reports on it. The Snapshot is nil if the configuration cannot be used. It is not nil if the only
// problems are lines of lists that a server would skip.
func Check(file string) (Report, *Snapshot) {
	r := Report{File: file, Problems: Problems{}}
	s, err := Load(file)
	if err != nil {
		errors.As(err, &r.Problems) // Load returns nothing else
		r.Unread = errors.Is(err, ErrUnread)
		return r, nil
	}
	r.Domains, r.Profiles, r.FallbackMX, r.EveryName = s.Domains(), s.Profiles, s.FallbackMX(), s.fallback != nil && s.fallback.mx == nil
	r.Warnings = slices.DeleteFunc(slices.Clone(s.Warnings), func(p Problem) bool { return slices.Contains(s.incomplete, p) })
	r.OK = true
	r.Fail(s.incomplete...)
	r.Fail(s.Skipped...)
	if more := s.SkippedLines - len(s.Skipped); more > 0 {
		r.Fail(Problem{Position: Position{File: file}, Text: fmt.Sprintf("%s of domains_file %s skipped", spelling.Count(more, "more line"), isOrAre(more))})
	}
	return r, s
}

// Fail adds problems, because of which the configuration is not all right.
func (r *Report) Fail(problems ...Problem) {
	if len(problems) > 0 {
		r.OK, r.Problems = false, append(r.Problems, problems...)
	}
}

// PrintWarnings writes the warnings for people, a line each.
func (r Report) PrintWarnings(w io.Writer) error {
	for _, p := range r.Warnings {
		p.Text = "warning: " + p.Text
		if _, err := fmt.Fprintln(w, p); err != nil {
			return err
		}
	}
	return nil
}

// Print writes the report for people: one line that says what there is, or all problems, a line each.
func (r Report) Print(w io.Writer) error {
	if r.OK {
		fallback := ""
		switch {
		case r.EveryName:
			fallback = ", and EVERY other name in the world"
		case r.FallbackMX != nil:
			fallback = ", and every name whose MX is " + alternatives(r.FallbackMX)
		}
		_, err := fmt.Fprintf(w, "ok, %s, %s%s\n", spelling.Count(r.Domains, "domain"), spelling.Count(r.Profiles, "profile"), fallback)
		return err
	}
	for _, p := range r.Problems {
		if _, err := fmt.Fprintln(w, p); err != nil {
			return err
		}
	}
	return nil
}

// MarshalJSON writes {"file", "line", "key", "text"}.
func (p Problem) MarshalJSON() ([]byte, error) {
	o := object{{"file", p.File}}
	if p.Line != 0 {
		o.add("line", p.Line)
	}
	if p.Key != "" {
		o.add("key", p.Key)
	}
	o.add("text", p.Text)
	return o.MarshalJSON()
}

func isOrAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// alternatives spells a list of hosts.
func alternatives(hosts []settings.Domain) string { return strings.Join(texts(hosts), " or ") }
