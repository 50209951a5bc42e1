package server

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"
	"testing"

	"mailhint/domains"
)

// These scripts are octets on the wire, and what comes back. They run against a real listener.

const hostLine = "Host: autoconfig.example.com\r\n"

// seen is what a handler sees of a request from loopback.
func seen(scheme, host, path string) string { return scheme + " " + host + " " + path + " 127.0.0.1:" }

func TestRequests(t *testing.T) {
	t.Parallel()
	const plainPath, path = "/mail/config-v1.1.xml", "/autodiscover/autodiscover.xml"
	good := seen("https", "autoconfig.example.com", plainPath)
	long := strings.Repeat("a", 64<<10+1)
	for _, c := range []struct {
		name   string
		send   string // "|" cuts it into segments
		method string // GET if empty
		status int
		seen   string // what the handler was handed, without the port
		allow  string
	}{
		{name: "plain", send: "GET /mail/config-v1.1.xml HTTP/1.1\r\n" + hostLine + "\r\n", status: 200, seen: good},
		{name: "with a query", send: "GET /mail/config-v1.1.xml?emailaddress=a%40example.com;&+%zz HTTP/1.1\r\n" + hostLine + "\r\n", status: 200, seen: good},
		{name: "HEAD", send: "HEAD /mail/config-v1.1.xml HTTP/1.1\r\n" + hostLine + "\r\n", method: "HEAD", status: 200, seen: good},
		{name: "well-known", send: "GET /.well-known/autoconfig/mail/config-v1.1.xml HTTP/1.1\r\nHost: example.com\r\n\r\n", status: 200,
			seen: seen("https", "example.com", "/.well-known/autoconfig/mail/config-v1.1.xml")},
		{name: "Nine", send: "GET /v1.1/mail/config-v1.1.xml HTTP/1.1\r\n" + hostLine + "\r\n", status: 200,
			seen: seen("https", "autoconfig.example.com", "/v1.1/mail/config-v1.1.xml")},
		{name: "early draft", send: "GET /.well-known/mail-v1.xml HTTP/1.1\r\n" + hostLine + "\r\n", status: 200,
			seen: seen("https", "autoconfig.example.com", "/.well-known/mail-v1.xml")},

		// Hosts.
		{name: "absolute form, Delta Chat", send: "GET https://autoconfig.example.com/mail/config-v1.1.xml HTTP/1.1\r\nHost: other.example\r\n\r\n", status: 200, seen: good},
		{name: "absolute form with user and port", send: "GET http://u:p@AUTOCONFIG.example.com.:80/mail/config-v1.1.xml HTTP/1.1\r\nHost: x\r\n\r\n", status: 200, seen: good},
		{name: "absolute form with U-labels", send: "GET http://b%C3%BCcher.example/mail/config-v1.1.xml HTTP/1.1\r\nHost: x\r\n\r\n", status: 200,
			seen: seen("https", "xn--bcher-kva.example", plainPath)},
		{name: "absolute form without path", send: "GET http://autoconfig.example.com HTTP/1.1\r\nHost: x\r\n\r\n", status: 200},
		{name: "upper case", send: "GET /MAIL/Config-V1.1.XML HTTP/1.1\r\nHost: AutoConfig.EXAMPLE.com\r\n\r\n", status: 200, seen: good},
		{name: "port", send: "GET /mail/config-v1.1.xml HTTP/1.1\r\nHost: autoconfig.example.com:8080\r\n\r\n", status: 200, seen: good},
		{name: "trailing dot", send: "GET /mail/config-v1.1.xml HTTP/1.1\r\nHost: autoconfig.example.com.:443\r\n\r\n", status: 200, seen: good},
		{name: "IPv6 host", send: "GET /mail/config-v1.1.xml HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", status: 200, seen: seen("https", "", plainPath)},
		{name: "garbage host", send: "GET /mail/config-v1.1.xml HTTP/1.1\r\nHost: a_b~*!()'\r\n\r\n", status: 200, seen: seen("https", "", plainPath)},
		{name: "percent host", send: "GET /mail/config-v1.1.xml HTTP/1.1\r\nHost: a%00b.example\r\n\r\n", status: 200, seen: seen("https", "", plainPath)},
		{name: "host too long", send: "GET /mail/config-v1.1.xml HTTP/1.1\r\nHost: " + strings.Repeat("a.", 150) + "example\r\n\r\n", status: 200, seen: seen("https", "", plainPath)},
		{name: "empty host", send: "GET /mail/config-v1.1.xml HTTP/1.1\r\nHost:\r\n\r\n", status: 200, seen: seen("https", "", plainPath)},
		{name: "no host, HTTP/1.0", send: "GET /mail/config-v1.1.xml HTTP/1.0\r\n\r\n", status: 200, seen: seen("https", "", plainPath)},
		{name: "no host, HTTP/1.1", send: "GET /mail/config-v1.1.xml HTTP/1.1\r\n\r\n", status: 400},
		{name: "two hosts", send: "GET /mail/config-v1.1.xml HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n\r\n", status: 400},
		{name: "host with script", send: "GET /mail/config-v1.1.xml HTTP/1.1\r\nHost: <script>\r\n\r\n", status: 400},
		{name: "host with slash", send: "GET /mail/config-v1.1.xml HTTP/1.1\r\nHost: a/b\r\n\r\n", status: 400},

		// Paths. None is redirected.
		{name: "double slashes", send: "GET //mail///config-v1.1.xml HTTP/1.1\r\n" + hostLine + "\r\n", status: 200, seen: good},
		{name: "dots", send: "GET /x/../mail/./config-v1.1.xml HTTP/1.1\r\n" + hostLine + "\r\n", status: 200, seen: good},
		{name: "encoded dots", send: "GET /x/%2e%2e/mail/%2E/config-v1.1.xml HTTP/1.1\r\n" + hostLine + "\r\n", status: 200, seen: good},
		{name: "trailing slash", send: "GET /mail/config-v1.1.xml/ HTTP/1.1\r\n" + hostLine + "\r\n", status: 200, seen: good},
		{name: "encoded slash", send: "GET /mail%2Fconfig-v1.1.xml HTTP/1.1\r\n" + hostLine + "\r\n", status: 200, seen: good},
		{name: "above the root", send: "GET /../../../mail/config-v1.1.xml HTTP/1.1\r\n" + hostLine + "\r\n", status: 200, seen: good},
		{name: "another server's address", send: "GET //evil.example/%2e%2e HTTP/1.1\r\n" + hostLine + "\r\n", status: 200},
		{name: "backslash", send: "GET /\\evil.example HTTP/1.1\r\n" + hostLine + "\r\n", status: 404},
		{name: "NUL", send: "GET /mail/config-v1.1.xml%00 HTTP/1.1\r\n" + hostLine + "\r\n", status: 404},
		{name: "line end", send: "GET /mail/%0d%0aX-Evil:%20yes HTTP/1.1\r\n" + hostLine + "\r\n", status: 404},
		{name: "Kelvin sign", send: "GET /.well-%E2%84%AAnown/mail-v1.xml HTTP/1.1\r\n" + hostLine + "\r\n", status: 404},
		{name: "no UTF-8", send: "GET /mail/%ff%fe HTTP/1.1\r\n" + hostLine + "\r\n", status: 404},
		{name: "bad escape", send: "GET /mail/%zz HTTP/1.1\r\n" + hostLine + "\r\n", status: 400},
		{name: "raw NUL", send: "GET /mail\x00 HTTP/1.1\r\n" + hostLine + "\r\n", status: 400},
		{name: "raw control character", send: "GET /mail\x1b[2J HTTP/1.1\r\n" + hostLine + "\r\n", status: 400},
		{name: "space in the target", send: "GET /mail/ config HTTP/1.1\r\n" + hostLine + "\r\n", status: 400},
		{name: "long path", send: "GET /" + strings.Repeat("a/", 6000) + " HTTP/1.1\r\n" + hostLine + "\r\n", status: 404},
		{name: "load balancer", send: "GET / HTTP/1.1\r\n" + hostLine + "\r\n", status: 200},
		{name: "load balancer without a host", send: "GET / HTTP/1.0\r\n\r\n", status: 200},
		{name: "load balancer, HEAD", send: "HEAD / HTTP/1.0\r\n\r\n", method: "HEAD", status: 200},
		{name: "load balancer, OPTIONS", send: "OPTIONS / HTTP/1.0\r\n\r\n", status: 200, allow: "GET, HEAD, POST, OPTIONS"},
		{name: "not a form", send: "POST / HTTP/1.1\r\n" + hostLine + "Content-Length: 2\r\n\r\nhi", status: 415},
		{name: "no slash", send: "GET mail HTTP/1.1\r\n" + hostLine + "\r\n", status: 400},
		{name: "star", send: "GET * HTTP/1.1\r\n" + hostLine + "\r\n", status: 404},
		{name: "metrics", send: "GET /-/metrics HTTP/1.1\r\n" + hostLine + "\r\n", status: 404},
		{name: "health", send: "GET /-/healthz HTTP/1.1\r\n" + hostLine + "\r\n", status: 404},
		{name: "readiness in disguise", send: "GET /mail/..//-/./readyz HTTP/1.1\r\nHost: localhost\r\n\r\n", status: 404},

		// Methods.
		{name: "POST autoconfig", send: "POST /mail/config-v1.1.xml HTTP/1.1\r\n" + hostLine + "Content-Length: 0\r\n\r\n", status: 405, allow: "GET, HEAD, OPTIONS"},
		{name: "PUT autodiscover", send: "PUT " + path + " HTTP/1.1\r\n" + hostLine + "Content-Length: 2\r\n\r\nhi", status: 405, allow: "GET, HEAD, POST, OPTIONS"},
		{name: "invented", send: "BREW " + path + " HTTP/1.1\r\n" + hostLine + "\r\n", status: 405, allow: "GET, HEAD, POST, OPTIONS"},
		{name: "lower case get", send: "get /mail/config-v1.1.xml HTTP/1.1\r\n" + hostLine + "\r\n", status: 405, allow: "GET, HEAD, OPTIONS"},
		{name: "OPTIONS", send: "OPTIONS " + path + " HTTP/1.1\r\n" + hostLine + "\r\n", status: 204, allow: "GET, HEAD, POST, OPTIONS"},
		{name: "OPTIONS elsewhere", send: "OPTIONS /elsewhere HTTP/1.1\r\n" + hostLine + "\r\n", status: 404},
		{name: "OPTIONS *", send: "OPTIONS * HTTP/1.1\r\n" + hostLine + "\r\n", status: 204, allow: "GET, HEAD, POST, OPTIONS"},
		{name: "CONNECT", send: "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n", status: 405, allow: "GET, HEAD, POST, OPTIONS"},
		{name: "CONNECT with a path", send: "CONNECT /mail/config-v1.1.xml HTTP/1.1\r\n" + hostLine + "\r\n", status: 405, allow: "GET, HEAD, POST, OPTIONS"},
		{name: "TRACE", send: "TRACE /mail/config-v1.1.xml HTTP/1.1\r\n" + hostLine + "\r\n", status: 405, allow: "GET, HEAD, POST, OPTIONS"},
		{name: "PROPFIND, Evolution with a password", send: "PROPFIND / HTTP/1.1\r\n" + hostLine + "Authorization: Basic Ym9iOnNlY3JldA==\r\n\r\n", status: 404},
		{name: "HTTP/2 without TLS", send: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", status: 404},
		{name: "method of odd characters", send: "GE\x01T / HTTP/1.1\r\n" + hostLine + "\r\n", status: 400},

		// Exchange's other doors.
		{name: "SOAP", send: "POST /autodiscover/autodiscover.svc HTTP/1.1\r\n" + hostLine + "Content-Length: 3\r\n\r\n<a>", status: 404},
		{name: "SOAP, wssecurity", send: "POST /Autodiscover/Autodiscover.svc/wssecurity HTTP/1.1\r\n" + hostLine + "Content-Length: 0\r\n\r\n", status: 404},
		{name: "ActiveSync", send: "OPTIONS /Microsoft-Server-ActiveSync HTTP/1.1\r\n" + hostLine + "Authorization: Bearer\r\n\r\n", status: 404},
		{name: "ActiveSync with a command", send: "POST /Microsoft-Server-ActiveSync?Cmd=Sync&User=bob HTTP/1.1\r\n" + hostLine + "Content-Length: 0\r\n\r\n", status: 404},
		{name: "EWS", send: "POST /EWS/Exchange.asmx HTTP/1.1\r\n" + hostLine + "Content-Length: 0\r\n\r\n", status: 404},
		{name: "MAPI", send: "GET /mapi/emsmdb/ HTTP/1.1\r\n" + hostLine + "\r\n", status: 404},
		{name: "RPC", send: "RPC_IN_DATA /rpc/rpcproxy.dll HTTP/1.1\r\n" + hostLine + "\r\n", status: 404},
		{name: "offline address book", send: "GET /OAB/x/oab.xml HTTP/1.1\r\n" + hostLine + "\r\n", status: 404},

		// Bodies and headers.
		{name: "capitals, exchangelib", send: "POST /Autodiscover/Autodiscover.xml HTTP/1.1\r\n" + hostLine + "Content-Length: 3\r\n\r\n<a>", method: "POST", status: 200,
			seen: seen("https", "autoconfig.example.com", path)},
		{name: "MailEnable", send: "POST /autodiscover.xml HTTP/1.1\r\n" + hostLine + "Content-Length: 3\r\n\r\n<a>", method: "POST", status: 200,
			seen: seen("https", "autoconfig.example.com", "/autodiscover.xml")},
		{name: "two segments", send: "POST " + path + " HTTP/1.1\r\n" + hostLine + "Content-Length: 8\r\n\r\n<aaa|aaa>", method: "POST", status: 200,
			seen: seen("https", "autoconfig.example.com", path)},
		{name: "three segments, header cut", send: "PO|ST " + path + " HTTP/1.1\r\nHo|st: autoconfig.example.com\r\n\r\n", method: "POST", status: 200,
			seen: seen("https", "autoconfig.example.com", path)},
		{name: "chunked", send: "POST " + path + " HTTP/1.1\r\n" + hostLine + "Transfer-Encoding: chunked\r\n\r\n3\r\n<a>|\r\n0\r\n\r\n", method: "POST", status: 200,
			seen: seen("https", "autoconfig.example.com", path)},
		{name: "largest body", send: "POST " + path + " HTTP/1.1\r\n" + hostLine + "Content-Length: 65536\r\n\r\n" + long[1:], method: "POST", status: 200,
			seen: seen("https", "autoconfig.example.com", path)},
		{name: "one octet more", send: "POST " + path + " HTTP/1.1\r\n" + hostLine + "Content-Length: 65537\r\n\r\n" + long, method: "POST", status: 413},
		{name: "one octet more, chunked", send: "POST " + path + " HTTP/1.1\r\n" + hostLine + "Transfer-Encoding: chunked\r\n\r\n10001\r\n" + long + "\r\n0\r\n\r\n", method: "POST", status: 413,
			seen: seen("https", "autoconfig.example.com", path)},
		{name: "announces too much", send: "POST " + path + " HTTP/1.1\r\n" + hostLine + "Content-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n", method: "POST", status: 413},
		{name: "body for GET", send: "GET /mail/config-v1.1.xml HTTP/1.1\r\n" + hostLine + "Content-Length: 3\r\n\r\n<a>", status: 200, seen: good},
		{name: "broken chunks", send: "POST " + path + " HTTP/1.1\r\n" + hostLine + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", method: "POST", status: 400,
			seen: seen("https", "autoconfig.example.com", path)},
		{name: "negative length", send: "POST " + path + " HTTP/1.1\r\n" + hostLine + "Content-Length: -1\r\n\r\n", method: "POST", status: 400},
		{name: "two lengths", send: "POST " + path + " HTTP/1.1\r\n" + hostLine + "Content-Length: 1\r\nContent-Length: 2\r\n\r\naa", method: "POST", status: 400},
		{name: "unknown transfer coding", send: "POST " + path + " HTTP/1.1\r\n" + hostLine + "Transfer-Encoding: gzip\r\n\r\n", method: "POST", status: 400},
		{name: "HTTP/9.9", send: "GET / HTTP/9.9\r\n" + hostLine + "\r\n", status: 400},
		{name: "HTTP/0.9", send: "GET /\r\n\r\n", status: 400},
		{name: "odd expectation", send: "GET / HTTP/1.1\r\n" + hostLine + "Expect: the best\r\n\r\n", status: 417},
		{name: "header without colon", send: "GET / HTTP/1.1\r\n" + hostLine + "nonsense\r\n\r\n", status: 400},
		{name: "header with NUL", send: "GET / HTTP/1.1\r\n" + hostLine + "X: a\x00b\r\n\r\n", status: 400},
		{name: "folded header", send: "GET /mail/config-v1.1.xml HTTP/1.1\r\n" + hostLine + "X: a\r\n b\r\n\r\n", status: 200, seen: good},
		{name: "header at the limit", send: "GET /mail/config-v1.1.xml HTTP/1.1\r\n" + hostLine + "X: " + strings.Repeat("x", 16<<10-100) + "\r\n\r\n", status: 200, seen: good},
		{name: "header too large", send: "GET /mail/config-v1.1.xml HTTP/1.1\r\n" + hostLine + "X: " + strings.Repeat("x", 17<<10) + "\r\n\r\n", status: 431},
		{name: "endless target", send: "GET /" + strings.Repeat("x", 20<<10) + " HTTP/1.1\r\n" + hostLine + "\r\n", status: 431},
		{name: "thousands of headers", send: "GET / HTTP/1.1\r\n" + hostLine + strings.Repeat("A:\r\n", 5000) + "\r\n", status: 431},
		{name: "TLS on the plain port", send: "\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n", status: 400},
		{name: "not trusted", send: "GET /mail/config-v1.1.xml HTTP/1.1\r\n" + hostLine +
			"X-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: http\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n", status: 200, seen: good},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := run(t, offline(), nil)
			method := c.method
			if method == "" {
				method = "GET"
			}
			r := send(t, s.http, strings.Split(c.send, "|"), method)[0]
			if r.StatusCode != c.status {
				t.Errorf("%.200q: %s, want %d", c.send, r.Status, c.status)
			}
			if got := r.Header.Get("X-Seen"); !strings.HasPrefix(got, c.seen) || c.seen == "" && got != "" {
				t.Errorf("%.200q: the handler saw %q, want %q", c.send, got, c.seen)
			}
			if got := r.Header.Get("Allow"); got != c.allow {
				t.Errorf("%.200q: Allow: %q, want %q", c.send, got, c.allow)
			}
			if r.Header.Get("Location") != "" || r.Header.Get("WWW-Authenticate") != "" {
				t.Errorf("%.200q: sent elsewhere or asked for a password: %v", c.send, r.Header)
			}
			if strings.Contains(strings.ToLower(r.body+fmt.Sprint(r.Header["X-Evil"])), "evil") {
				t.Errorf("%.200q: the answer repeats the request: %q", c.send, r.body)
			}
			if r.Header.Get("X-Content-Type-Options") != "nosniff" && !slices.Contains([]int{400, 417, 431}, c.status) { // net/http answers with these itself
				t.Errorf("%.200q: no security headers: %v", c.send, r.Header)
			}
			if policy := r.Header.Get("Content-Security-Policy"); r.Header.Get("X-Content-Type-Options") != "" &&
				(!strings.HasPrefix(policy, "default-src 'none'; ") || !strings.HasSuffix(policy, "; frame-ancestors 'none'") || !slices.Contains([]string{"no-referrer", "same-origin"}, r.Header.Get("Referrer-Policy"))) {
				t.Errorf("%.200q: Content-Security-Policy %q, Referrer-Policy %q", c.send, policy, r.Header.Get("Referrer-Policy"))
			}
		})
	}
}

