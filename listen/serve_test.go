package listen

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// A connection that was accepted before the server stops gets an answer to its first request, however little of it has arrived.
func TestFirstRequestAfterStop(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"http/1.1", "h2"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			l := run(t, func(c *Config) { withTLS(t, c) })
			c := tls.Client(connect(t, "127.0.0.1", l.https), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{protocol}})
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
			go func() { stopped <- l.stop() }()
			eventually(t, "nothing new is accepted", func() bool { return refuses(l.https) })
			// A server that does not wait for the client closes the connection now. Under load it may do so only later, and the test
			// misses it; load never makes the test fail.
			time.Sleep(50 * time.Millisecond)
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

// Connections that the kernel has accepted before the listener finishes are answered, though the program has not accepted them yet.
func TestFinishAcceptsWaitingConnections(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only done on Linux")
	}
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &limitedListener{Listener: inner, write: time.Second}
	const waiting = 5
	for range waiting {
		connect(t, "127.0.0.1", inner.Addr().String())
	}
	l.finish(testTimeout)
	for i := range waiting {
		c, err := l.Accept()
		if err != nil {
			t.Fatalf("connection %d of %d: %v", i+1, waiting, err)
		}
		io.WriteString(c, "hello") // it is not read
		c.Close()
	}
	if c, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after the last: %v, %v", c, err)
	}
	if !refuses(inner.Addr().String()) {
		t.Error("it is still listening")
	}
}

// A request that does not end is cut off in the end, and Shutdown says so.
func TestShutdownGivesUp(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}), make(chan struct{})
	defer close(leave)
	c := testConfig(t)
	c.Limits.Stop = 50 * time.Millisecond
	c.Handler = func(Purpose) http.Handler {
		return http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			close(entered)
			<-leave
		})
	}
	l, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- l.Serve() }()
	io.WriteString(connect(t, "127.0.0.1", l.Addrs().HTTP[0].String()), goodRequest) // an error shows below
	<-entered
	if err := l.Shutdown(); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "have been cut off") {
		t.Errorf("Shutdown: %v, want that requests have been cut off", err)
	}
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
}
