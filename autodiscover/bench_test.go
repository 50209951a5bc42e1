package autodiscover

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"mailhint/edge/edgetest"
)

// BenchmarkRequest reads the body that Outlook sends.
func BenchmarkRequest(b *testing.B) {
	content := realRequests(b)["outlook-2007-2019"]
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parseRequest(content); err != nil {
			b.Fatal(err)
		}
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

// BenchmarkServer compares the handler behind net/http, on one connection, with a handler that reads the same body and writes the
// same octets, headers included. The ratio is the share of the possible throughput that is left by our own work.
func BenchmarkServer(b *testing.B) {
	h := newHandler(edgetest.Load(b).Lookup)
	content := realRequests(b)["outlook-2007-2019"]
	ours := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Host, r.URL.Scheme = "autodiscover.example.com", "https"
		h.ServeHTTP(w, r)
	})
	answer := post(ours, content)
	bare := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		maps.Copy(w.Header(), answer.Header())
		w.Write(answer.Body.Bytes())
	})
	servers := [...]*httptest.Server{httptest.NewServer(bare), httptest.NewServer(ours)}
	var took [2]time.Duration
	for b.Loop() { // in turns, so that both run under the same conditions
		for i, server := range servers {
			start := time.Now()
			exchange(b, server, content)
			took[i] += time.Since(start)
		}
	}
	b.ReportMetric(float64(took[0])/float64(took[1]), "of-bare")
	for _, server := range servers {
		server.Close()
	}
}

func post(h http.Handler, content []byte) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", Path, bytes.NewReader(content)))
	return w
}

func exchange(b *testing.B, server *httptest.Server, content []byte) {
	answer, err := server.Client().Post(server.URL+Path, "text/xml", bytes.NewReader(content))
	if err != nil {
		b.Fatal(err)
	}
	io.Copy(io.Discard, answer.Body)
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		b.Fatal(answer.Status)
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
