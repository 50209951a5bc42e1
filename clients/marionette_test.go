package clients_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// marionette is a connection to Marionette, the remote control built into Firefox and Thunderbird. Its messages are JSON arrays over TCP, each
// preceded by its length (`23:[0,1,"WebDriver:…",{}]`), with one answer for each command.
//
// Protocol: https://firefox-source-docs.mozilla.org/testing/marionette/Protocol.html
type marionette struct {
	conn net.Conn
	in   *bufio.Reader
	last int // number of the last command sent
}

// marionetteError is the client's own explanation of why a command failed.
type marionetteError struct {
	Kind    string `json:"error"`
	Message string `json:"message"`
}

func (e *marionetteError) Error() string {
	return fmt.Sprintf("%s: %s", e.Kind, e.Message)
}

// The two kinds of message, the first element of each array.
const (
	marionetteCommand  = 0
	marionetteResponse = 1
)

// Both are longer than anything here takes: a search for settings gives up within 10 seconds itself, and the first command waits until the client
// has built its window (4 seconds on two cores).
const (
	scriptTimeout     = 2 * time.Minute
	marionetteTimeout = 3 * time.Minute
)

// newMarionette opens a session that runs inside the client itself (in its "chrome"), not in a web page.
func newMarionette(conn net.Conn) (*marionette, error) {
	m := &marionette{conn: conn, in: bufio.NewReader(conn)}

	// The client sends the first message: {"applicationType":"gecko","marionetteProtocol":3}
	var hello struct {
		Protocol int `json:"marionetteProtocol"`
	}
	if err := m.receive(&hello); err != nil {
		return nil, err
	}
	if hello.Protocol != 3 {
		return nil, fmt.Errorf("marionette has protocol %d, want 3", hello.Protocol)
	}

	timeouts := map[string]any{"script": scriptTimeout.Milliseconds()}
	capabilities := map[string]any{"alwaysMatch": map[string]any{"timeouts": timeouts}}
	if err := m.call("WebDriver:NewSession", map[string]any{"capabilities": capabilities}, nil); err != nil {
		return nil, err
	}
	return m, m.call("Marionette:SetContext", map[string]any{"value": "chrome"}, nil)
}

// run executes the body of a JavaScript function with all rights of the client. The script finds args in `arguments`; if it returns a promise, the
// promise is awaited. The outcome is decoded into result, unless that is nil.
func (m *marionette) run(result any, script string, args ...any) error {
	if args == nil {
		args = []any{} // null is refused
	}
	answer := struct {
		Value any `json:"value"`
	}{result}
	return m.call("WebDriver:ExecuteScript", map[string]any{"script": script, "args": args, "sandbox": "system"}, &answer)
}

// call sends one command and waits for its answer.
func (m *marionette) call(command string, params map[string]any, result any) error {
	if err := m.conn.SetDeadline(time.Now().Add(marionetteTimeout)); err != nil {
		return err
	}
	m.last++
	if err := m.send([]any{marionetteCommand, m.last, command, params}); err != nil {
		return fmt.Errorf("%s: %w", command, err)
	}

	var kind, number int
	var failure *marionetteError
	var raw json.RawMessage
	if err := m.receive(&[]any{&kind, &number, &failure, &raw}); err != nil {
		return fmt.Errorf("%s: %w", command, err)
	}
	switch {
	case kind != marionetteResponse || number != m.last:
		return fmt.Errorf("%s: message %d of kind %d is not the answer to %d", command, number, kind, m.last)
	case failure != nil:
		return fmt.Errorf("%s: %w", command, failure)
	case result == nil:
		return nil
	}
	if err := json.Unmarshal(raw, result); err != nil {
		return fmt.Errorf("%s: %w in %s", command, err, raw)
	}
	return nil
}

func (m *marionette) send(message any) error {
	b, err := json.Marshal(message)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(m.conn, "%d:%s", len(b), b)
	return err
}

func (m *marionette) receive(message any) error {
	head, err := m.in.ReadString(':')
	if err != nil {
		return err
	}
	length, err := strconv.Atoi(strings.TrimSuffix(head, ":"))
	if err != nil {
		return err
	}
	b := make([]byte, length)
	if _, err := io.ReadFull(m.in, b); err != nil {
		return err
	}
	return json.Unmarshal(b, message)
}
