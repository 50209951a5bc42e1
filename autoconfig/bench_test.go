package autoconfig

import (
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"testing"

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
