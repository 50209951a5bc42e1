package server

import (
	"net"
	"testing"
)

func TestOneAddress(t *testing.T) {
	for _, c := range []struct {
		want  string
		addrs []string
	}{
		{"198.51.100.7", []string{"198.51.100.7:80", "198.51.100.7:443"}},
		{"2001:db8::7", []string{"[2001:db8::7]:443"}},
		{"", []string{"198.51.100.7:80", "198.51.100.8:443"}},
		{"", []string{"198.51.100.7:80", "0.0.0.0:443"}},
		{"", []string{"[::]:80", "198.51.100.7:443"}},
		{"", nil},
	} {
		var addrs []net.Addr
		for _, text := range c.addrs {
			a, err := net.ResolveTCPAddr("tcp", text)
			if err != nil {
				t.Fatal(err)
			}
			addrs = append(addrs, a)
		}
		if got := oneAddress(addrs); got != c.want {
			t.Errorf("%q: %q, want %q", c.addrs, got, c.want)
		}
	}
}
