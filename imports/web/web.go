// Package web asks the web servers that are imported from. Whatever they answer, a command ends in time and with bounded memory, sends a secret to
// nobody else, and does not ask services in private networks on their behalf.
package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"mailhint/untrusted"
)

// Limits of a Client.
const (
	maxRedirects = 5
	dialTimeout  = 5 * time.Second
)

// Client asks one server.
type Client struct {
	// Server is the URL that the admin has named. It may be anywhere.
	Server *url.URL
	// Redirects is true if redirects are followed: to the server itself, and to addresses in public networks.
	Redirects bool
	// Timeout limits a request with all its redirects, and MaxBody an answer, in octets.
	Timeout time.Duration
	MaxBody int64
}

// ParseServer reads the URL of a server.
func ParseServer(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err == nil && u.User != nil {
		return nil, fmt.Errorf("the URL of %s contains a user name or password; remove it", u.Host)
	}
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%q is not a valid URL of a server; write it like https://mail.example.com", untrusted.Clip(text, 100))
	}
	return u, nil
}

// Answer is what a server has answered.
type Answer struct {
	Status int
	Body   []byte
	// URL is where the answer came from, after redirects.
	URL *url.URL
}

// Do sends a request to the server: to whatever URL it is, the server's address is used. Errors name the server, and not the request.
func (c *Client) Do(ctx context.Context, request *http.Request) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	transport := &http.Transport{DialContext: c.dial, DisableKeepAlives: true, TLSHandshakeTimeout: dialTimeout, MaxResponseHeaderBytes: 64 << 10}
	client := http.Client{Transport: transport, CheckRedirect: c.checkRedirect}
	response, err := client.Do(request.WithContext(ctx))
	if err != nil {
		return Answer{}, fmt.Errorf("no answer from %s: %s", c.Server.Host, cause(err))
	}
	defer response.Body.Close() // it was only read
	if location := response.Header.Get("Location"); response.StatusCode/100 == 3 && location != "" {
		return Answer{}, fmt.Errorf("%s redirects to %s, which is not followed", c.Server.Host, untrusted.Clip(location, 200))
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, c.MaxBody+1))
	switch {
	case err != nil:
		return Answer{}, fmt.Errorf("the answer of %s is incomplete: %s", c.Server.Host, cause(err))
	case int64(len(body)) > c.MaxBody:
		return Answer{}, fmt.Errorf("the answer of %s is larger than %d KB", c.Server.Host, c.MaxBody>>10)
	}
	return Answer{Status: response.StatusCode, Body: body, URL: response.Request.URL}, nil
}

// cause is an error without the URL, which may be long.
func cause(err error) string {
	if request := (*url.Error)(nil); errors.As(err, &request) {
		err = request.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "it took too long"
	}
	return untrusted.Clip(err.Error(), 200)
}

// checkRedirect decides whether a redirect is followed. One that is not becomes the answer.
func (c *Client) checkRedirect(next *http.Request, before []*http.Request) error {
	downgraded := before[len(before)-1].URL.Scheme == "https" && next.URL.Scheme != "https"
	if !c.Redirects || len(before) > maxRedirects || downgraded {
		return http.ErrUseLastResponse
	}
	return nil
}

// dial connects to the server that was named, wherever it is, and to others only in public networks.
func (c *Client) dial(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: dialTimeout}
	if !c.isServer(address) {
		dialer.Control = publicOnly
	}
	return dialer.DialContext(ctx, network, address)
}

// isServer reports whether an address, a host and a port, is the server's.
func (c *Client) isServer(address string) bool {
	port := c.Server.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[c.Server.Scheme]
	}
	return strings.EqualFold(address, net.JoinHostPort(c.Server.Hostname(), port))
}

// errPrivate means that a redirect points to an address that only this machine can reach.
var errPrivate = errors.New("redirected to a private network, which is not followed")

// publicOnly refuses connections to addresses that are not public.
func publicOnly(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if !isPublic(ap.Addr().Unmap()) {
		return errPrivate
	}
	return nil
}

// special are networks that are not public, besides those that package netip knows: shared addresses of providers (RFC 6598), translation to IPv4
// (RFC 6052, RFC 8215), and those of this machine.
var special = []netip.Prefix{netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("2002::/16")}

func isPublic(a netip.Addr) bool {
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	for _, p := range special {
		if p.Contains(a) {
			return false
		}
	}
	return true
}
