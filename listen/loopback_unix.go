//go:build unix

package listen

import "syscall"

// acceptIPv4 lets a socket for IPv6 accept connections by IPv4, too.
func acceptIPv4(fd uintptr) error {
	return syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IPV6, syscall.IPV6_V6ONLY, 0)
}