func TestExchangeProbesGetNothing(t *testing.T) {
	t.Parallel()
	s := run(t, offline(), nil)
	for _, path := range []string{"/ews", "/EWS/Exchange.asmx", "/autodiscover/autodiscover.svc", "/mapi/nspi", "/rpc/", "/OAB/"} {
		for _, method := range []string{"GET", "HEAD", "POST", "OPTIONS", "PROPFIND", "RPC_IN_DATA"} {
			r := send(t, s.http, []string{method + " " + path + " HTTP/1.1\r\n" + hostLine + "Content-Length: 0\r\n\r\n"}, method)[0]
			if r.StatusCode != 404 || r.body != "" || r.ContentLength != 0 {
				t.Errorf("%s %s: %s with %q, want an empty 404", method, path, r.Status, r.body)
			}
		}
	}
}

func TestHeadIsGetWithoutBody(t *testing.T) {
	t.Parallel()
	s := run(t, offline(), nil)
	for _, path := range []string{"/mail/config-v1.1.xml", "/autodiscover/autodiscover.xml", "/elsewhere", "/"} {
		line := " " + path + " HTTP/1.1\r\n" + hostLine + "\r\n"
		answers := send(t, s.http, []string{"GET" + line + "HEAD" + line + "GET" + line}, "GET", "HEAD", "GET") // the third shows that HEAD had no body
		for _, r := range answers {
			r.Header.Del("Date")
		}
		if a, b := fmt.Sprint(answers[0].Header), fmt.Sprint(answers[1].Header); a != b || answers[0].ContentLength != answers[1].ContentLength {
			t.Errorf("%s: GET has %s, HEAD %s", path, a, b)
		}
		if answers[0].ContentLength != int64(len(answers[0].body)) {
			t.Errorf("%s: Content-Length %d for %d octets", path, answers[0].ContentLength, len(answers[0].body))
		}
	}
}

