package listen

import (
	"bytes"
	"io"
)

// isClientFault reports whether net/http is about to answer with one of the two 5xx statuses it has for mistakes of a client (Go 1.26): 501
// for an unknown Transfer-Encoding and 505 for an HTTP version that does not exist. It writes these before any handler runs. No handler of
// ours sends them, and alarms on 5xx should mean a fault of the server.
func isClientFault(p []byte) bool {
	return bytes.HasPrefix(p, []byte("HTTP/1.1 501 ")) || bytes.HasPrefix(p, []byte("HTTP/1.1 505 "))
}

// writeBadRequest writes 400 in place of another answer, and returns what writing that one would.
func writeBadRequest(to io.Writer, instead []byte) (int, error) {
	const answer = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n400 Bad Request"
	if _, err := io.WriteString(to, answer); err != nil {
		return 0, err
	}
	return len(instead), nil
}
