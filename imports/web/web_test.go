package web

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// serve returns a client of a server with a handler, and a request for it.
func serve(t *testing.T, handler http.HandlerFunc) (*Client, *http.Request) {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	u, err := ParseServer(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequest(http.MethodGet, s.URL+"/x", nil)
	if err != nil {
		t.Fatal(err)
	}
	return &Client{Server: u, Redirects: true, Timeout: time.Minute, MaxBody: 1 << 10}, r
}

func TestLimits(t *testing.T) {
	blocked := make(chan struct{})
	defer close(blocked)
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		want    string
	}{
		"large":   {func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 1<<10+1)) }, "larger than 1 KB"},
		"endless": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path+"x", http.StatusFound) }, "redirects to /xxxxxx"},
		"incomplete": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.Write([]byte("x"))
		}, "incomplete"},
		"slow": {func(w http.ResponseWriter, r *http.Request) {
			w.Write([]byte("x"))
			w.(http.Flusher).Flush()
			select {
			case <-blocked:
			case <-r.Context().Done():
			}
		}, "took too long"},
		"headers": {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 1<<17)) }, "no answer"},
		"another on this machine": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/secret", http.StatusFound)
		}, "redirected to a private network"},
		"metadata": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/latest", http.StatusFound)
		}, "redirected to a private network"},
		"a name of this machine": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://localhost:1/", http.StatusFound)
		}, "redirected to a private network"},
		"another scheme": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(302)
		}, "no answer"},
	} {
		t.Run(name, func(t *testing.T) {
			client, r := serve(t, c.handler)
			if name == "slow" {
				client.Timeout = 100 * time.Millisecond
			}
			if a, err := client.Do(t.Context(), r); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %+v, %v; want %q", a, err, c.want)
			}
		})
	}
}

// TestRedirects: to the server itself they are followed, and without Redirects not at all.
func TestRedirects(t *testing.T) {
	handler := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/x" {
			http.Redirect(w, r, "/y", http.StatusMovedPermanently)
		}
	}
	client, r := serve(t, handler)
	if a, err := client.Do(t.Context(), r); err != nil || a.Status != http.StatusOK || a.URL.Path != "/y" {
		t.Errorf("got %+v, %v", a, err)
	}
	client.Redirects = false
	if _, err := client.Do(t.Context(), r); err == nil || !strings.Contains(err.Error(), "redirects to /y") {
		t.Errorf("got %v", err)
	}
}

func TestIsPublic(t *testing.T) {
	for address, want := range map[string]bool{
		"198.51.100.7": true, "2001:db8::1": true, "8.8.8.8": true, // documentation networks are as good as any
		"127.0.0.1": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false, "169.254.169.254": false, "100.64.0.1": false, "0.0.0.0": false,
		"::1": false, "fe80::1": false, "fd00::1": false, "ff02::1": false, "64:ff9b::7f00:1": false, "255.255.255.255": false, "2002:7f00:1::": false,
	} {
		if got := isPublic(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %t", address, got)
		}
	}
	if err := publicOnly("tcp", "[::ffff:127.0.0.1]:80", nil); err == nil {
		t.Error("IPv4 in IPv6 notation is let through")
	}
}

func TestParseServer(t *testing.T) {
	for _, bad := range []string{"", "mail.example.com", "ftp://mail.example.com", "https://", "https://u:p@mail.example.com", "https://mail.example.com/?x", "https://mail.example.com/#x"} {
		if u, err := ParseServer(bad); err == nil {
			t.Errorf("%q: %v", bad, u)
		}
	}
}
