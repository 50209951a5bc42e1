package probe

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// canned is a connection on which the server has already sent everything.
type canned struct {
	net.Conn
	in *bytes.Reader
}

func (c canned) Read(b []byte) (int, error)  { return c.in.Read(b) }
func (c canned) Write(b []byte) (int, error) { return len(b), nil }
func (c canned) SetDeadline(time.Time) error { return nil }
func (c canned) Close() error                { return nil }
func newCanned(text []byte, ends int) *dialogue {
	return newDialogue(canned{in: bytes.NewReader(text)}, time.Second*time.Duration(ends), time.Second*time.Duration(ends))
}

// fuzzDialect sends any text as a server: nothing may hang or panic, and what is kept must be small and printable.
func fuzzDialect(f *testing.F, speak dialect, seeds ...string) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		d := newCanned(text, 1)
		err := speak.greeting(d)
		for err == nil {
			var c Capabilities
			if c, err = speak.ask(d); err != nil && len(c.All)+len(c.Mechanisms) > 0 {
				t.Errorf("capabilities in spite of an error: %+v", c)
			}
			checkKept(t, c)
			if err == nil {
				err = speak.startTLS(d)
			}
		}
		if err != nil && utf8.RuneCountInString(printable(err).Error()) > 2*maxText+1 {
			t.Errorf("an error of %d octets", len(err.Error()))
		}
		if d.in.Size() > maxLine {
			t.Errorf("%d octets in memory", d.in.Size())
		}
	})
}

func checkKept(t *testing.T, c Capabilities) {
	if len(c.All) > maxCapabilities || len(c.Mechanisms) > maxMechanisms {
		t.Errorf("%d capabilities, %d mechanisms", len(c.All), len(c.Mechanisms))
	}
	for _, text := range append(c.All, c.Mechanisms...) {
		if utf8.RuneCountInString(text) > maxText+1 || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("kept %q", text)
		}
	}
}

func FuzzIMAP(f *testing.F) {
	fuzzDialect(f, dialects[mailPorts[0].Protocol],
		"* OK ready\r\n* CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN LOGINDISABLED\r\na OK\r\nb OK\r\n* CAPABILITY X\r\na OK\r\nb NO\r\n",
		"* BYE\r\n", "* PREAUTH x\r\n", "* OK\n* \n*\na OK\n")
}

func FuzzPOP3(f *testing.F) {
	fuzzDialect(f, dialects[mailPorts[2].Protocol],
		"+OK <1.2@h>\r\n+OK\r\nSASL PLAIN LOGIN\r\nSTLS\r\n.\r\n+OK\r\n+OK\r\nUSER\r\n..\r\n.\r\n-ERR\r\n",
		"-ERR\r\n", "+OK\r\n-ERR no CAPA\r\n+OK\r\n", "+OK <0@>\n")
}

func FuzzSMTP(f *testing.F) {
	fuzzDialect(f, dialects[mailPorts[4].Protocol],
		"220-a\r\n220 b\r\n250-me\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n220 go\r\n250 me\r\n454 no\r\n",
		"220\r\n250\r\n220\r\n", "554 no\r\n")
}

func FuzzManageSieve(f *testing.F) {
	fuzzDialect(f, dialects[mailPorts[6].Protocol],
		"\"SASL\" \"PLAIN\"\r\n\"STARTTLS\"\r\nOK \"x\"\r\n{4}\r\nSASL {5+}\r\nPLAIN\r\nOK\r\nOK\r\n\"A\\\"\\\\\" \"b\"\r\nOK\r\nNO\r\n",
		"BYE\r\n", "{99}\r\n", "\"x\r\n", "OK\r\nOK\r\nOK\r\n")
}

// TestCannedEnds checks that the end of the text looks like a closed connection.
func TestCannedEnds(t *testing.T) {
	d := newCanned([]byte("one\r\n"), 1)
	if line, err := d.line(); line != "one" || err != nil {
		t.Errorf("got %q, %v", line, err)
	}
	if _, err := d.line(); !isClosed(err) {
		t.Errorf("got %v, want %v", err, io.EOF)
	}
}
