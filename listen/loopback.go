package listen

import (
	"context"
	"errors"
	"net"
	"syscall"
)

// Spellings returns the addresses that a "host:port" stands for, in the order in which they are tried: localhost and 127.0.0.1 are the IPv4
// loopback address, or the IPv6 one on a machine without IPv4. No resolver is asked, because small containers have no /etc/hosts.
func Spellings(address string) []string {
	host, port, err := net.SplitHostPort(address)
	if err != nil || host != "localhost" && host != "127.0.0.1" {
		return []string{address}
	}
	return []string{net.JoinHostPort("127.0.0.1", port), net.JoinHostPort("::1", port)}
}

// IsAbsent reports whether an error means that the machine does not have an address.
func IsAbsent(err error) bool {
	return errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT) || errors.Is(err, syscall.ENETUNREACH)
}

// listenAt opens an address, in the first of its spellings that the machine has. The error is about the first.
func listenAt(address string) (opened net.Listener, err error) {
	if host, _, split := net.SplitHostPort(address); split == nil && (host == "" || host == "::") && !hasIPv4Loopback() {
		return listenEverywhere(address)
	}
	for _, spelling := range Spellings(address) {
		l, failed := net.Listen("tcp", spelling)
		if failed == nil {
			return l, nil
		}
		if err == nil {
			err = failed
		}
		if !IsAbsent(failed) {
			break
		}
	}
	return nil, err
}

// hasIPv4Loopback reports whether the machine has 127.0.0.1.
func hasIPv4Loopback() bool {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return !IsAbsent(err)
	}
	l.Close() // nothing has been accepted
	return true
}

// listenEverywhere opens a port on all addresses of a machine without IPv4 loopback. Go finds out with this address whether a listener can be
// for IPv6 and IPv4, and without it listens to IPv4 only.
func listenEverywhere(address string) (net.Listener, error) {
	config := net.ListenConfig{Control: func(_, _ string, socket syscall.RawConn) (err error) {
		return errors.Join(socket.Control(func(fd uintptr) { err = acceptIPv4(fd) }), err)
	}}
	return config.Listen(context.Background(), "tcp6", address)
}
