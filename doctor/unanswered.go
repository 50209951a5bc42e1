package doctor

import (
	"errors"
	"fmt"
	"slices"

	"mailhint/choices"
	"mailhint/resolver"
	"mailhint/untrusted"
)

// failedQuery is a DNS look-up without an answer.
type failedQuery struct {
	what    string // is unknown because of it
	cause   string
	err     error
	matters bool // it may hide a problem
}

// maxSeparateQueries is how many failed look-ups with the same cause are reported one by one.
const maxSeparateQueries = 2

// dnsFailed adds that something is unknown because a look-up failed, which may hide a problem.
func (j *judgement) dnsFailed(what string, err error) { j.noteFailedQuery(what, err, true) }

func (j *judgement) noteFailedQuery(what string, err error, matters bool) {
	if !j.unwanted {
		j.incomplete = j.incomplete || matters
		j.failedQueries = append(j.failedQueries, failedQuery{what, causeOf(err), err, matters})
	}
}

// causeOf is why a look-up failed, without the question.
func causeOf(err error) string {
	var failed *resolver.Error
	if !errors.As(err, &failed) || failed.Cause() == "" {
		return reason(err)
	}
	return untrusted.Clip(failed.Cause(), maxReason)
}

// reportFailedQueries says what is unknown. If many look-ups failed for the same reason, such as DNS being down, it says so once.
func (j *judgement) reportFailedQueries() {
	byCause := make(map[string][]failedQuery)
	var causes []string // in the order of the judgement
	for _, q := range j.failedQueries {
		same := byCause[q.cause]
		if len(same) == 0 {
			causes = append(causes, q.cause)
		}
		if !slices.ContainsFunc(same, func(other failedQuery) bool { return other.what == q.what }) {
			byCause[q.cause] = append(same, q)
		}
	}
	for _, cause := range causes {
		same := byCause[cause]
		if len(same) > maxSeparateQueries {
			j.reportUnknown(slices.ContainsFunc(same, func(q failedQuery) bool { return q.matters }),
				fmt.Sprintf("DNS does not answer: %s (asked for %s, and %d more)", cause, same[0].what, len(same)-1))
			continue
		}
		for _, q := range same {
			j.reportUnknown(q.matters, q.what+": "+reason(q.err))
		}
	}
}

func (j *judgement) reportUnknown(matters bool, text string) {
	if matters {
		j.couldNotCheck("%s", text)
	} else {
		j.note("%s", text)
	}
}

const errNoDNS = choices.Unknown("DNS does not answer")

// unknownPage is the error for a page that could not be asked for.
func unknownPage(got page) error {
	if errors.Is(got.Err, resolver.ErrFailed) {
		return errNoDNS
	}
	return choices.Unknown(whyUnknown(got))
}

// noSRV is the error for too few SRV records to set up an account.
func (o *observations) noSRV() error {
	for owner := range o.unanswered {
		if choices.IsOfMail(owner) {
			return errNoDNS
		}
	}
	return choices.ErrNothing
}
