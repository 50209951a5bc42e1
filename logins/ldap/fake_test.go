package ldap

import (
	"crypto/tls"
	"io"
	"net"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"mailhint/keypairs/keypairtest"
	"mailhint/logins/ldap/slapdtest"
)

// fakeServer answers every connection with some octets, after something has arrived, and keeps what it gets.
type fakeServer struct {
	address string
	mu      sync.Mutex
	got     strings.Builder
}

func startFake(t *testing.T, config *tls.Config, answers ...string) *fakeServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if config != nil {
		listener = tls.NewListener(listener, config)
	}
	t.Cleanup(func() { listener.Close() })
	f := &fakeServer{address: listener.Addr().String()}
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go f.serve(c, answers)
		}
	}()
	return f
}

func (f *fakeServer) serve(c net.Conn, answers []string) {
	defer c.Close()
	buffer := make([]byte, 4096)
	for {
		n, err := c.Read(buffer)
		f.mu.Lock()
		f.got.Write(buffer[:n])
		f.mu.Unlock()
		if err != nil {
			return
		}
		if len(answers) > 0 {
			if _, err := io.Copy(struct{ io.Writer }{c}, struct{ io.Reader }{strings.NewReader(answers[0])}); err != nil { // in small pieces
				return
			}
			answers = answers[1:]
		}
	}
}

func (f *fakeServer) received() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.got.String()
}

// extended is the response to STARTTLS with a result code.
func extended(code byte) string {
	return "\x30\x0c\x02\x01\x01\x78\x07\x0a\x01" + string(rune(code)) + "\x04\x00\x04\x00"
}

func secretOf(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "password")
	write(t, file, slapdtest.Password)
	return file
}

// Nothing but STARTTLS is sent to a server that does not do it, that claims to and does not, or that puts something of its own behind.
func TestNoDowngrade(t *testing.T) {
	bindOK := "\x30\x0c\x02\x01\x02\x61\x07\x0a\x01\x00\x04\x00\x04\x00"
	for name, answer := range map[string]string{
		"refused": extended(2), "unavailable": extended(52), "success and plain": extended(0) + bindOK, "success": extended(0), "nonsense": "HTTP/1.1 400\r\n\r\n", "silent": "",
	} {
		f := startFake(t, nil, answer, bindOK, bindOK)
		c := Config{URLs: []string{"ldap://" + f.address}, BindDN: slapdtest.BindDN, PasswordFile: secretOf(t), Base: slapdtest.Base, Filter: "(mail=%EMAILADDRESS%)", Attribute: "uid"}
		s := openFor(t, c)
		ctx, cancel := contextFor(t, time.Second)
		got, err := s.Find(ctx, question("ann"))
		cancel()
		if got != nil || err == nil {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
		for _, secret := range []string{slapdtest.Password, "mailhint", "ann"} {
			if strings.Contains(f.received(), secret) {
				t.Errorf("%s: %s was sent without encryption: %q", name, secret, f.received())
			}
		}
	}
}

// A server that announces gigabytes, and sends them, gets no memory.
func TestLargePacket(t *testing.T) {
	pair := keypairtest.New(t, keypairtest.Options{})
	ca, _ := keypairtest.Write(t, t.TempDir(), "server", pair)
	f := startFake(t, &tls.Config{Certificates: []tls.Certificate{pair}}, "\x30\x84\x7f\xff\xff\xf0\x02\x01\x01\x04\x84\x7f\xff\xff\x00"+strings.Repeat("a", 40<<20))
	s := openFor(t, Config{URLs: []string{"ldaps://" + f.address}, CA: ca, Base: slapdtest.Base, Filter: "(mail=%EMAILADDRESS%)", Attribute: "uid"})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	ctx, cancel := contextFor(t, 5*time.Second)
	defer cancel()
	if got, err := s.Find(ctx, question("ann")); got != nil || err == nil {
		t.Errorf("got %q, %v", got, err)
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 16<<20 {
		t.Errorf("%d MB were allocated", grown>>20)
	}
}
