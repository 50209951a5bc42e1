package listen

import (
	"errors"
	"net"
	"os"
	"syscall"
)

// nextWaiting accepts a connection if one is waiting, and returns nil if there is none. net's Accept would wait for the next one, and
// between its deadline and closing the listener others may arrive.
func nextWaiting(l net.Listener) net.Conn {
	listener, ok := l.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := listener.SyscallConn()
	if err != nil {
		return nil
	}
	fd := -1
	err = raw.Control(func(from uintptr) {
		for {
			fd, _, err = syscall.Accept4(int(from), syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC)
			if !errors.Is(err, syscall.EINTR) && !errors.Is(err, syscall.ECONNABORTED) {
				return
			}
		}
	})
	if err != nil || fd < 0 {
		return nil
	}
	f := os.NewFile(uintptr(fd), "connection")
	defer f.Close() // FileConn takes a copy
	c, err := net.FileConn(f)
	if err != nil {
		return nil
	}
	return c
}
