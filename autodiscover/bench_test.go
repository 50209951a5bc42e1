package autodiscover

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"mailhint/edge/edgetest"
)

// BenchmarkRequest reads the body that Outlook sends, with encoding/xml and as it is done for such bodies.
func BenchmarkRequest(b *testing.B) {
	content := realRequests(b)["outlook-2007-2019"]
	encoding := 0.0
	for _, way := range []struct {
		name  string
		parse func([]byte) (request, error)
	}{{"encoding", readRequest}, {"scanned", parseRequest}} {
		b.Run(way.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := way.parse(content); err != nil {
					b.Fatal(err)
				}
			}
			took := float64(b.Elapsed().Nanoseconds()) / float64(b.N)
			if way.name == "encoding" {
				encoding = took
			} else if encoding > 0 {
				b.ReportMetric(encoding/took, "times-faster")
			}
		})
	}
}

// BenchmarkPost measures the handler alone.
func BenchmarkPost(b *testing.B) {
	h := newHandler(edgetest.Load(b).Lookup)
	content := realRequests(b)["outlook-2007-2019"]
	r := httptest.NewRequest("POST", "https://autodiscover.example.com"+Path, nil)
	reader := bytes.NewReader(content)
	r.Body = io.NopCloser(reader)
	w := &edgetest.Discard{Head: make(http.Header)}
	b.ReportAllocs()
	for b.Loop() {
		reader.Reset(content)
		clear(w.Head)
		h.ServeHTTP(w, r)
	}
	if w.Written == 0 {
		b.Fatal("nothing was answered")
	}
}

// BenchmarkHostile measures the most expensive bodies of 64 KiB.
func BenchmarkHostile(b *testing.B) {
	for _, name := range []string{"empty elements", "address of ampersands", "declarations", "long root, all different"} {
		content := []byte(hostileBodies()[name])
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				parseRequest(content)
			}
		})
	}
}
