package domains

import (
	"errors"
	"fmt"

	"mailhint/spelling"
)

// ErrHeldBack is wrapped by what File.Watch reports if a change would drop so many domains that it is probably a mistake: a list whose
// program stopped half-way, or a directory that is not mounted. File.Reload accepts it.
var ErrHeldBack = errors.New("held back")

// heldBackError says how many domains there would be.
type heldBackError struct{ before, after, dropped int }

func (e heldBackError) Error() string {
	what := fmt.Sprintf("%s domains would become %s", spelling.Thousands(e.before), spelling.Thousands(e.after))
	if e.before-e.after < e.dropped {
		what = fmt.Sprintf("%s of %s domains would be dropped", spelling.Thousands(e.dropped), spelling.Thousands(e.before))
	}
	return what + "; send SIGHUP (systemctl reload mailhint) to accept"
}

func (e heldBackError) Is(target error) bool { return target == ErrHeldBack }

// A change is held back if it would drop more than a fifth of the names, and more than ten.
const (
	maxDroppedShare = 5
	maxDropped      = 10
)

// heldBack returns an error if the snapshot lacks too many of the names before. Those that have moved to the records of a database, which may be
// nil, are not missing.
func (s *Snapshot) heldBack(before *Snapshot, records Records) error {
	dropped := 0
	for d := range before.names {
		if _, kept := s.names[d]; kept {
			continue
		}
		if records != nil {
			if moved, _ := records.Has(d); moved {
				continue
			}
		}
		dropped++
	}
	for d := range before.wildcards {
		if _, kept := s.wildcards[d]; !kept && (records == nil || records.FindWildcard(d) == nil) {
			dropped++
		}
	}
	if isUsual(dropped, before.Domains()) {
		return nil
	}
	return heldBackError{before.Domains(), s.Domains(), dropped}
}

func isUsual(dropped, before int) bool {
	return dropped <= maxDropped || dropped*maxDroppedShare <= before
}

// CheckDropped returns an error, which wraps ErrHeldBack, if a change of something else than files would drop so many names that it is probably a
// mistake.
func CheckDropped(dropped, before int) error {
	if isUsual(dropped, before) {
		return nil
	}
	return heldBackError{before, before - dropped, dropped}
}

// Lines are what /-/readyz shows: the lines of lists that are skipped, and warnings. A change that is held back is the reason of a refusal,
// which the server shows.
func (f *File) Lines() []string {
	const enough = 10
	s := f.Current()
	var lines []string
	if summary := s.SkippedSummary(); summary != "" {
		lines = append(lines, summary)
	}
	if n := len(s.Warnings); n > 0 {
		lines = append(lines, spelling.Count(n, "warning")+"; mailhint check lists "+itOrThem(n))
	}
	for _, list := range []Problems{s.Skipped, s.Warnings} {
		for _, p := range list[:min(len(list), enough)] {
			lines = append(lines, "  "+p.String())
		}
	}
	return lines
}

// SkippedSummary says how many lines of lists are skipped; "" for none.
func (s *Snapshot) SkippedSummary() string {
	if s.SkippedLines == 0 {
		return ""
	}
	return spelling.Count(s.SkippedLines, "line") + " of domains_file skipped; mailhint check lists " + itOrThem(s.SkippedLines)
}

func itOrThem(n int) string {
	if n == 1 {
		return "it"
	}
	return "them"
}