func TestPipelined(t *testing.T) {
	t.Parallel()
	s := run(t, offline(), nil)
	answers := send(t, s.http, []string{
		"GET /mail/config-v1.1.xml HTTP/1.1\r\n" + hostLine + "\r\n" +
			"POST /autodiscover/autodiscover.xml HTTP/1.1\r\n" + hostLine + "Content-Length: 3\r\n\r\n<a>" +
			"GET /elsewhere HTTP/1.1\r\n" + hostLine + "\r\n" +
			"OPTIONS * HTTP/1.1\r\n" + hostLine + "\r\n",
	}, "GET", "POST", "GET", "OPTIONS")
	for i, want := range []int{200, 200, 404, 204} {
		if answers[i].StatusCode != want {
			t.Errorf("answer %d: %s, want %d", i, answers[i].Status, want)
		}
	}
}

// When there is a TLS listener too, the handler for Autodiscover gets every method over plain http: it redirects them all to https.
func TestPlainHTTPBesideTLS(t *testing.T) {
	t.Parallel()
	config := offline()
	config.TLS = "files"
	config.Certificates = []domains.KeyPair{newPair(t, "autoconfig.example.com")}
	s := run(t, config, nil)
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PROPFIND", "OPTIONS"} {
		r := send(t, s.http, []string{method + " /autodiscover/autodiscover.xml HTTP/1.1\r\n" + hostLine + "Content-Length: 0\r\n\r\n"}, method)[0]
		if r.StatusCode != 302 {
			t.Errorf("%s autodiscover over http: %s, want 302", method, r.Status)
		}
	}
	r := send(t, s.http, []string{"GET /mail/config-v1.1.xml HTTP/1.1\r\n" + hostLine + "\r\n"}, "GET")[0]
	if want := seen("http", "autoconfig.example.com", "/mail/config-v1.1.xml"); r.StatusCode != 200 || !strings.HasPrefix(r.Header.Get("X-Seen"), want) {
		t.Errorf("autoconfig over http: %s %q, want 200 and %q", r.Status, r.Header.Get("X-Seen"), want)
	}
}

