package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"mailhint/settings"
)

// Nothing that identifies a person may reach the log or the metrics, whatever part of a request it is in.
func TestSecretsStayOut(t *testing.T) {
	t.Parallel()
	s := run(t, secured(newPair(t, "autoconfig.example.com")), nil)
	// "s3cret" in each place; the host is the one part that is logged.
	const headers = hostLine + "Authorization: Basic s3cret\r\nUser-Agent: Thunderbird/s3cret\r\nX-Forwarded-For: 192.0.2.99\r\n" +
		"X-Email: s3cret@example.com\r\nCookie: s3cret\r\nReferer: http://s3cret.example/\r\n"
	for _, ask := range []string{
		"GET /mail/config-v1.1.xml?emailaddress=s3cret%40example.com HTTP/1.1\r\n" + headers + "\r\n",
		"GET /mail/config-v1.1.xml?emailaddress=s3cret@example.com;x HTTP/1.1\r\n" + headers + "\r\n",
		"GET /autodiscover/autodiscover.json/v1.0/s3cret@example.com HTTP/1.1\r\n" + headers + "\r\n",
		"GET /s3cret/../s3cret HTTP/1.1\r\n" + headers + "\r\n",
		"S3CRET / HTTP/1.1\r\n" + headers + "\r\n",
		"s3cret s3cret s3cret\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: s3cret<\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: s3cret_\r\n\r\n",
		"POST /autodiscover/autodiscover.xml HTTP/1.1\r\n" + headers + "Content-Length: 6\r\n\r\ns3cret",
		"POST /autodiscover/autodiscover.xml HTTP/1.1\r\n" + headers + "Transfer-Encoding: chunked\r\n\r\ns3cret\r\n",
		"CONNECT s3cret:443 HTTP/1.1\r\nHost: s3cret:443\r\n\r\n",
		"GET http://s3cret:s3cret@autoconfig.example.com/s3cret HTTP/1.1\r\n" + headers + "\r\n",
		"GET / HTTP/1.1\r\ns3cret\x00: s3cret\r\n\r\n",
	} {
		send(t, s.http, []string{ask}, "POST")
	}
	send(t, s.https, []string{"GET /s3cret HTTP/1.1\r\n\r\n"}, "GET")
	_, metrics := get(t, "http://"+s.admin+"/-/metrics")
	_, ready := get(t, "http://"+s.admin+"/-/readyz")
	s.stop()
	for what, text := range map[string]string{"log": s.log.String(), "metrics": metrics, "readyz": ready} {
		for _, secret := range []string{"s3cret", "S3CRET", "192.0.2.99"} {
			if i := strings.Index(text, secret); i >= 0 {
				t.Errorf("the %s contains %q: …%.100q", what, secret, text[max(0, i-80):])
			}
		}
	}
	for _, line := range strings.Split(s.log.String(), "\n") {
		if !strings.Contains(line, "msg=listening") && strings.Contains(line, "127.0.0.1") {
			t.Errorf("the log contains the client's IP address: %s", line)
		}
	}
	for _, want := range []string{
		"msg=request route=autoconfig client=thunderbird status=200 method=GET domain=example.com duration=",
		"msg=request route=autodiscover client=thunderbird status=302 method=POST domain=example.com duration=",
		`msg=request route=help client=thunderbird status=404 method=other domain=example.com duration=`,
	} {
		if !strings.Contains(s.log.String(), want) {
			t.Errorf("the log lacks %q", want)
		}
	}
}

