package listen

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener whose connections exist in memory only, so that their time is testing/synctest's: the limits pass in no time, and
// to the moment.
type pipes struct {
	opened chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{opened: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.opened:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "unix"} }

// dial opens a connection.
func (p *pipes) dial(t *testing.T) net.Conn {
	client, server := net.Pipe()
	t.Cleanup(func() { client.Close() })
	p.opened <- server
	return client
}

// runPipes runs a server with the default limits, and returns its listeners without and with TLS.
func runPipes(t *testing.T, handler http.Handler) (plain, secure *pipes) {
	plain, secure = newPipes(), newPipes()
	run(t, func(c *Config) {
		withTLS(t, c)
		c.HTTP, c.HTTPS, c.Admin = nil, nil, ""
		c.sockets = sockets{HTTP: {plain}, HTTPS: {secure}}
		if handler != nil {
			c.Handler = func(Purpose) http.Handler { return handler }
		}
	})
	return plain, secure
}

// A client that is too slow is cut off after the time that it has, and good clients do not notice it.
func TestSlowClients(t *testing.T) {
	const readHeader, read, idle = 5 * time.Second, 10 * time.Second, 60 * time.Second
	for _, c := range []struct {
		name   string
		secure bool
		start  string // what the client sends at once
		more   string // what it sends twice a second after that
		after  time.Duration
	}{
		{"nothing", false, "", "", readHeader},
		{"a header that does not end", false, "GET / HTTP/1.1\r\nX: ", "x", readHeader},
		{"a body that does not end", false, "POST / HTTP/1.1\r\nHost: example.com\r\nContent-Length: 1000\r\n\r\n", "x", read},
		{"a body that does not begin", false, "POST / HTTP/1.1\r\nHost: example.com\r\nContent-Length: 1000\r\n\r\n", "", read},
		{"no second request", false, goodRequest, "", idle},
		{"no handshake", true, "", "", readHeader},
		{"a handshake that does not end", true, "\x16\x03\x01\x02\x00", "x", readHeader},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				plain, secure := runPipes(t, nil)
				at := plain
				if c.secure {
					at = secure
				}
				began := time.Now()
				var cut atomic.Int64 // after how long the last one was
				for range 100 {
					slow := at.dial(t)
					go func() {
						io.Copy(io.Discard, slow) // until it is cut off
						cut.Store(int64(time.Since(began)))
					}()
					go func() {
						_, err := io.WriteString(slow, c.start)
						for err == nil && c.more != "" {
							time.Sleep(time.Second / 2)
							_, err = io.WriteString(slow, c.more)
						}
					}()
				}
				time.Sleep(c.after - time.Millisecond)
				synctest.Wait()
				if early := time.Duration(cut.Load()); early != 0 {
					t.Errorf("a client is cut off after %s, want %s", early, c.after)
				}
				good, asked := plain.dial(t), time.Now()
				if !askOn(good) || time.Since(asked) != 0 {
					t.Errorf("a good client waits %s beside slow ones", time.Since(asked))
				}
				time.Sleep(time.Second)
				synctest.Wait()
				if last := time.Duration(cut.Load()); last < c.after || last > c.after+time.Second {
					t.Errorf("the last client is cut off after %s, want %s", last, c.after)
				}
			})
		})
	}
}

// A client that sends a request and does not take the answer is cut off, with TLS too.
func TestClientThatDoesNotRead(t *testing.T) {
	for _, secured := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var ended time.Time
			plain, secure := runPipes(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.WriteString(w, strings.Repeat("x", 1<<20))
				ended = time.Now()
			}))
			c := plain.dial
			if secured {
				c = secure.dial
			}
			conn := c(t)
			if secured {
				conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
			}
			began := time.Now()
			if _, err := io.WriteString(conn, goodRequest); err != nil {
				t.Fatal(err)
			}
			if secured { // what TLS sends after the handshake, and the beginning of the answer
				bufio.NewReaderSize(conn, 16).ReadByte()
			}
			const limit = 20 * time.Second
			time.Sleep(2 * limit)
			synctest.Wait()
			if took := ended.Sub(began); took < limit || took > limit*3/2 {
				t.Errorf("TLS %t: the answer ends after %s, want about %s", secured, took, limit)
			}
		})
	}
}
