package certs

import (
	"net"
	"strings"
)

// maxText bounds what a CA or a name server says, in characters, where an admin sees it.
const maxText = 300

// nameOf brings the name of a handshake into one spelling.
func nameOf(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// hostOf returns the name in a Host header.
func hostOf(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return nameOf(host)
}
