package probe

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"mailhint/untrusted"
)

// The kinds of errors that Look.Err and Web.Err wrap.
var (
	// ErrForbidden means that an address was not probed, because it is private. See Prober.Private.
	ErrForbidden = errors.New("the address is private")
	// ErrNoGreeting means that a server accepts connections and sends nothing, with TLS or without. It is stuck or overloaded.
	ErrNoGreeting = errors.New("no greeting")
	// ErrProtocol means that a server of another kind answers, or that one of the right kind does not work.
	ErrProtocol = errors.New("protocol error")
	// ErrHandshake means that a TLS handshake was started and failed.
	ErrHandshake = errors.New("TLS handshake failed")
)

// errTooMuch means that a server sent more than any answer can need.
var errTooMuch = errors.New("the server sends too much data")

// contextErr returns why ctx has ended, or nil. A connection may notice that the deadline has passed before the context does.
func contextErr(ctx context.Context) error {
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}

// isClosed reports whether an error means that the server closed the connection.
func isClosed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// isTimeout reports whether an error means that time ran out.
func isTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// maxText is how many characters of a server's text are kept.
const maxText = 200

// printable makes the text of an error safe for terminals and logs. It may contain names in certificates and what servers say.
func printable(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if op := new(net.OpError); errors.As(err, &op) && op.Source != nil && op.Err != nil {
		text = strings.Replace(text, op.Error(), op.Err.Error(), 1) // without our address and port, which differ each time
	}
	return printableError{err, untrusted.Clip(text, 2*maxText)}
}

// printableError keeps its text: that of a certificate with many names takes long to make, and is needed often.
type printableError struct {
	error
	text string
}

func (e printableError) Error() string { return e.text }
func (e printableError) Unwrap() error { return e.error }
