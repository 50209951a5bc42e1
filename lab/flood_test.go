//go:build linux

package lab

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"mailhint/lab/visit"
)

// One client holds 600 connections with HTTP/2 requests whose bodies do not end: as much memory as it can make the program keep. It gets
// no more than its share, and others are answered meanwhile.
func TestFlood(t *testing.T) {
	if !alone(t) {
		return
	}
	const connections, share, maxMiB = 600, 256, 256
	s := &setup{dir: t.TempDir()}
	roots := newCertificate(t, s)
	write(t, s.path("domains.toml"), "[server]\ntls = \"files\"\ncert = \"cert.pem\"\nkey = \"key.pem\"\n"+exampleDomain)
	t.Setenv("GOGC", "20") // garbage is not kept; how much of it there is at a time depends on what else the machine does
	p := s.start(t, "mailhint", []string{os.Getenv(insideProgram), "serve", "--config", "domains.toml"}, "127.0.0.1:443")

	var holding sync.WaitGroup
	gate := make(chan struct{}, 50)
	for range connections {
		holding.Go(func() {
			gate <- struct{}{}
			defer func() { <-gate }()
			if c, err := hold(fromInside, asked+":443"); err == nil {
				t.Cleanup(func() { c.Close() })
			}
		})
	}
	held := make(chan struct{})
	go func() {
		holding.Wait()
		close(held)
	}()
	a, answered := &client{t: t, roots: roots}, 0
	for done := false; !done; answered++ {
		a.expect(request{url: "https://autoconfig.example.com" + path}, http.StatusOK, "<hostname>imap.example.com</hostname>")
		select {
		case <-held:
			done = true
		default:
		}
	}
	a.expect(request{url: "https://autoconfig.example.com" + path, from: fromInside}, http.StatusOK, "<hostname>imap.example.com</hostname>")
	_, metrics := get(t, "127.0.0.1:8081", "localhost", "/-/metrics")
	open, evicted := metric(t, metrics, "mailhint_connections"), metric(t, metrics, "mailhint_connections_evicted_total")
	if open > share+1 || evicted < connections-2*share {
		t.Errorf("one client holds %d connections and %d were closed, want at most its share of %d", open, evicted, share)
	}
	peak := peakMemory(t, p.Process.Pid)
	t.Logf("%d connections from one client: %d open, %d closed to make room, peak %d MiB, %d good requests answered", connections, open, evicted, peak, answered)
	if peak > maxMiB {
		t.Errorf("peak of %d MiB, want at most %d MiB", peak, maxMiB)
	}
}

// hold opens an HTTP/2 connection that keeps the server waiting.
func hold(from, to string) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: testTimeout}
	raw, err := d.Dial("tcp", to)
	if err != nil {
		return nil, err
	}
	c := tls.Client(raw, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	c.SetDeadline(time.Now().Add(testTimeout))
	if _, err = io.WriteString(c, http2.ClientPreface); err == nil {
		err = holdStreams(http2.NewFramer(c, c))
	}
	if err != nil {
		raw.Close()
	}
	return raw, err
}

// holdStreams begins as many requests as the server allows, and sends nearly all of their bodies.
func holdStreams(f *http2.Framer) error {
	const streams, body = 4, 60 << 10
	if err := f.WriteSettings(); err != nil {
		return err
	}
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for i := range streams {
		block.Reset()
		for _, h := range [][2]string{{":method", "POST"}, {":scheme", "https"}, {":authority", "autodiscover.example.com"}, {":path", outlook},
			{"content-length", strconv.Itoa(body + 1)}} {
			encoder.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]}) // to a buffer
		}
		if err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: uint32(2*i + 1), BlockFragment: block.Bytes(), EndHeaders: true}); err != nil {
			return err
		}
	}
	window, data := 65535, bytes.Repeat([]byte("<a> "), 1<<10)
	for range body / len(data) {
		for i := range streams {
			for window < len(data) {
				more, err := readWindow(f)
				if err != nil {
					return err
				}
				window += more
			}
			if err := f.WriteData(uint32(2*i+1), false, data); err != nil {
				return err
			}
			window -= len(data)
		}
	}
	return nil
}

// readWindow reads a frame, and returns how much more it allows the client to send.
func readWindow(f *http2.Framer) (int, error) {
	frame, err := f.ReadFrame()
	if err != nil {
		return 0, err
	}
	switch frame := frame.(type) {
	case *http2.WindowUpdateFrame:
		if frame.StreamID == 0 {
			return int(frame.Increment), nil
		}
	case *http2.SettingsFrame:
		if !frame.IsAck() {
			return 0, f.WriteSettingsAck()
		}
	case *http2.GoAwayFrame:
		return 0, errors.New("the server sent GOAWAY")
	}
	return 0, nil
}

// metric returns the value of a metric without labels.
func metric(t *testing.T, metrics, name string) int {
	t.Helper()
	found := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindStringSubmatch(metrics)
	if found == nil {
		t.Fatalf("there is no metric %s", name)
	}
	value, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return int(value)
}

// peakMemory returns the largest resident size of a process so far, in MiB.
func peakMemory(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	if found == nil {
		t.Fatalf("no VmHWM in\n%s", status)
	}
	kilobytes, err := strconv.Atoi(string(found[1]))
	if err != nil {
		t.Fatal(err)
	}
	return kilobytes >> 10
}

// exampleDomain is what the tests of one domain serve.
const exampleDomain = "[domains.\"" + visit.Domain + "\"]\nimap = \"imap.example.com\"\nsmtp = \"smtp.example.com\"\n"

// get asks by plain HTTP at an address for a path of a host.
func get(t testing.TB, address, host, path string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}
