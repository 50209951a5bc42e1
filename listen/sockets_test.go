//go:build unix

package listen

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// fileOf returns a socket as systemd passes it, with the name of its FileDescriptorName=.
func fileOf(t *testing.T, name, network, address string) *os.File {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	f, err := l.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		t.Fatal(err)
	}
	return rename(t, f, name)
}

// rename returns the same file under another name, and closes the one it is given.
func rename(t *testing.T, f *os.File, name string) *os.File {
	t.Helper()
	defer f.Close()
	fd, err := syscall.Dup(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(fd), name)
}

func TestSocketsByName(t *testing.T) {
	t.Parallel()
	found, err := sortSockets([]*os.File{
		fileOf(t, "http", "tcp", "127.0.0.1:0"), fileOf(t, "http", "tcp", "127.0.0.1:0"),
		fileOf(t, "https", "tcp", "127.0.0.1:0"), fileOf(t, "admin", "tcp", "127.0.0.1:0"),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer found.close()
	if len(found[HTTP]) != 2 || len(found[HTTPS]) != 1 || len(found[Admin]) != 1 {
		t.Errorf("found %v", found)
	}
}

func TestSocketsByPort(t *testing.T) {
	t.Parallel()
	for port, want := range map[int]Purpose{80: HTTP, 8080: HTTP, 443: HTTPS, 8443: HTTPS, 8081: Admin} {
		if got, err := purposeOf("mailhint.socket", &net.TCPAddr{Port: port}); err != nil || got != want {
			t.Errorf("port %d is for %q, %v; want %q", port, got, err, want)
		}
	}
	if got, err := purposeOf("http", &net.TCPAddr{Port: 443}); err != nil || got != HTTP { // the name wins
		t.Errorf("a socket named http at port 443 is for %q, %v", got, err)
	}
}

func TestBadSockets(t *testing.T) {
	t.Parallel()
	datagrams, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer datagrams.Close()
	packet, err := datagrams.(*net.UDPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	for want, f := range map[string]*os.File{
		"write FileDescriptorName=http, https or admin": fileOf(t, "mailhint.socket", "tcp", "127.0.0.1:0"),
		"which is not TCP":                fileOf(t, "http", "unix", filepath.Join(t.TempDir(), "s")),
		"which is not a listening socket": rename(t, packet, "http"),
	} {
		if _, err := sortSockets([]*os.File{f}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", want, err)
		}
	}
}

// With sockets passed, the addresses for the same purpose are not opened; those for others are.
func TestPassedSockets(t *testing.T) {
	t.Parallel()
	passed, err := sortSockets([]*os.File{fileOf(t, "http", "tcp", "127.0.0.1:0")})
	if err != nil {
		t.Fatal(err)
	}
	l := run(t, func(c *Config) { c.sockets = passed })
	if got := l.Addrs().HTTP; len(got) != 1 || got[0].String() != passed[HTTP][0].Addr().String() {
		t.Errorf("http at %v, want only %v", got, passed[HTTP][0].Addr())
	}
	if l.admin == "" {
		t.Error("no admin listener")
	}
	if !askOn(connect(t, "127.0.0.1", l.http)) {
		t.Error("no answer at the passed socket")
	}
}

func TestPassedSocketWithoutTLS(t *testing.T) {
	t.Parallel()
	passed, err := sortSockets([]*os.File{fileOf(t, "https", "tcp", "127.0.0.1:0")})
	if err != nil {
		t.Fatal(err)
	}
	c := testConfig(t)
	c.sockets = passed
	if _, err := Open(c); err == nil || !strings.Contains(err.Error(), `tls is "off"`) {
		t.Errorf("Open: %v", err)
	}
}
