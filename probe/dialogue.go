package probe

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"mailhint/settings"
	"mailhint/untrusted"
)

// The four protocols are spoken here, as far as greeting, capabilities and STARTTLS. go-imap and go-smtp speak the first two well, but
// they make the upgrade part of making a client (NewStartTLS, NewClientStartTLS), so that what a server offers before TLS stays
// hidden; they return it without order, and they hide the greeting of a server that is none. The tests use their servers.

// dialect is how one protocol says what is needed here. Each part is one exchange.
type dialect struct {
	greeting func(*dialogue) error
	ask      func(*dialogue) (Capabilities, error) // for the capabilities
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
	maxMechanism    = 40 // RFC 4422 section 3.1 allows half of it
)

// errIsTLS means that a server answers with TLS where a plain greeting was expected.
var errIsTLS = fmt.Errorf("%w: it speaks TLS", ErrProtocol)

// dialogue is a conversation in lines.
type dialogue struct {
	conn net.Conn
	in   *bufio.Reader
	step time.Duration
	apop bool // a POP3 server's greeting offers APOP, which no capability tells
}

func newDialogue(conn net.Conn, step time.Duration) *dialogue {
	return &dialogue{conn: conn, in: bufio.NewReaderSize(conn, maxLine), step: step}
}

// begin starts an exchange: the command is sent, if there is one, and the answer must be complete before the step ends.
func (d *dialogue) begin(command string) error {
	if err := d.conn.SetDeadline(time.Now().Add(d.step)); err != nil {
		return err
	}
	if command == "" {
		return nil
	}
	_, err := d.conn.Write([]byte(command + "\r\n"))
	return d.explain(err)
}

// leave says good-bye without waiting for an answer.
func (d *dialogue) leave(bye string) {
	if d.begin(bye) == nil {
		d.conn.Close()
	}
}

// line reads one line without its end.
func (d *dialogue) line() (string, error) {
	line, err := d.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return "", fmt.Errorf("%w: it sends a line of more than %d octets", ErrProtocol, maxLine)
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
	return fmt.Errorf("%w: an answer of more than %d lines", ErrProtocol, maxLines)
}

// explain says what an error of reading or writing means for the conversation.
func (d *dialogue) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case late(err):
		return fmt.Errorf("%w: no answer within %s: %w", ErrProtocol, d.step, err)
	case errors.Is(err, errBabble):
		return fmt.Errorf("%w: %w", ErrProtocol, err)
	case ended(err):
		return fmt.Errorf("%w: it closes the connection: %w", ErrProtocol, err)
	}
	return err
}

// greet reads the first line of a greeting, and tells a server that says nothing or speaks TLS from one of another kind.
func (d *dialogue) greet() (string, error) {
	if err := d.begin(""); err != nil {
		return "", err
	}
	// Before TLS a plain server speaks first, so that one with implicit TLS is known by its silence, or by an alert (RFC 8446
	// section 6) in which it complains.
	if start, err := d.in.Peek(1); err != nil {
		return "", d.noGreeting(err)
	} else if start[0] == 0x15 || start[0] == 0x16 {
		return "", errIsTLS
	}
	return d.line()
}

func (d *dialogue) noGreeting(err error) error {
	switch {
	case late(err):
		return fmt.Errorf("%w: no greeting within %s: %w", ErrNoGreeting, d.step, err)
	case ended(err):
		return fmt.Errorf("%w: it closes the connection without a greeting: %w", ErrNoGreeting, err)
	}
	return err
}

// refuses is the error of an answer that is not the wanted one.
func refuses(what, line string) error {
	return fmt.Errorf("%w: %s: %q", ErrProtocol, what, untrusted.Clip(line, maxText))
}

// add notes a capability as the server spells it.
func (c *Capabilities) add(text string) {
	if len(c.All) < maxCapabilities && text != "" {
		c.All = append(c.All, untrusted.Clip(text, maxText))
	}
}

// mechanism notes a SASL mechanism.
func (c *Capabilities) mechanism(names ...string) {
	for _, name := range names {
		name = strings.ToUpper(untrusted.Clip(name, maxMechanism))
		known := name == ""
		for _, m := range c.Mechanisms {
			known = known || m == name
		}
		if !known && len(c.Mechanisms) < maxMechanisms {
			c.Mechanisms = append(c.Mechanisms, name)
		}
	}
}

// cut splits a line at its first space, and makes the word before it comparable.
func cut(line string) (word, rest string) {
	word, rest, _ = strings.Cut(line, " ")
	return strings.ToUpper(word), strings.TrimLeft(rest, " ")
}