func TestTrustedProxy(t *testing.T) {
	t.Parallel()
	config := offline()
	config.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("10.0.0.0/8")}
	s := run(t, config, nil)
	const unknown = "https autoconfig.example.com /mail/config-v1.1.xml;" // the client
	for _, c := range []struct{ name, headers, seen string }{
		{"everything", "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: AutoConfig.Firm.Example:443\r\n",
			"http autoconfig.firm.example /mail/config-v1.1.xml 192.0.2.7:0"},
		{"https", "X-Forwarded-Proto: HTTPS\r\n", "https autoconfig.example.com "},
		{"unknown scheme", "X-Forwarded-Proto: gopher\r\n", "https autoconfig.example.com "},
		{"invented hops", "X-Forwarded-For: 198.51.100.1, 192.0.2.7, 10.1.2.3\r\n", "https autoconfig.example.com /mail/config-v1.1.xml 192.0.2.7:0"},
		{"two headers", "X-Forwarded-For: 198.51.100.1, 192.0.2.7\r\nX-Forwarded-For: 10.1.2.3, 10.9.9.9\r\n", "https autoconfig.example.com /mail/config-v1.1.xml 192.0.2.7:0"},
		{"all trusted", "X-Forwarded-For: 10.0.0.1, 10.0.0.2\r\n", "https autoconfig.example.com /mail/config-v1.1.xml 10.0.0.1:0"},
		{"with ports", "X-Forwarded-For: [2001:db8::1]:4711\r\n", "https autoconfig.example.com /mail/config-v1.1.xml [2001:db8::1]:0"},
		{"none", "", unknown},
		{"nonsense", "X-Forwarded-For: unknown, <script>\r\n", unknown},
		{"nonsense behind a proxy", "X-Forwarded-For: nobody, 10.0.0.9\r\n", unknown},
		{"a proxy's own address", "X-Forwarded-For: 127.0.0.1\r\n", unknown},
		{"a proxy's own address, invented hops", "X-Forwarded-For: 10.0.0.1, 127.0.0.1\r\n", "https autoconfig.example.com /mail/config-v1.1.xml 10.0.0.1:0"},
		{"empty", "X-Forwarded-For: ,,\r\nX-Forwarded-Host:\r\nX-Forwarded-Proto:\r\n", unknown},
		{"empty element before", "X-Forwarded-For: ,10.9.9.9\r\n", unknown},
		{"empty element between", "X-Forwarded-For: 10.9.9.8, , 10.9.9.9\r\n", unknown},
		{"empty element behind", "X-Forwarded-For: 10.9.9.9,\r\n", unknown},
		{"empty header before", "X-Forwarded-For:\r\nX-Forwarded-For: 10.9.9.9\r\n", unknown},
		{"empty header behind", "X-Forwarded-For: 10.9.9.9\r\nX-Forwarded-For:\r\n", unknown},
		{"empty element that the client wrote", "X-Forwarded-For: , 192.0.2.7\r\n", "https autoconfig.example.com /mail/config-v1.1.xml 192.0.2.7:0"},
		{"nonsense host", "X-Forwarded-Host: <script>\r\n", "https  /mail/config-v1.1.xml"},
		{"several hosts", "X-Forwarded-Host: evil.example, autoconfig.firm.example\r\n", "https autoconfig.firm.example "},
	} {
		r := send(t, s.http, []string{"GET /mail/config-v1.1.xml HTTP/1.1\r\n" + hostLine + c.headers + "\r\n"}, "GET")[0]
		if got := r.Header.Get("X-Seen") + ";"; !strings.HasPrefix(got, c.seen) {
			t.Errorf("%s: the handler saw %q, want %q", c.name, got, c.seen)
		}
	}
}

func TestCleanPath(t *testing.T) {
	t.Parallel()
	for _, p := range []string{"", "/", "/a", "a", "/A", "/a/", "/a//b", "/a/./b", "/a/../b", "/..", "/.", "/.a", "/a.", "/.well-known/x", "/.well-known/../x",
		"/.well-known/.well-known/X", "//", "*", "/é", "/\xff", "/...", "/a/..."} {
		slow := lower(path.Clean("/" + p))
		if got := cleanPath(p); got != slow {
			t.Errorf("cleanPath(%q) = %q, want %q", p, got, slow)
		}
	}
}
