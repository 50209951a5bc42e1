package sql

import (
	"net"
	"net/url"
	"testing"
)

func targetOf(t *testing.T, text string) target {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return target{url: u, socket: u.Query().Get("socket")}
}

// flood is a server that sends without end.
func flood(t *testing.T) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for junk := make([]byte, 64<<10); ; {
					if _, err := c.Write(junk); err != nil {
						return
					}
				}
			}()
		}
	}()
	return listener.Addr().String()
}
