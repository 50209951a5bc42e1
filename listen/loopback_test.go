package listen

import (
	"net"
	"slices"
	"strings"
	"testing"
)

func TestSpellings(t *testing.T) {
	for address, want := range map[string]string{
		"localhost:80":   "127.0.0.1:80 [::1]:80",
		"127.0.0.1:8081": "127.0.0.1:8081 [::1]:8081",
		"[::1]:80":       "[::1]:80",
		":80":            ":80",
		"192.0.2.1:80":   "192.0.2.1:80",
		"nonsense":       "nonsense",
	} {
		if got := Spellings(address); !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%s: %q, want %s", address, got, want)
		}
	}
}

// An address that is in use is not replaced by another one.
func TestInUseIsNotAbsent(t *testing.T) {
	first, err := listenAt("localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	_, port, err := net.SplitHostPort(first.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if second, err := listenAt("127.0.0.1:" + port); err == nil {
		t.Errorf("it listens on %s too", second.Addr())
	}
}
