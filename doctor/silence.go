package doctor

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"mailhint/resolver"
	"mailhint/untrusted"
)

// silence is a question to DNS that nobody answered.
type silence struct {
	what    string // that is not known for it
	cause   string
	err     error
	matters bool // a problem may hide behind it
}

// fewSilences is how many of one cause are told one by one.
const fewSilences = 2

// notAnswered notes what is not known because DNS did not answer. It is told with the others of the same cause.
func (j *judgement) notAnswered(what string, err error) { j.silenceAbout(what, err, true) }

func (j *judgement) silenceAbout(what string, err error, matters bool) {
	if !j.muted {
		j.incomplete = j.incomplete || matters
		j.silent = append(j.silent, silence{what, causeOf(err), err, matters})
	}
}

// causeOf is why a question was not answered, without the question.
func causeOf(err error) string {
	var failed *resolver.Error
	if !errors.As(err, &failed) || failed.Cause() == "" {
		return reason(err)
	}
	return untrusted.Clip(failed.Cause(), maxReason)
}

// tellSilences says what was not answered: where DNS is away, that once, and not of every name.
func (j *judgement) tellSilences() {
	byCause := make(map[string][]silence)
	var causes []string // in the order of the judgement
	for _, s := range j.silent {
		same := byCause[s.cause]
		if len(same) == 0 {
			causes = append(causes, s.cause)
		}
		if !slices.ContainsFunc(same, func(other silence) bool { return other.what == s.what }) {
			byCause[s.cause] = append(same, s)
		}
	}
	for _, cause := range causes {
		same := byCause[cause]
		if len(same) > fewSilences {
			j.tell(slices.ContainsFunc(same, func(s silence) bool { return s.matters }),
				fmt.Sprintf("DNS does not answer: %s (about %s, and %d more)", cause, same[0].what, len(same)-1))
			continue
		}
		for _, s := range same {
			j.tell(s.matters, s.what+": "+reason(s.err))
		}
	}
}

func (j *judgement) tell(matters bool, text string) {
	if matters {
		j.unknown("%s", text)
	} else {
		j.aside("%s", text)
	}
}

// notKnown is an error that says what could not be found out, and no fault.
type notKnown string

func (n notKnown) Error() string { return string(n) }

const errNoDNS = notKnown("DNS does not answer")

func (j *judgement) notKnown(got page) error {
	if errors.Is(got.Err, resolver.ErrFailed) {
		return errNoDNS
	}
	return notKnown(j.whyNot(got))
}

// noSRV is what a program finds where there are not enough SRV records.
func (j *judgement) noSRV() error {
	for owner := range j.unanswered {
		if label, _, _ := strings.Cut(owner, "."); srvKinds[label] != (srvKind{}) {
			return errNoDNS
		}
	}
	return errNothingThere
}
