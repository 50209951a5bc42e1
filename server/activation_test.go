package server

import (
	"log/slog"
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

// rename returns a file that is called otherwise, and closes the one it is made of.
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
	if len(found[forHTTP]) != 2 || len(found[forHTTPS]) != 1 || len(found[forAdmin]) != 1 {
		t.Errorf("found %v", found)
	}
}

func TestSocketsByPort(t *testing.T) {
	t.Parallel()
	for port, want := range map[int]string{80: forHTTP, 8080: forHTTP, 443: forHTTPS, 8443: forHTTPS, 8081: forAdmin} {
		if got, err := purposeOf("mailhint.socket", &net.TCPAddr{Port: port}); err != nil || got != want {
			t.Errorf("port %d is for %q, %v; want %q", port, got, err, want)
		}
	}
	if got, err := purposeOf("http", &net.TCPAddr{Port: 443}); err != nil || got != forHTTP { // the name wins
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
		"which is no socket that listens": rename(t, packet, "http"),
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
	s := run(t, offline(), func(s *Server) { s.passed = passed })
	if got := s.Addrs().HTTP; len(got) != 1 || got[0].String() != passed[forHTTP][0].Addr().String() {
		t.Errorf("http at %v, want only %v", got, passed[forHTTP][0].Addr())
	}
	if s.admin == "" {
		t.Error("no admin listener")
	}
	if status, _ := get(t, "http://"+s.http+"/mail/config-v1.1.xml"); status != 200 {
		t.Errorf("got %d", status)
	}
}

func TestPassedSocketWithoutTLS(t *testing.T) {
	t.Parallel()
	passed, err := sortSockets([]*os.File{fileOf(t, "https", "tcp", "127.0.0.1:0")})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(offline(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s.passed = passed
	if err := s.Listen(); err == nil || !strings.Contains(err.Error(), `tls is "off"`) {
		t.Errorf("Listen: %v", err)
	}
}