func TestLogLine(t *testing.T) {
	t.Parallel()
	log := new(syncBuffer)
	s, err := New(offline(), nil, slog.New(slog.NewJSONHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	*s.handlers = *fakeHandlers()
	s.Configure(snapshotOf(t, "example.com"), nil)
	r, _ := http.NewRequest("HEAD", "/autodiscover/autodiscover.xml", nil)
	r.Host = "AutoDiscover.Bücher.example"
	r.RemoteAddr = "192.0.2.1:4711"
	s.Handler(true).ServeHTTP(discard{http.Header{}}, r)
	var line struct {
		Time                                      time.Time
		Level, Msg, Domain, Route, Client, Method string
		Status                                    int
		Duration                                  int64
	}
	decoder := json.NewDecoder(strings.NewReader(log.String()))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&line); err != nil {
		t.Fatalf("%v in %s", err, log)
	}
	if line.Domain != "xn--bcher-kva.example" || line.Route != "autodiscover" || line.Client != "other" || line.Method != "HEAD" || line.Status != 200 ||
		line.Duration <= 0 || line.Time.IsZero() || line.Msg != "request" {
		t.Errorf("the line is %s", log)
	}
	if _, err := decoder.Token(); err != io.EOF {
		t.Errorf("more than one line: %s", log)
	}
}

// The log names the domain that was answered for, also where the host is not one of its names. A domain that is not ours may be anybody's, so
// that then only the host is named.
func TestLoggedDomain(t *testing.T) {
	t.Parallel()
	log := new(syncBuffer)
	s, err := New(offline(), nil, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	s.Configure(snapshotOf(t, "example.com", "example.org"), nil)
	ask := func(method, host, target, body string) string {
		t.Helper()
		r, err := http.NewRequest(method, target, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Host, r.RemoteAddr = host, "192.0.2.1:4711"
		before := len(log.String())
		s.Handler(true).ServeHTTP(discard{http.Header{}}, r)
		return log.String()[before:]
	}
	const pox = `<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"><Request>` +
		`<EMailAddress>bob@example.org</EMailAddress><AcceptableResponseSchema>` +
		`http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a</AcceptableResponseSchema></Request></Autodiscover>`
	for _, test := range []struct{ method, host, target, body, want string }{
		{"GET", "setup.hoster.example", "/mail/config-v1.1.xml?emailaddress=bob%40example.org", "", "status=200 method=GET domain=example.org "},
		{"GET", "autoconfig.example.com", "/mail/config-v1.1.xml?emailaddress=bob%40example.org", "", "status=200 method=GET domain=example.org "},
		{"GET", "autoconfig.example.com", "/mail/config-v1.1.xml", "", "status=200 method=GET domain=example.com "},
		{"POST", "setup.hoster.example", "/autodiscover/autodiscover.xml", pox, "status=200 method=POST domain=example.org "},
		{"GET", "setup.hoster.example", "/autodiscover/autodiscover.json/v1.0/bob@example.org?Protocol=AutodiscoverV1", "", "status=200 method=GET domain=example.org "},
		{"GET", "setup.hoster.example", "/email.mobileconfig?email=bob%40example.org", "", "status=200 method=GET domain=example.org "},
		{"GET", "setup.hoster.example", "/mail/config-v1.1.xml?emailaddress=bob%40s3cret.example", "", "status=404 method=GET domain=setup.hoster.example "},
		{"GET", "setup.hoster.example", "/unknown", "", "status=404 method=GET domain=setup.hoster.example "},
	} {
		if line := ask(test.method, test.host, test.target, test.body); !strings.Contains(line, test.want) {
			t.Errorf("%s %s at %s: the log lacks %q:\n%s", test.method, test.target, test.host, test.want, line)
		}
	}
}

// discard is a response writer without a client.
type discard struct{ h http.Header }

func (d discard) Header() http.Header         { return d.h }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}

func TestClients(t *testing.T) {
	t.Parallel()
	if label := snappyMail.String(); label != "snappymail" { // dashboards depend on it
		t.Errorf("the label of SnappyMail is %q", label)
	}
	for _, c := range []struct {
		method, target, agent string
		want                  client
	}{
		{"GET", "/mail/config-v1.1.xml?emailaddress=a%40example.com", "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Thunderbird/153.7.0", thunderbird},
		{"POST", "/autodiscover/autodiscover.xml", "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Thunderbird/153.7.0", thunderbird},
		{"GET", "/mail/config-v1.1.xml", "okhttp/4.12.0", thunderbirdAndroid},
		{"GET", "/mail/config-v1.1.xml?emailaddress=a%40example.com", "okhttp/4.12.0", other},
		{"GET", "/mail/config-v1.1.xml?emailaddress=EVOLUTIONUSER%40example.com&emailmd5=0", "Evolution/3.46.4-2+deb12u1", evolution},
		{"GET", "/mail/config-v1.1.xml?emailaddress=a&emailmd5=0", "", evolution},
		{"PROPFIND", "/.well-known/caldav", "Evolution/3.46.4-2+deb12u1", evolution},
		{"GET", "/mail/config-v1.1.xml", "", geary},
		{"GET", "/.well-known/mail-v1.xml", "", snappyMail},
		{"HEAD", "/.well-known/mail-v1.xml", "", other},
		{"GET", "https://autoconfig.example.com/mail/config-v1.1.xml?emailaddress=a%40example.com", "", deltaChat},
		{"GET", "https://example.com/.well-known/autoconfig/mail/config-v1.1.xml", "", deltaChat},
		{"GET", "/autodiscover/autodiscover.xml", "", deltaChat},
		{"POST", "/autodiscover/autodiscover.xml", "", other}, // autodiscover-activesync 0.0.1
		{"GET", "/mail/config-v1.1.xml", "Mozilla/5.0 (X11; Linux x86_64) KIO/5.103 ispdb/0.1", kde},
		{"GET", "/mail/config-v1.1.xml", "Horde_Http 2.1.7", horde},
		{"GET", "/mail/config-v1.1.xml", "Nextcloud-Server-Crawler/33.0.0", nextcloud},
		{"POST", "/autodiscover/autodiscover.xml", "Microsoft Office/14.0 (Windows NT 6.1; Microsoft Outlook 14.0.7015; Pro)", outlook},
		{"POST", "/Autodiscover/Autodiscover.xml", "exchangelib/4.9.0 (python-requests/2.28.1)", exchangelib},
		{"GET", "/v1.1/mail/config-v1.1.xml", "whatever", nine},
		{"GET", "/autodiscover/autodiscover.json/v1.0/a?Protocol=EWS", "macOS/14.0 (23A344) accountsd/113", apple},
		{"GET", "/", "curl/8.5.0", curl},
		{"GET", "/", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36", browser},
		{"GET", "/", "sqlmap/1.0", other},
		{"GET", "/", strings.Repeat("x", 10_000) + "curl/8.5.0", other},
	} {
		r, err := http.NewRequest(c.method, c.target, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.agent != "" {
			r.Header.Set("User-Agent", c.agent)
		}
		if got := clientOf(r); got != c.want {
			t.Errorf("%s %s from %.60q is %v, want %v", c.method, c.target, c.agent, got, c.want)
		}
	}
	for c, name := range clientNames {
		if name == "" {
			t.Errorf("client %d has no name", c)
		}
	}
}

// The short cut writes what slog would.
func TestLogHandlerIsSlog(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("", 5*3600+1800)
	for _, line := range []requestLine{
		{time.Date(2026, 11, 23, 14, 6, 43, 763_262_694, time.UTC), 200, "GET", "example.com", 123_456},
		{time.Date(2026, 11, 23, 14, 6, 43, 0, time.UTC), 404, "other", "", 0},
		{time.Date(2026, 1, 2, 3, 4, 5, 6_999_999, zone), 500, "PROPFIND", "xn--bcher-kva.example", 12 * time.Second},
		{time.Date(2026, 1, 2, 3, 4, 5, 600_000_000, zone), 302, "POST", settings.Domain(strings.Repeat("a.", 120) + "example"), time.Millisecond},
		{time.Date(2026, 11, 23, 14, 6, 43, 0, time.UTC), 200, "GET", "example.com", 1},
		{time.Date(2026, 11, 23, 14, 6, 43, 0, time.UTC), 200, "GET", "example.com", 1_200_500},
		{time.Date(2026, 11, 23, 14, 6, 43, 0, time.UTC), 200, "GET", "example.com", 61_000_000_100},
	} {
		for _, json := range []bool{false, true} {
			var short, long bytes.Buffer
			w := NewLogWriter(&short)
			h := NewLogHandler(w, json, nil)
			h.write(h.fixedPart("autoconfig", "kde"), line)
			w.Close()
			h.to.to = &long
			attrs := []slog.Attr{slog.String("route", "autoconfig"), slog.String("client", "kde")}
			if err := h.WithAttrs(attrs).Handle(t.Context(), line.record()); err != nil {
				t.Fatal(err)
			}
			w.Close()
			if short.String() != long.String() {
				t.Errorf("short cut %sslog      %s", short.String(), long.String())
			}
		}
	}
}

func TestLogWriter(t *testing.T) {
	t.Parallel()
	to := new(syncBuffer)
	w := NewLogWriter(to)
	io.WriteString(w, "one\n")
	io.WriteString(w, "two\n")
	if to.String() != "" {
		t.Error("a line was not held back")
	}
	eventually(t, "lines are passed on", func() bool { return to.String() == "one\ntwo\n" })
	io.WriteString(w, "three\n")
	w.Close()
	if to.String() != "one\ntwo\nthree\n" {
		t.Errorf("after Close there is %q", to)
	}
	long := strings.Repeat("x", 2*logBuffer)
	io.WriteString(w, long) // a stack, perhaps
	w.Close()
	if !strings.HasSuffix(to.String(), long) {
		t.Error("a line longer than the buffer is lost")
	}
	full := errors.New("disk full")
	w = NewLogWriter(writerFunc(func([]byte) (int, error) { return 0, full }))
	io.WriteString(w, "one\n")
	if err := w.Close(); !errors.Is(err, full) {
		t.Errorf("Close: %v, want %v", err, full)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// Durations in JSON have their unit in the name, those of requests as well as others; text has it in the value.
func TestDurationsHaveUnits(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		json         bool
		request, end string
	}{
		{true, `,"duration_ms":0.200501}`, `,"drain_ms":1000}`},
		{false, " duration=200.501µs", " drain=1s"},
	} {
		var out bytes.Buffer
		w := NewLogWriter(&out)
		h := NewLogHandler(w, test.json, nil)
		h.write(h.fixedPart("autoconfig", "kde"), requestLine{time.Unix(0, 0), 200, "GET", "example.com", 200_501})
		slog.New(h).Info("shutting down", "drain", time.Second)
		w.Close()
		lines := strings.Split(out.String(), "\n")
		if len(lines) != 3 || !strings.HasSuffix(lines[0], test.request) || !strings.HasSuffix(lines[1], test.end) {
			t.Errorf("got %q, want lines that end with %q and %q", lines, test.request, test.end)
		}
	}
}
