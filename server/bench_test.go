//go:build unix

package server

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"mailhint/listen"
)

// What Thunderbird sends.
const (
	askedByThunderbird = "GET /mail/config-v1.1.xml?emailaddress=bob%40example.com HTTP/1.1\r\nHost: autoconfig.example.com\r\n" +
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Thunderbird/153.7.0\r\nAccept: */*\r\n" +
		"Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nConnection: keep-alive\r\n\r\n"
	bodyOfThunderbird = `<?xml version="1.0" encoding="utf-8"?><Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006">` +
		`<Request><EMailAddress>bob@example.com</EMailAddress><AcceptableResponseSchema>http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a</AcceptableResponseSchema></Request></Autodiscover>`
)

var postedByThunderbird = "POST /autodiscover/autodiscover.xml HTTP/1.1\r\nHost: autodiscover.example.com\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Thunderbird/153.7.0\r\nAccept: */*\r\n" +
	"Content-Type: text/xml; charset=utf-8\r\nContent-Length: " + strconv.Itoa(len(bodyOfThunderbird)) + "\r\nConnection: keep-alive\r\n\r\n" + bodyOfThunderbird

// sameBytes is the bare handler: it writes what the whole server answers to a request, header and all, and knows nothing else.
func sameBytes(b *testing.B, ask string) http.Handler {
	b.Helper()
	s, err := New(offline(), nil, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	s.Configure(snapshotOf(b, "example.com"), nil)
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(ask)))
	if err != nil {
		b.Fatal(err)
	}
	recorder := httptest.NewRecorder()
	s.Handler(true).ServeHTTP(recorder, r)
	header, body := recorder.Header().Clone(), recorder.Body.Bytes()
	if recorder.Code != http.StatusOK || !strings.Contains(recorder.Body.String(), "imap.example.com") {
		b.Fatalf("the answer is %d %s", recorder.Code, body)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // a server that leaves it unread has to close the connection
		to := w.Header()
		for name, values := range header {
			to[name] = values
		}
		w.Write(body)
	})
}

// BenchmarkServer compares the whole server with nothing but net/http around the same answer, asked by net/http's client. All run
// in turn within each round, so that whatever else the machine does meets all of them; a ratio is the median over rounds. The
// target is 0.90 for autoconfig and 0.60 for Autodiscover. The ratio of processor time (server and client) is the one to trust when
// the machine has other things to do.
func BenchmarkServer(b *testing.B) {
	for name, ask := range map[string]string{"autoconfig": askedByThunderbird, "autodiscover": postedByThunderbird} {
		b.Run(name, func(b *testing.B) {
			file, err := os.Create(filepath.Join(b.TempDir(), "access.log"))
			if err != nil {
				b.Fatal(err)
			}
			defer file.Close()
			buffered := NewLogWriter(file)
			defer buffered.Close()
			bare := sameBytes(b, ask)
			loads := []*load{
				newLoad(b, "bare", bareServer(b, bare), ask),
				newLoad(b, "bare-again", bareServer(b, bare), ask), // how far from 1 chance leads
				newLoad(b, "text", wholeServer(b, slog.New(NewLogHandler(buffered, false, nil))), ask),
				newLoad(b, "json", wholeServer(b, slog.New(NewLogHandler(buffered, true, nil))), ask),
			}
			for _, l := range loads {
				l.useHTTPClient(b)
			}
			compare(b, loads)
		})
	}
}

// BenchmarkServerRaw is the same with a client that does nothing but write and read, so that what the server itself costs weighs
// most. It also tells the parts apart.
func BenchmarkServerRaw(b *testing.B) {
	file, err := os.Create(filepath.Join(b.TempDir(), "access.log"))
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	quiet := slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelWarn}))
	buffered := NewLogWriter(file)
	defer buffered.Close()
	ask, bare := askedByThunderbird, sameBytes(b, askedByThunderbird)
	compare(b, []*load{
		newLoad(b, "bare", bareServer(b, bare), ask),
		newLoad(b, "bare-again", bareServer(b, bare), ask), // how far from 1 chance leads
		newLoad(b, "limits", limitedServer(b, bare), ask),  // what the time limits cost
		newLoad(b, "no-log", wholeServer(b, quiet), ask),
		newLoad(b, "text", wholeServer(b, slog.New(NewLogHandler(buffered, false, nil))), ask),
		newLoad(b, "json", wholeServer(b, slog.New(NewLogHandler(buffered, true, nil))), ask),
		newLoad(b, "slog", wholeServer(b, slog.New(slog.NewTextHandler(file, nil))), ask),
	})
}

// compare reports how the first of the loads compares with each of the others.
func compare(b *testing.B, loads []*load) {
	const perRound = 800
	took, used := make([][]float64, len(loads)), make([][]float64, len(loads))
	round := func(n int) {
		for i := range loads {
			i := (i + n) % len(loads) // none is always first
			before, start := processorTime(b), time.Now()
			loads[i].run(b, perRound)
			took[i] = append(took[i], time.Since(start).Seconds())
			used[i] = append(used[i], (processorTime(b) - before).Seconds())
		}
	}
	for _, l := range loads {
		l.run(b, perRound) // warm up
	}
	n := 0
	for b.Loop() {
		round(n)
		n++
	}
	for ; n < 40; n++ {
		round(n)
	}
	b.Logf("bare: %.1f µs of processor time a request, client included", slices.Min(used[0])/perRound*1e6)
	for i, l := range loads[1:] {
		throughput, processor := medianRatio(took[0], took[i+1]), medianRatio(used[0], used[i+1])
		b.Logf("%-10s ratio of throughput %.3f, of processor time %.3f", l.name, throughput, processor)
		b.ReportMetric(throughput, l.name+"-ratio")
		b.ReportMetric(processor, l.name+"-cpu-ratio")
	}
}

