package certs

import (
	"net"
	"strings"

	"mailhint/untrusted"
)

// maxText bounds the messages of CAs and name servers that an admin sees, in characters.
const maxText = 300

func clip(err error) string { return untrusted.Clip(err.Error(), maxText) }

// nameOf normalises the name of a handshake or an argument: lower case, no trailing dot.
func nameOf(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// hostOf returns the name in a Host header.
func hostOf(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return nameOf(host)
}
