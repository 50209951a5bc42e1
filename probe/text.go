package probe

import (
	"errors"
	"net"
	"strings"

	"mailhint/untrusted"
)

// maxText is how many characters of a server's text are kept.
const maxText = 200

// printable makes the text of an error fit for terminals and logs. Names in certificates and banners end up in errors.
func printable(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if op := new(net.OpError); errors.As(err, &op) && op.Source != nil && op.Err != nil {
		text = strings.Replace(text, op.Error(), op.Err.Error(), 1) // without our address and port, which is another each time
	}
	return printableError{err, untrusted.Clip(text, 2*maxText)}
}

// printableError keeps its text: that of a certificate with many names takes long to make, and is asked for often.
type printableError struct {
	error
	text string
}

func (e printableError) Error() string { return e.text }
func (e printableError) Unwrap() error { return e.error }
