package resolver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// What the error of a look-up wraps. It is always ErrNone or ErrFailed, and where the cause is known one of the others too.
var (
	// ErrNone means that the name has no record of this type. The zone's name servers said so.
	ErrNone = errors.New("no such record")
	// ErrNoSuchName is the kind of ErrNone for a name that does not exist at all (NXDOMAIN, RFC 8020).
	ErrNoSuchName error = kind{"no such name", ErrNone}
	// ErrNoData is the kind of ErrNone for a name that exists and has records of other types, or none (RFC 2308 section 2.2).
	ErrNoData error = kind{"no such record", ErrNone}

	// ErrFailed means that there is no answer: no resolver could be reached, or none could find out. Ask again later, or another
	// resolver.
	ErrFailed = errors.New("DNS lookup failed")
	// ErrTimeout is the kind of ErrFailed for a server that does not answer in time. Asking again may help.
	ErrTimeout error = kind{"no answer in time", ErrFailed}
	// ErrServerFailure is the kind of ErrFailed for a resolver that could not find out (SERVFAIL). Often the zone's name servers do not
	// answer, or its DNSSEC signatures are not valid.
	ErrServerFailure error = kind{"answered SERVFAIL", ErrFailed}
	// ErrRefused is the kind of ErrFailed for a server that does not want to answer us (REFUSED): it is not a resolver for this network.
	ErrRefused error = kind{"answered REFUSED", ErrFailed}
	// ErrTruncated is the kind of ErrFailed for an answer that is too long for UDP where TCP does not work.
	ErrTruncated error = kind{"the answer is too long for UDP, and TCP fails", ErrFailed}
	// ErrMismatched is the kind of ErrFailed for an answer to another question: a forgery, or a broken server.
	ErrMismatched error = kind{"answered another question", ErrFailed}
)

// kind is an error of a more general kind.
type kind struct {
	text    string
	general error
}

func (k kind) Error() string { return k.text }
func (k kind) Unwrap() error { return k.general }

// Error is the error of a look-up that has no answer.
type Error struct {
	// Question is the name and type that were looked up, such as "example.com MX", or the name alone for both types of addresses.
	Question string
	// Kind is ErrNoSuchName or ErrNoData, or ErrFailed.
	Kind error
	// Causes say why a look-up failed: for each server that was asked, or the error of a context that ended first.
	Causes []error
}

// Error returns the question, the kind and the causes.
func (e *Error) Error() string {
	text := e.Question + ": " + e.Kind.Error()
	if cause := e.Cause(); cause != "" {
		text += ": " + cause
	}
	return text
}

// Cause returns the causes in one line, without the question; empty if there are none.
func (e *Error) Cause() string {
	var texts []string
	for _, c := range e.Causes {
		texts = append(texts, c.Error())
	}
	return strings.Join(texts, "; ")
}

// Unwrap returns the kind and the causes.
func (e *Error) Unwrap() []error { return append([]error{e.Kind}, e.Causes...) }

// rcodeCause returns the cause that a response code stands for (RFC 6895 section 2.3).
func rcodeCause(code int) error {
	switch code {
	case dns.RcodeServerFailure:
		return ErrServerFailure
	case dns.RcodeRefused:
		return ErrRefused
	}
	return fmt.Errorf("answered %s", cmp.Or(dns.RcodeToString[code], fmt.Sprintf("RCODE %d", code)))
}

// networkCause returns the cause that an error of the network stands for. It leaves out our own address and port, which differ each time.
func networkCause(err error) error {
	if timedOut(err) {
		return ErrTimeout
	}
	if op := new(net.OpError); errors.As(err, &op) && op.Err != nil {
		return op.Err
	}
	return err
}

func timedOut(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// contextErr returns why ctx has ended, or nil. A connection may notice that the deadline has passed before the context does.
func contextErr(ctx context.Context) error {
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}
