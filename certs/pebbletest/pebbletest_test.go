package pebbletest

import (
	"net"
	"runtime"
	"testing"
)

// An address that is reserved for a program is free for it, and for no one who wants any address.
func TestFreeAddress(t *testing.T) {
	address := FreeAddress(t)
	if c, err := net.Dial("tcp", address); err == nil {
		c.Close()
		t.Error("something listens there")
	}
	if runtime.GOOS == "linux" {
		for range 2000 {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			if l.Addr().String() == address {
				t.Fatal("another listener has got it")
			}
		}
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}
