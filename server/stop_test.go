package server

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// A connection that was accepted before the server stops gets an answer to its first request, however little has come by then.
func TestFirstRequestAfterStop(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"http/1.1", "h2"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			s := run(t, secured(newPair(t, t.TempDir(), pairOptions{names: []string{"autoconfig.example.com"}})), nil)
			c := tls.Client(connect(t, "127.0.0.1", s.https), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{protocol}})
			if err := c.Handshake(); err != nil {
				t.Fatal(err)
			}
			ask := func() error {
				if !askOn(c) {
					return errors.New("no answer")
				}
				return nil
			}
			if protocol == "h2" {
				ask = greet(t, c)
			}
			stopped := make(chan error, 1)
			go func() { stopped <- s.Server.stop() }()
			eventually(t, "nothing new is accepted", func() bool {
				other, err := net.Dial("tcp", s.https)
				if err == nil {
					other.Close()
				}
				return err != nil
			})
			time.Sleep(50 * time.Millisecond) // long enough to give up
			if err := ask(); err != nil {
				t.Error(err)
			}
			c.Close()
			if err := <-stopped; err != nil {
				t.Errorf("stop: %v", err)
			}
		})
	}
}

// greet does what comes before the first request with HTTP/2, and returns what sends it.
func greet(t *testing.T, c net.Conn) (ask func() error) {
	t.Helper()
	if _, err := io.WriteString(c, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	f := http2.NewFramer(c, c)
	if err := f.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	for acknowledged := false; !acknowledged; {
		frame, err := f.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		settings, ok := frame.(*http2.SettingsFrame)
		acknowledged = ok && settings.IsAck()
	}
	return func() error {
		var block bytes.Buffer
		encoder := hpack.NewEncoder(&block)
		for _, h := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", "autoconfig.example.com"}, {":path", "/mail/config-v1.1.xml"}} {
			encoder.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]}) // to a buffer
		}
		if err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: true}); err != nil {
			return err
		}
		for {
			frame, err := f.ReadFrame()
			if err != nil {
				return err
			}
			if frame.Header().StreamID == 1 && frame.Header().Flags.Has(http2.FlagDataEndStream) && frame.Header().Type == http2.FrameData {
				return nil
			}
		}
	}
}

// Whom the system has connected before the listener finishes is answered, though nobody has accepted the connection yet.
func TestFinishTakesWhoWaits(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("it is done on Linux only")
	}
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &connLimiter{Listener: inner, write: time.Second}
	const waiting = 5
	for range waiting {
		connect(t, "127.0.0.1", inner.Addr().String())
	}
	l.finish(20 * time.Second)
	for i := range waiting {
		c, err := l.Accept()
		if err != nil {
			t.Fatalf("connection %d of %d: %v", i+1, waiting, err)
		}
		io.WriteString(c, "hello") // nobody reads it
		c.Close()
	}
	if c, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after the last: %v, %v", c, err)
	}
	if c, err := net.Dial("tcp", inner.Addr().String()); err == nil {
		c.Close()
		t.Error("it still listens")
	}
}
