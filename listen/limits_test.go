package listen

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// The numbers in this file and in slow_test.go are those of README.md and docs/limits.md.

// named is a connection of a client with an address.
type named struct {
	net.Conn
	from net.Addr
}

func (n named) RemoteAddr() net.Addr { return n.from }

// dialFrom opens a connection of the client with a number.
func (p *pipes) dialFrom(t *testing.T, client int) net.Conn {
	end, server := net.Pipe()
	t.Cleanup(func() { end.Close() })
	address := netip.AddrFrom4([4]byte{198, byte(client >> 16), byte(client >> 8), byte(client)})
	p.opened <- named{server, net.TCPAddrFromAddrPort(netip.AddrPortFrom(address, 1234))}
	return end
}

// runServed is runPipes that also returns the server.
func runServed(t *testing.T) (*running, *pipes) {
	plain := newPipes()
	return run(t, func(c *Config) {
		c.HTTP, c.Admin = nil, ""
		c.sockets = sockets{HTTP: {plain}}
	}), plain
}

// 8,192 connections are open at most, 256 of them by one client. The one that has waited longest has to go, and new ones are answered.
func TestConnectionLimits(t *testing.T) {
	for _, c := range []struct {
		name    string
		client  func(i int) int
		most    int
		further int
	}{
		{"one client", func(int) int { return 1 }, 256, 20},
		{"many clients", func(i int) int { return i }, 8192, 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, plain := runServed(t)
				for i := range c.most {
					plain.dialFrom(t, c.client(i))
				}
				synctest.Wait()
				if n := s.tracker.size(); n != c.most || s.tracker.evicted.Load() != 0 {
					t.Errorf("%d connections are open and %d were closed, want %d and none", n, s.tracker.evicted.Load(), c.most)
				}
				for i := range c.further {
					if !askOn(plain.dialFrom(t, c.client(c.most+i))) {
						t.Fatal("a new connection gets no answer")
					}
				}
				synctest.Wait()
				if n := s.tracker.size(); n != c.most || s.tracker.evicted.Load() != uint64(c.further) {
					t.Errorf("%d connections are open and %d were closed, want %d and %d", n, s.tracker.evicted.Load(), c.most, c.further)
				}
				if !askOn(plain.dialFrom(t, 1<<20)) {
					t.Error("another client gets no answer")
				}
			})
		})
	}
}

// 128 connections may be busy with requests for more than a second.
func TestBusyLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, plain := runServed(t)
		client := 0
		begin := func(count int) {
			for range count {
				client++
				c := plain.dialFrom(t, client)
				if _, err := io.WriteString(c, "POST / HTTP/1.1\r\nHost: example.com\r\nContent-Length: 1000\r\n\r\n<"); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Wait()
		}
		begin(128)
		time.Sleep(2 * time.Second)
		if n := s.tracker.evicted.Load(); n != 0 {
			t.Errorf("%d of 128 busy connections were closed", n)
		}
		begin(20)
		if n := s.tracker.evicted.Load(); n != 20 {
			t.Errorf("20 more requests closed %d busy connections, want 20", n)
		}
	})
}

// A request that does not end is cut off 15 seconds after the server was told to stop.
func TestStopLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plain := newPipes()
		leave := make(chan struct{})
		c := testConfig(t)
		c.HTTP, c.Admin = nil, ""
		c.sockets = sockets{HTTP: {plain}}
		c.Handler = func(Purpose) http.Handler {
			return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-leave })
		}
		l, err := Open(c)
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		go func() { served <- l.Serve() }()
		if _, err := io.WriteString(plain.dial(t), goodRequest); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		began := time.Now()
		err = l.Shutdown()
		if took := time.Since(began); err == nil || took < 15*time.Second || took > 16*time.Second {
			t.Errorf("Shutdown ends after %s with %v, want 15s and an error", took, err)
		}
		close(leave)
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}

// dialHTTP2 opens a connection with HTTP/2, and returns the server's settings.
func dialHTTP2(t *testing.T, secure *pipes) (*http2.Framer, map[http2.SettingID]uint32) {
	t.Helper()
	c := tls.Client(secure.dial(t), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	f := http2.NewFramer(c, c)
	greeted := make(chan error, 1)
	go func() { // because the server may write first
		_, err := io.WriteString(c, http2.ClientPreface)
		greeted <- errors.Join(err, f.WriteSettings())
	}()
	got := make(map[http2.SettingID]uint32)
	frame, err := f.ReadFrame()
	if err != nil {
		t.Fatal(err)
	}
	settings, ok := frame.(*http2.SettingsFrame)
	if !ok {
		t.Fatalf("the first frame is %v, want the settings", frame)
	}
	settings.ForeachSetting(func(s http2.Setting) error {
		got[s.ID] = s.Val
		return nil
	})
	if err := <-greeted; err != nil {
		t.Fatal(err)
	}
	return f, got
}

// headerBlock encodes the header of a request with a field of some octets.
func headerBlock(octets int) []byte {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, h := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", "example.com"}, {":path", "/"}, {"x", strings.Repeat("x", octets)}} {
		encoder.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]}) // to a buffer
	}
	return block.Bytes()
}

// With HTTP/2, a connection may have four requests at a time, with 64 KiB of body each; a header has 12 KiB.
func TestHTTP2Limits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, secure := runPipes(t, nil)
		_, got := dialHTTP2(t, secure)
		for id, want := range map[http2.SettingID]uint32{http2.SettingMaxConcurrentStreams: 4, http2.SettingInitialWindowSize: 64 << 10} {
			if got[id] != want {
				t.Errorf("%s is %d, want %d", id, got[id], want)
			}
		}
		if most := got[http2.SettingMaxHeaderListSize]; most < 12<<10 || most > 13<<10 {
			t.Errorf("a header may have %d octets, want about 12 KiB", most)
		}
	})
}

// With HTTP/2, a client that falls silent in the middle of a header is cut off after 15 seconds, and does not stay for the idle time.
func TestSilentHTTP2(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, secure := runPipes(t, nil)
		f, _ := dialHTTP2(t, secure)
		began := time.Now()
		go f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: headerBlock(10)}) // and no CONTINUATION
		var err error
		for err == nil {
			_, err = f.ReadFrame() // pings are not answered
		}
		if took := time.Since(began); took < 14*time.Second || took > 16*time.Second || errors.Is(err, net.ErrClosed) {
			t.Errorf("cut off after %s, want 15s (%v)", took, err)
		}
	})
}
