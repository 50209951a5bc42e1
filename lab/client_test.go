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

// client sends requests as mail clients do.
type client struct {
	t     *testing.T
	roots *x509.CertPool
}

// request is a request of a mail client.
type request struct {
	url    string
	from   string // the client's address; 203.0.113.20 if empty
	body   string // sent with POST
	header string // an additional one
	method string // GET if empty, or POST with a body
}

const (
	asked      = "203.0.113.10" // the server's address
	fromInside = "198.51.100.9"
)

// path is where Thunderbird asks.
const path = visit.Path

func (c *client) do(q request) (*http.Response, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP("203.0.113.20")}, Timeout: testTimeout}
	if q.from != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(q.from)}
	}
	transport := &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{RootCAs: c.roots},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			_, port, _ := net.SplitHostPort(address)
			return d.DialContext(ctx, network, asked+":"+port)
		},
	}
	httpClient := &http.Client{Transport: transport, Timeout: testTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	method := http.MethodGet
	if q.body != "" {
		method = http.MethodPost
	}
	if q.method != "" {
		method = q.method
	}
	r, err := http.NewRequest(method, q.url, strings.NewReader(q.body))
	if err != nil {
		c.t.Fatal(err)
	}
	if name, value, ok := strings.Cut(q.header, ": "); ok {
		r.Header.Set(name, value)
	}
	return httpClient.Do(r)
}

// reply is a response whose body has been read.
type reply struct {
	*http.Response
	body string
}

func (c *client) ask(q request) reply {
	c.t.Helper()
	r, err := c.do(q)
	if err != nil {
		c.t.Fatalf("%+v: %v", q, err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		c.t.Fatalf("%+v: %v", q, err)
	}
	if r.StatusCode == http.StatusUnauthorized || r.Header.Get("WWW-Authenticate") != "" {
		c.t.Errorf("%+v: the answer asks for a password", q)
	}
	return reply{r, string(body)}
}

// expect sends a request and compares status and content of the answer.
func (c *client) expect(q request, status int, content string) {
	c.t.Helper()
	if r := c.ask(q); r.StatusCode != status || !strings.Contains(r.body+r.Header.Get("Location"), content) {
		c.t.Errorf("%+v:\n got %s %v\n%s\nwant %d with %q", q, r.Status, r.Header, r.body, status, content)
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

// expectAnswers sends the requests of mail clients: all are answered, and mailhint learns the address and the scheme of the client.
func (c *client) expectAnswers() {
	c.t.Helper()
	const host = "autoconfig.example.com"
	c.expect(request{url: "https://" + host + path + "?emailaddress=ann@example.com"}, 200, seenOutside)
	c.expect(request{url: "http://" + host + path}, 200, seenOutside)
	c.expect(request{url: "https://" + host + path, from: fromInside}, 200, seenInside)
	c.expect(request{url: "http://" + host + path, from: fromInside}, 200, seenInside)
	c.expect(request{url: "https://autodiscover.example.com" + outlook, body: posted}, 200, outlookGot)
	c.expect(request{url: "https://autodiscover.example.com/Autodiscover/Autodiscover.XML", body: posted}, 200, outlookGot)
	c.expect(request{url: "http://autodiscover.example.com" + outlook, body: posted}, 302, "https://autodiscover.example.com/")
	c.expect(request{url: "https://autodiscover.example.com/autodiscover/autodiscover.json/v1.0/ann%40example.com?Protocol=AutodiscoverV1"}, 200,
		`"Url":"https://autodiscover.example.com/`)
	c.expect(request{url: "https://" + host + "/-/metrics"}, 404, "")
	c.expect(request{url: "https://example.com/.well-known/autoconfig" + path}, 200, seenOutside)
	c.expect(request{url: "https://example.com/Autodiscover/Autodiscover.xml", body: posted}, 200, outlookGot)
	c.expect(request{url: "https://example.com/.well-known/autoconfig" + path, from: fromInside}, 200, seenInside)
	c.expect(request{url: "https://example.com/.well-known/caldav", method: "PROPFIND"}, 301, "https://dav.hoster.example/calendars/")
	c.expect(request{url: "https://example.com/.well-known/caldav"}, 301, "https://dav.hoster.example/calendars/")
	c.expect(request{url: "https://example.com/.well-known/jmap"}, 307, "https://jmap.hoster.example/session")
}

// expectForgedHeadersIgnored sends headers that only a proxy may set: they have no effect.
func (c *client) expectForgedHeadersIgnored() {
	c.t.Helper()
	const host = "autoconfig.example.com"
	for _, scheme := range []string{"http://", "https://"} {
		c.expect(request{url: scheme + host + path, header: "X-Forwarded-For: " + fromInside}, 200, seenOutside)
		c.expect(request{url: scheme + host + path, header: "X-Forwarded-Host: autoconfig.stranger.example"}, 200, seenOutside)
		c.expect(request{url: scheme + host + path, header: "Forwarded: for=" + fromInside}, 200, seenOutside)
	}
	c.expect(request{url: "https://example.com/.well-known/autoconfig" + path, header: "X-Forwarded-For: " + fromInside}, 200, seenOutside)
	c.expect(request{url: "http://autodiscover.example.com" + outlook, body: posted, header: "X-Forwarded-Proto: https"}, 302, "https://autodiscover.")
	c.expect(request{url: "https://autodiscover.example.com" + outlook, body: posted, header: "X-Forwarded-Proto: http"}, 200, outlookGot)
}

// witness is part of an address that must not appear in any log.
const witness = "w1tn3ss"

// expectErrors sends requests with an address while mailhint is not running: proxies answer with an error, and log it.
func (c *client) expectErrors() {
	c.t.Helper()
	for _, url := range []string{
		"https://autoconfig.example.com" + path + "?emailaddress=" + witness + "@example.com",
		"http://autoconfig.example.com" + path + "?emailaddress=" + witness + "%40example.com",
		"https://autodiscover.example.com/autodiscover/autodiscover.json/v1.0/" + witness + "@example.com?Protocol=AutodiscoverV1",
		"https://example.com/.well-known/autoconfig" + path + "?emailaddress=" + witness + "@example.com",
	} {
		if r, err := c.do(request{url: url}); err == nil {
			if r.Body.Close(); r.StatusCode < 500 {
				c.t.Errorf("mailhint is not running, but %s is answered with %s", url, r.Status)
			}
		}
	}
}
