//go:build linux

package main

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// TestFlood has one client hold 600 connections with HTTP/2 requests whose bodies do not end: as much memory as it can make the program
// keep. It gets no more than its share, and others are answered meanwhile.
func TestFlood(t *testing.T) {
	const program = "MAILHINT_TEST_PROGRAM"
	if os.Getenv(program) == "" {
		// As people have it: this one may have the race detector in it, which takes ten times the memory.
		built := filepath.Join(t.TempDir(), "mailhint")
		if out, err := exec.Command("go", "build", "-o", built, ".").CombinedOutput(); err != nil {
			t.Fatalf("go build: %v\n%s", err, out)
		}
		inNamespace(t, program+"="+built)
		return
	}
	inNamespace(t)                                 // it is
	const connections, share, most = 600, 256, 256 // the last one in MiB
	s := &setup{dir: t.TempDir()}
	roots := newCertificate(t, s)
	write(t, s.path("domains.toml"), strings.Replace(oneDomain, "[server]\nhttp = [\"127.0.0.1:0\"]\nadmin = \"127.0.0.1:0\"",
		"[server]\ntls = \"files\"\ncert = \"cert.pem\"\nkey = \"key.pem\"", 1))
	startCommand(t, s, []string{"sh", "-c", "echo $$ >pid; exec $" + program + " serve --config domains.toml"}, "127.0.0.1:443")

	var holding sync.WaitGroup
	gate := make(chan struct{}, 50)
	for range connections {
		holding.Go(func() {
			gate <- struct{}{}
			defer func() { <-gate }()
			if c, err := hold("10.9.0.1", "10.0.0.1:443"); err == nil {
				t.Cleanup(func() { c.Close() })
			}
		})
	}
	held := make(chan struct{})
	go func() {
		holding.Wait()
		close(held)
	}()
	a, answered := &asker{t: t, roots: roots}, 0
	for done := false; !done; answered++ {
		a.expect(question{url: "https://autoconfig.example.com" + path}, http.StatusOK, "<hostname>imap.example.com</hostname>")
		select {
		case <-held:
			done = true
		default:
		}
	}
	a.expect(question{url: "https://autoconfig.example.com" + path, from: "10.9.0.1"}, http.StatusOK, "<hostname>imap.example.com</hostname>")
	_, metrics := ask(t, "127.0.0.1:8081", "localhost", "/-/metrics")
	open, evicted := metric(t, metrics, "mailhint_connections"), metric(t, metrics, "mailhint_connections_evicted_total")
	if open > share+1 || evicted < connections-2*share {
		t.Errorf("one client holds %d connections and %d were closed, want at most its share of %d", open, evicted, share)
	}
	pid, err := os.ReadFile(s.path("pid"))
	if err != nil {
		t.Fatal(err)
	}
	peak := peakMemory(t, strings.TrimSpace(string(pid)))
	t.Logf("%d connections from one client: %d open, %d closed to make room, peak %d MiB, %d good requests answered", connections, open, evicted, peak, answered)
	if peak > most {
		t.Errorf("peak of %d MiB, want at most %d", peak, most)
	}
}

// hold opens an HTTP/2 connection that keeps the server waiting.
func hold(from, to string) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 20 * time.Second}
	raw, err := d.Dial("tcp", to)
	if err != nil {
		return nil, err
	}
	c := tls.Client(raw, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	c.SetDeadline(time.Now().Add(time.Minute))
	if _, err = io.WriteString(c, http2.ClientPreface); err == nil {
		err = holdStreams(http2.NewFramer(c, c))
	}
	if err != nil {
		raw.Close()
	}
	return raw, err
}

// holdStreams begins as many requests as the server takes, sends nearly all of their bodies, and leaves it at that.
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

// readWindow reads a frame, and returns by how much it lets the client send more.
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
		return 0, errors.New("the server says to go away")
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

// peakMemory returns the most that a process has had in memory, in MiB.
func peakMemory(t *testing.T, pid string) int {
	t.Helper()
	status, err := os.ReadFile("/proc/" + pid + "/status")
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
