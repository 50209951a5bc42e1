//go:build linux

package lab

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"mailhint/autodiscover"
	"mailhint/lab/visit"
	"mailhint/settings"
)

// asker asks as mail programs do.
type asker struct {
	t     *testing.T
	roots *x509.CertPool
}

// question is a request.
type question struct {
	url    string
	from   string // the client's address; 203.0.113.20 if empty
	body   string // sent by POST
	header string // one more
}

const (
	asked      = "203.0.113.10" // the server's address
	fromInside = "198.51.100.9"
)

// path is where Thunderbird asks.
const path = visit.Path

func (a *asker) do(q question) (*http.Response, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP("203.0.113.20")}, Timeout: patience}
	if q.from != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(q.from)}
	}
	transport := &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{RootCAs: a.roots},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			_, port, _ := net.SplitHostPort(address)
			return d.DialContext(ctx, network, asked+":"+port)
		},
	}
	client := &http.Client{Transport: transport, Timeout: patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	method := http.MethodGet
	if q.body != "" {
		method = http.MethodPost
	}
	r, err := http.NewRequest(method, q.url, strings.NewReader(q.body))
	if err != nil {
		a.t.Fatal(err)
	}
	if name, value, ok := strings.Cut(q.header, ": "); ok {
		r.Header.Set(name, value)
	}
	return client.Do(r)
}

// reply is a response whose body has been read.
type reply struct {
	*http.Response
	body string
}

func (a *asker) ask(q question) reply {
	a.t.Helper()
	r, err := a.do(q)
	if err != nil {
		a.t.Fatalf("%+v: %v", q, err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		a.t.Fatalf("%+v: %v", q, err)
	}
	if r.StatusCode == http.StatusUnauthorized || r.Header.Get("WWW-Authenticate") != "" {
		a.t.Errorf("%+v: asks for a password", q)
	}
	return reply{r, string(body)}
}

// expect asks, and holds status and content against what they should be.
func (a *asker) expect(q question, status int, content string) {
	a.t.Helper()
	if r := a.ask(q); r.StatusCode != status || !strings.Contains(r.body+r.Header.Get("Location"), content) {
		a.t.Errorf("%+v:\n got %s %v\n%s\nwant %d with %q", q, r.Status, r.Header, r.body, status, content)
	}
}

var (
	outlook = "/autodiscover/autodiscover.xml"
	posted  = string(autodiscover.Request("example.com", settings.Address{Local: "ann", Domain: "example.com"}).Body)
)

const (
	seenOutside = "<hostname>imap.example.com</hostname>"
	seenInside  = "<hostname>inside.example.com</hostname>"
	outlookGot  = "<Server>imap.example.com</Server>"
)

// asLegitimate: everything arrives, and mailhint learns who asks and how.
func (a *asker) asLegitimate() {
	a.t.Helper()
	const host = "autoconfig.example.com"
	a.expect(question{url: "https://" + host + path + "?emailaddress=ann@example.com"}, 200, seenOutside)
	a.expect(question{url: "http://" + host + path}, 200, seenOutside)
	a.expect(question{url: "https://" + host + path, from: fromInside}, 200, seenInside)
	a.expect(question{url: "http://" + host + path, from: fromInside}, 200, seenInside)
	a.expect(question{url: "https://autodiscover.example.com" + outlook, body: posted}, 200, outlookGot)
	a.expect(question{url: "https://autodiscover.example.com/Autodiscover/Autodiscover.XML", body: posted}, 200, outlookGot)
	a.expect(question{url: "http://autodiscover.example.com" + outlook, body: posted}, 302, "https://autodiscover.example.com/")
	a.expect(question{url: "https://autodiscover.example.com/autodiscover/autodiscover.json/v1.0/ann%40example.com?Protocol=AutodiscoverV1"}, 200,
		`"Url":"https://autodiscover.example.com/`)
	a.expect(question{url: "https://" + host + "/-/metrics"}, 404, "")
	a.expect(question{url: "https://example.com/.well-known/autoconfig" + path}, 200, seenOutside)
	a.expect(question{url: "https://example.com/Autodiscover/Autodiscover.xml", body: posted}, 200, outlookGot)
	a.expect(question{url: "https://example.com/.well-known/autoconfig" + path, from: fromInside}, 200, seenInside)
}

// asForger: headers that only a proxy may write have no effect.
func (a *asker) asForger() {
	a.t.Helper()
	const host = "autoconfig.example.com"
	for _, scheme := range []string{"http://", "https://"} {
		a.expect(question{url: scheme + host + path, header: "X-Forwarded-For: " + fromInside}, 200, seenOutside)
		a.expect(question{url: scheme + host + path, header: "X-Forwarded-Host: autoconfig.stranger.example"}, 200, seenOutside)
		a.expect(question{url: scheme + host + path, header: "Forwarded: for=" + fromInside}, 200, seenOutside)
	}
	a.expect(question{url: "https://example.com/.well-known/autoconfig" + path, header: "X-Forwarded-For: " + fromInside}, 200, seenOutside)
	a.expect(question{url: "http://autodiscover.example.com" + outlook, body: posted, header: "X-Forwarded-Proto: https"}, 302, "https://autodiscover.")
	a.expect(question{url: "https://autodiscover.example.com" + outlook, body: posted, header: "X-Forwarded-Proto: http"}, 200, outlookGot)
}

// witness is part of an address that must stand in no log.
const witness = "w1tn3ss"

// asWitness: while mailhint is away people ask all the same, and proxies log what goes wrong.
func (a *asker) asWitness() {
	a.t.Helper()
	for _, url := range []string{
		"https://autoconfig.example.com" + path + "?emailaddress=" + witness + "@example.com",
		"http://autoconfig.example.com" + path + "?emailaddress=" + witness + "%40example.com",
		"https://autodiscover.example.com/autodiscover/autodiscover.json/v1.0/" + witness + "@example.com?Protocol=AutodiscoverV1",
		"https://example.com/.well-known/autoconfig" + path + "?emailaddress=" + witness + "@example.com",
	} {
		if r, err := a.do(question{url: url}); err == nil {
			if r.Body.Close(); r.StatusCode < 500 {
				a.t.Errorf("mailhint is away, and %s is answered with %s", url, r.Status)
			}
		}
	}
}
