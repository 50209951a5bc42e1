package autoconfig

import (
	"encoding/xml"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"mailhint/edge/edgetest"
	"mailhint/settings"
)

// BenchmarkAnswer compares filling a prepared document with encoding the same document with encoding/xml for each request.
func BenchmarkAnswer(b *testing.B) {
	found := settings.Found{Settings: edgetest.Both(), Domain: "example.com", Primary: "example.com"}
	p, err := prepare(found.Settings)
	if err != nil {
		b.Fatal(err)
	}
	var perOp [2]float64
	b.Run("encoding", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := xml.MarshalIndent(newEncoded(found), "", "  "); err != nil {
				b.Fatal(err)
			}
		}
		perOp[0] = float64(b.Elapsed().Nanoseconds()) / float64(b.N)
	})
	b.Run("prepared", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			values, _ := p.values(found, settings.Address{})
			p.all.Fill(values)
		}
		perOp[1] = float64(b.Elapsed().Nanoseconds()) / float64(b.N)
		if perOp[0] > 0 {
			b.ReportMetric(perOp[0]/perOp[1], "times-faster")
		}
	})
}

// encoded is the document as encoding/xml writes it.
type encoded struct {
	XMLName  xml.Name `xml:"clientConfig"`
	Version  string   `xml:"version,attr"`
	Provider struct {
		ID       string          `xml:"id,attr"`
		Domain   string          `xml:"domain"`
		Name     string          `xml:"displayName"`
		Incoming []encodedServer `xml:"incomingServer"`
		Outgoing []encodedServer `xml:"outgoingServer"`
	} `xml:"emailProvider"`
}

type encodedServer struct {
	Type       string   `xml:"type,attr"`
	Hostname   string   `xml:"hostname"`
	Port       uint16   `xml:"port"`
	SocketType string   `xml:"socketType"`
	Auth       []string `xml:"authentication"`
	Username   string   `xml:"username"`
}

func newEncoded(found settings.Found) encoded {
	e := encoded{Version: "1.1"}
	e.Provider.ID, e.Provider.Domain, e.Provider.Name = string(found.Domain), string(found.Domain), string(found.Name)
	for _, s := range found.Servers {
		server := encodedServer{"", string(s.Host), s.Port, SocketTypes.Spell(s.Security), []string{Methods.Spell(s.Auth[0])}, string(s.Login)}
		if s.Protocol == settings.Submission {
			server.Type = OutgoingTypes.Spell(s.Protocol)
			e.Provider.Outgoing = append(e.Provider.Outgoing, server)
		} else {
			server.Type = IncomingTypes.Spell(s.Protocol)
			e.Provider.Incoming = append(e.Provider.Incoming, server)
		}
	}
	return e
}

// BenchmarkPrepare is what a set of settings costs when it is first asked for.
func BenchmarkPrepare(b *testing.B) {
	s := edgetest.Both()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := prepare(s); err != nil {
			b.Fatal(err)
		}
	}
}

var requests = []struct{ name, target, userAgent string }{
	{"thunderbird", "/mail/config-v1.1.xml?emailaddress=fred%40example.com", "Thunderbird/153.7.0"},
	{"android", "/mail/config-v1.1.xml", "okhttp/4.12.0"},
	{"evolution", "/mail/config-v1.1.xml?emailaddress=EVOLUTIONUSER%40example.com&emailmd5=0123456789abcdef0123456789abcdef", "Evolution/3.46.4"},
	{"unknown", "/mail/config-v1.1.xml?emailaddress=fred%40unknown.example", "Thunderbird/153.7.0"},
}

// BenchmarkGet measures the handler alone.
func BenchmarkGet(b *testing.B) {
	h := newHandler(edgetest.Load(b).Lookup)
	for _, request := range requests {
		b.Run(request.name, func(b *testing.B) {
			r := httptest.NewRequest("GET", "https://autoconfig.example.com"+request.target, nil)
			if request.name == "unknown" {
				r.Host = "autoconfig.unknown.example"
			}
			r.Header.Set("User-Agent", request.userAgent)
			w := &edgetest.Discard{Head: make(http.Header)}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.Head)
				h.ServeHTTP(w, r)
			}
			if w.Written == 0 {
				b.Fatal("nothing was answered")
			}
		})
	}
}

// BenchmarkServer compares the handler behind net/http, on one connection, with a handler that writes the same octets, headers
// included. The ratio is the share of the possible throughput that is left by our own work.
func BenchmarkServer(b *testing.B) {
	h := newHandler(edgetest.Load(b).Lookup)
	ours := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Host, r.URL.Scheme = "autoconfig.example.com", "https"
		h.ServeHTTP(w, r)
	})
	target := requests[0].target
	w := httptest.NewRecorder()
	ours.ServeHTTP(w, httptest.NewRequest("GET", target, nil))
	bare := http.HandlerFunc(func(to http.ResponseWriter, _ *http.Request) {
		maps.Copy(to.Header(), w.Header())
		to.Write(w.Body.Bytes())
	})
	servers := [...]*httptest.Server{httptest.NewServer(bare), httptest.NewServer(ours)}
	var took [2]time.Duration
	for b.Loop() { // in turns, so that both run under the same conditions
		for i, server := range servers {
			start := time.Now()
			answer, err := server.Client().Get(server.URL + target)
			if err != nil {
				b.Fatal(err)
			}
			io.Copy(io.Discard, answer.Body)
			answer.Body.Close()
			took[i] += time.Since(start)
			if answer.StatusCode != http.StatusOK {
				b.Fatal(answer.Status)
			}
		}
	}
	b.ReportMetric(float64(took[0])/float64(took[1]), "of-bare")
	for _, server := range servers {
		server.Close()
	}
}
