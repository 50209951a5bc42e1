package server

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"mailhint/domains"
)

// The page at "/" is there for load balancers and for people, at any host, by any version of HTTP.
func TestRootPage(t *testing.T) {
	t.Parallel()
	s := run(t, offline(), func(s *Server) {
		*s.handlers = *newHandlers(domains.Server{Name: "setup.example.net"}, &s.state, nil, s.log)
	})
	for _, ask := range []string{
		"GET / HTTP/1.0\r\n\r\n", "HEAD / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nHost: 10.0.0.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: autoconfig.example.com\r\n\r\n",
		"HEAD / HTTP/1.1\r\nHost: example.com\r\nUser-Agent: ELB-HealthChecker/2.0\r\n\r\n", "GET / HTTP/1.1\r\nHost: setup.example.net\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: autodiscover.unknown.example\r\n\r\n", "GET / HTTP/1.1\r\nHost: ua-auto-config.example.org\r\n\r\n",
	} {
		method, _, _ := strings.Cut(ask, " ")
		r := send(t, s.http, []string{ask}, method)[0]
		if r.StatusCode != 200 || r.Header.Get("Content-Type") != "text/html; charset=utf-8" || method == "GET" && !strings.HasPrefix(r.body, "<!DOCTYPE html>\n") {
			t.Errorf("%q: %s %v\n%s", ask, r.Status, r.Header, r.body)
		}
	}
}

// Nobody learns the address from anything but the body of the answer, and the log names only the domain.
func TestRootPageAnswers(t *testing.T) {
	t.Parallel()
	s := run(t, offline(), func(s *Server) { *s.handlers = *newHandlers(domains.Server{}, &s.state, nil, s.log) })
	post := func(body string) response {
		return send(t, s.http, []string{"POST / HTTP/1.1\r\nHost: autoconfig.example.com\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: " +
			strconv.Itoa(len(body)) + "\r\n\r\n" + body}, "POST")[0]
	}
	r := post("email=s3cret%40example.org")
	if r.StatusCode != 200 || !strings.Contains(r.body, "s3cret@example.org") || r.Header.Get("Cache-Control") != "no-store" || r.Header.Get("Referrer-Policy") != "same-origin" {
		t.Errorf("%s %v\n%s", r.Status, r.Header, r.body)
	}
	if r := post("email=s3cret%40unknown.example"); r.StatusCode != 404 || !strings.Contains(r.body, "unknown.example") || strings.Contains(r.body, "example.org") {
		t.Errorf("%s %v\n%s", r.Status, r.Header, r.body)
	}
	if r := post("email=" + strings.Repeat("x", 70<<10)); r.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("too large: %s", r.Status)
	}
	s.stop()
	if log := s.log.String(); strings.Contains(log, "s3cret") || !strings.Contains(log, "route=help client=other status=200 method=POST domain=example.org") {
		t.Errorf("the log has an address, or no line:\n%s", log)
	}
}

// Without the page, load balancers still get status 200 at "/".
func TestNoHelpPage(t *testing.T) {
	t.Parallel()
	s := run(t, offline(), func(s *Server) { *s.handlers = *newHandlers(domains.Server{NoHelpPage: true}, &s.state, nil, s.log) })
	for ask, status := range map[string]int{
		"GET / HTTP/1.1\r\nHost: autoconfig.example.com\r\n\r\n": 200, "HEAD / HTTP/1.0\r\n\r\n": 200, "GET /help/style.css HTTP/1.0\r\n\r\n": 404,
		"POST / HTTP/1.0\r\nContent-Length: 0\r\n\r\n": 404,
	} {
		method, _, _ := strings.Cut(ask, " ")
		if r := send(t, s.http, []string{ask}, method)[0]; r.StatusCode != status || strings.Contains(r.body, "<form") {
			t.Errorf("%q: %s\n%s", ask, r.Status, r.body)
		}
	}
}