// medianRatio returns the median of bare[i]/whole[i].
func medianRatio(bare, whole []float64) float64 {
	ratios := make([]float64, len(bare))
	for i := range ratios {
		ratios[i] = bare[i] / whole[i]
	}
	slices.Sort(ratios)
	return ratios[len(ratios)/2]
}

// processorTime is what this process has used so far.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkGuard is what the server itself adds to a request, without the network.
func BenchmarkGuard(b *testing.B) {
	for name, log := range map[string]*slog.Logger{
		"text": slog.New(NewLogHandler(NewLogWriter(io.Discard), false, nil)),
		"json": slog.New(NewLogHandler(NewLogWriter(io.Discard), true, nil)),
		"slog": slog.New(slog.NewTextHandler(io.Discard, nil)),
		"none": slog.New(slog.DiscardHandler),
	} {
		b.Run(name, func(b *testing.B) {
			s, err := New(offline(), nil, log)
			if err != nil {
				b.Fatal(err)
			}
			s.Configure(snapshotOf(b, "example.com"), nil)
			h := s.Handler(true)
			r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(askedByThunderbird)))
			if err != nil {
				b.Fatal(err)
			}
			w := discard{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.h)
				h.ServeHTTP(w, r)
			}
		})
	}
}

func bareServer(b *testing.B, h http.Handler) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := &http.Server{Handler: h}
	go s.Serve(l)
	b.Cleanup(func() { s.Close() })
	return l.Addr().String()
}

func limitedServer(b *testing.B, h http.Handler) string {
	l, err := listen.Open(listen.Config{HTTP: []string{"127.0.0.1:0"}, Limits: listen.DefaultLimits(), Log: slog.New(slog.DiscardHandler),
		Handler: func(listen.Purpose) http.Handler { return h }})
	if err != nil {
		b.Fatal(err)
	}
	go l.Serve()
	b.Cleanup(func() { l.Shutdown() })
	return l.Addrs().HTTP[0].String()
}

func wholeServer(b *testing.B, log *slog.Logger) string {
	s, err := New(offline(), nil, log)
	if err != nil {
		b.Fatal(err)
	}
	s.Drain = 0
	s.Configure(snapshotOf(b, "example.com"), nil)
	if err := s.Listen(); err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		<-ended
	})
	return s.Addrs().HTTP[0].String()
}

// load is a set of kept connections. Its client does as little as possible, so as not to hide what the server costs.
type load struct {
	name        string
	ask         []byte
	address     string
	connections []net.Conn
	size        int          // octets of an answer, which are always the same
	client      *http.Client // asks instead, if it is set
}

func newLoad(b *testing.B, name, address, ask string) *load {
	l := &load{name: name, ask: []byte(ask), address: address}
	for range 8 {
		c, err := net.Dial("tcp", address)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { c.Close() })
		l.connections = append(l.connections, c)
	}
	c := l.connections[0]
	io.WriteString(c, ask)
	buf := make([]byte, 64<<10)
	for !wholeAnswer.Match(buf[:l.size]) {
		n, err := c.Read(buf[l.size:])
		if err != nil {
			b.Fatalf("%s: %v after %.300q", name, err, buf[:l.size])
		}
		l.size += n
	}
	if !strings.HasPrefix(string(buf), "HTTP/1.1 200 OK\r\n") {
		b.Fatalf("the answer is %.100q", buf)
	}
	return l
}

// wholeAnswer fits an answer that has arrived to its end.
var wholeAnswer = regexp.MustCompile(`(?s)</(clientConfig|Autodiscover)>\s*$`)

// useHTTPClient makes net/http's client ask.
func (l *load) useHTTPClient(b *testing.B) {
	transport := &http.Transport{MaxIdleConnsPerHost: len(l.connections), DisableCompression: true}
	b.Cleanup(transport.CloseIdleConnections)
	l.client = &http.Client{Transport: transport}
}

// runHTTPClient sends requests with the client.
func (l *load) runHTTPClient(b *testing.B, requests int) {
	template, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(l.ask)))
	if err != nil {
		b.Fatal(err)
	}
	body, err := io.ReadAll(template.Body)
	if err != nil {
		b.Fatal(err)
	}
	target := "http://" + l.address + template.RequestURI
	var clients sync.WaitGroup
	for range l.connections {
		clients.Go(func() {
			for range requests / len(l.connections) {
				r, err := http.NewRequest(template.Method, target, bytes.NewReader(body))
				if err != nil {
					b.Error(err)
					return
				}
				r.Host, r.Header = template.Host, template.Header
				response, err := l.client.Do(r)
				if err != nil {
					b.Error(err)
					return
				}
				if _, err := io.Copy(io.Discard, response.Body); err != nil {
					b.Error(err)
				}
				response.Body.Close()
			}
		})
	}
	clients.Wait()
}

// run sends requests on all connections.
func (l *load) run(b *testing.B, requests int) {
	if l.client != nil {
		l.runHTTPClient(b, requests)
		return
	}
	var clients sync.WaitGroup
	for _, c := range l.connections {
		clients.Go(func() {
			buf := make([]byte, l.size)
			for range requests / len(l.connections) {
				if _, err := c.Write(l.ask); err != nil {
					b.Error(err)
					return
				}
				if _, err := io.ReadFull(c, buf); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	clients.Wait()
}
