package probe

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"mailhint/settings"
	"mailhint/untrusted"
)

// Of the four protocols only the greeting, the capabilities and STARTTLS are needed. go-imap and go-smtp would do for IMAP and SMTP, but
// their constructors do the upgrade (NewStartTLS, NewClientStartTLS), which hides what a server offers before TLS; they return
// capabilities without order, and hide the greeting of a server of another kind. The tests use their servers.

// dialect is what differs between the protocols. Each part is one exchange.
type dialect struct {
	greeting func(*dialogue) error
	ask      func(*dialogue) (Capabilities, error) // for its capabilities
	startTLS func(*dialogue) error
	bye      string
}

var dialects = map[settings.Protocol]dialect{
	settings.IMAP:        {imapGreeting, imapCapabilities, imapStartTLS, "z LOGOUT"},
	settings.POP3:        {pop3Greeting, pop3Capabilities, pop3StartTLS, "QUIT"},
	settings.Submission:  {smtpGreeting, smtpCapabilities, smtpStartTLS, "QUIT"},
	settings.ManageSieve: {sieveGreeting, sieveCapabilities, sieveStartTLS, "LOGOUT"},
}

const (
	maxLine         = 8 << 10
	maxLines        = 200 // of one answer
	maxCapabilities = 100
	maxMechanisms   = 32
	maxMechanism    = 40 // twice what RFC 4422 section 3.1 allows
)

// errIsTLS means that a server sends a TLS record where a plain greeting was expected.
var errIsTLS = fmt.Errorf("%w: the server speaks TLS", ErrProtocol)

// dialogue is an exchange of lines with a server.
type dialogue struct {
	conn net.Conn
	in   *bufio.Reader
	step time.Duration
	wait time.Duration // for the greeting
	apop bool          // a POP3 server's greeting offers APOP, which is not among the capabilities
}

// newDialogue returns a dialogue on a new connection, on which the server greets within wait.
func newDialogue(conn net.Conn, step, wait time.Duration) *dialogue {
	return &dialogue{conn: conn, in: bufio.NewReaderSize(conn, maxLine), step: step, wait: wait}
}

// begin starts an exchange: it sends the command. The answer must be complete before the step ends.
func (d *dialogue) begin(command string) error {
	if err := d.conn.SetDeadline(time.Now().Add(d.step)); err != nil {
		return err
	}
	_, err := d.conn.Write([]byte(command + "\r\n"))
	return d.explain(err)
}

// leave ends the dialogue without waiting for an answer.
func (d *dialogue) leave(bye string) {
	if d.begin(bye) == nil {
		d.conn.Close()
	}
}

// line reads one line without its end.
func (d *dialogue) line() (string, error) {
	line, err := d.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return "", fmt.Errorf("%w: line longer than %d octets", ErrProtocol, maxLine)
	}
	if err != nil {
		return "", d.explain(err)
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r"), nil
}

// lines calls use with each line of an answer until it says that it is done.
func (d *dialogue) lines(use func(line string) (done bool, err error)) error {
	for range maxLines {
		line, err := d.line()
		if err != nil {
			return err
		}
		if done, err := use(line); done || err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: answer of more than %d lines", ErrProtocol, maxLines)
}

// explain returns what an error of reading or writing means for the dialogue.
func (d *dialogue) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case isTimeout(err):
		return fmt.Errorf("%w: no answer within %s: %w", ErrProtocol, d.step, err)
	case errors.Is(err, errTooMuch):
		return fmt.Errorf("%w: %w", ErrProtocol, err)
	case isClosed(err):
		return fmt.Errorf("%w: the server closed the connection: %w", ErrProtocol, err)
	}
	return err
}

// greet reads the first line of a greeting, which must be complete within wait. A server that sends nothing or a TLS record gets an error
// of its own.
func (d *dialogue) greet() (string, error) {
	if err := d.conn.SetDeadline(time.Now().Add(d.wait)); err != nil {
		return "", err
	}
	// A server without implicit TLS speaks first; one with implicit TLS sends nothing, or a TLS alert (RFC 8446 section 6).
	if start, err := d.in.Peek(1); err != nil {
		return "", d.noGreeting(err)
	} else if start[0] == 0x15 || start[0] == 0x16 {
		return "", errIsTLS
	}
	return d.line()
}

func (d *dialogue) noGreeting(err error) error {
	switch {
	case isTimeout(err):
		return fmt.Errorf("%w within %s: %w", ErrNoGreeting, d.wait, err)
	case isClosed(err):
		return fmt.Errorf("%w: the server closed the connection: %w", ErrNoGreeting, err)
	}
	return err
}

// unexpected returns the error for an answer that is not the expected one.
func unexpected(what, line string) error {
	return fmt.Errorf("%w: %s: %q", ErrProtocol, what, untrusted.Clip(line, maxText))
}

// add adds a capability as the server spells it.
func (c *Capabilities) add(text string) {
	if len(c.All) < maxCapabilities && text != "" {
		c.All = append(c.All, untrusted.Clip(text, maxText))
	}
}

// addMechanisms adds SASL mechanisms.
func (c *Capabilities) addMechanisms(names ...string) {
	for _, name := range names {
		name = strings.ToUpper(untrusted.Clip(name, maxMechanism))
		if name != "" && len(c.Mechanisms) < maxMechanisms && !slices.Contains(c.Mechanisms, name) {
			c.Mechanisms = append(c.Mechanisms, name)
		}
	}
}

// firstWord splits a line after its first word, which it returns in capitals.
func firstWord(line string) (word, rest string) {
	word, rest, _ = strings.Cut(line, " ")
	return strings.ToUpper(word), strings.TrimLeft(rest, " ")
}
