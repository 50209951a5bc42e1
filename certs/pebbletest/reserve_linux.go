package pebbletest

import (
	"errors"
	"net/netip"
	"os"
	"syscall"
)

// reserve binds a socket to an address and does not listen. Linux gives the port to nobody then who wants any port, neither to listen nor to
// connect, refuses connections to it, and lets a program listen there that names the port, if it sets SO_REUSEADDR as servers do.
func reserve() (address string, release func(), err error) {
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return "", nil, os.NewSyscallError("socket", err)
	}
	err = errors.Join(
		os.NewSyscallError("setsockopt", syscall.SetsockoptInt(socket, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)),
		os.NewSyscallError("bind", syscall.Bind(socket, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})))
	name, nameErr := syscall.Getsockname(socket)
	if err = errors.Join(err, os.NewSyscallError("getsockname", nameErr)); err != nil {
		syscall.Close(socket)
		return "", nil, err
	}
	bound := name.(*syscall.SockaddrInet4)
	return netip.AddrPortFrom(netip.AddrFrom4(bound.Addr), uint16(bound.Port)).String(), func() { syscall.Close(socket) }, nil
}
