package server

import (
	"bufio"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
)

// askedByThunderbird is what Thunderbird sends.
const askedByThunderbird = "GET /mail/config-v1.1.xml?emailaddress=bob%40example.com HTTP/1.1\r\nHost: autoconfig.example.com\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Thunderbird/153.7.0\r\nAccept: */*\r\n" +
	"Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nConnection: keep-alive\r\n\r\n"

// BenchmarkGuard is what the server adds to a request, without the network; the log costs what it takes more than "none". Package bench
// measures the whole program from outside.
func BenchmarkGuard(b *testing.B) {
	without := 0.0
	for _, c := range []struct {
		name string
		log  slog.Handler
	}{
		{"none", slog.DiscardHandler},
		{"text", NewLogHandler(NewLogWriter(io.Discard), false, nil)},
		{"json", NewLogHandler(NewLogWriter(io.Discard), true, nil)},
		{"slog", slog.NewTextHandler(io.Discard, nil)},
	} {
		b.Run(c.name, func(b *testing.B) {
			config := offline()
			config.AllowRepeats = true
			s, err := New(config, nil, slog.New(c.log))
			if err != nil {
				b.Fatal(err)
			}
			s.Configure(snapshotOf(b, "example.com"), nil)
			h := s.Handler(true)
			r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(askedByThunderbird)))
			if err != nil {
				b.Fatal(err)
			}
			r.RemoteAddr = "192.0.2.1:12345"
			w := discard{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.h)
				h.ServeHTTP(w, r)
			}
			took := float64(b.Elapsed().Nanoseconds()) / float64(b.N)
			if c.name == "none" {
				without = took
			}
			if without > 0 {
				b.ReportMetric(took/without, "times-none")
			}
		})
	}
}
