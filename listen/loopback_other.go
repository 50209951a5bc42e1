//go:build !unix

package listen

// acceptIPv4 does nothing: a socket for IPv6 accepts connections by IPv6 only.
func acceptIPv4(uintptr) error { return nil }
