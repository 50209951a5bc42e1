package doctor

import (
	"fmt"

	"mailhint/spelling"
)

// Printer prints reports as they come. Print is called for each, then End once.
type Printer interface {
	Print(Report) error
	// End prints what concerns all reports. An interrupted run has an end, too.
	End() error
}

// Summary counts what a run found.
type Summary struct {
	Domains, Good, Problems, Warnings, Unchecked int
}

// Add counts a report.
func (s *Summary) Add(r Report) {
	problems, warnings := r.count(Problem), r.count(Warning)
	s.Domains++
	s.Problems += problems
	s.Warnings += warnings
	if r.Incomplete {
		s.Unchecked++
	} else if problems+warnings == 0 {
		s.Good++
	}
}

// String is the summary in words.
func (s Summary) String() string {
	text := fmt.Sprintf("%s (%d good), %s, %s",
		spelling.Count(s.Domains, "domain"), s.Good, spelling.Count(s.Problems, "problem"), spelling.Count(s.Warnings, "warning"))
	if s.Unchecked > 0 {
		text += fmt.Sprintf(", %s not fully checked", spelling.Count(s.Unchecked, "domain"))
	}
	return text
}
