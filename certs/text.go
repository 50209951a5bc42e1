package certs

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// maxText bounds what a CA or a name server says, in characters, where an admin sees it.
const maxText = 300

// printable makes a text harmless in a terminal or log: one line of printable characters, not too long.
func printable(text string) string {
	var b strings.Builder
	n := 0
	for _, r := range text {
		if n++; n > maxText {
			b.WriteString("…")
			break
		}
		switch {
		case strconv.IsPrint(r):
			b.WriteRune(r)
		case r == '\n', r == '\t':
			b.WriteByte(' ')
		default:
			b.WriteByte('?')
		}
	}
	return b.String()
}

func textOf(v any) string { return fmt.Sprint(v) }

// nameOf brings the name of a handshake into one spelling.
func nameOf(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// hostOf returns the name in a Host header.
func hostOf(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return nameOf(host)
}
