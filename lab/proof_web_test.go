//go:build linux

package lab

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
)

// The web sites of the cases, and what is in front of mailhint, are as bad as the cases say.
func TestWebSites(t *testing.T) {
	t.Parallel()
	n := theInternet(t)
	for _, c := range n.cases {
		if c.setup != nil {
			n.provesSite(t, c.setup, c.front, "autoconfig."+c.domain)
		}
		if c.site != nil {
			n.provesSite(t, c.site, c.web, c.domain)
		}
	}
}

func (n *internet) provesSite(t *testing.T, lines []string, address, host string) {
	site, err := newWebSite(lines)
	if err != nil {
		t.Fatal(err)
	}
	if site.flaw != "" {
		_, _, err := n.get(t, address, host, "/")
		if isBad := errors.As(err, new(*tls.CertificateVerificationError)); isBad != (verdicts[site.flaw] != valid) {
			t.Errorf("%s: got %v with a certificate that is %s", host, err, site.flaw)
		}
	}
	for _, f := range site.faults {
		status, body, err := n.get(t, address, host, f.path)
		if err != nil {
			t.Errorf("%s: %v", host, err)
			continue
		}
		if !f.rewritten && status != f.status {
			t.Errorf("%s%s: status %d, want %d", host, f.path, status, f.status)
		}
		_, ours, err := n.get(t, setupV4, host, f.path)
		if f.rewritten && (err != nil || len(body) != len(ours) || bytes.Equal(body, ours)) {
			t.Errorf("%s%s: %v, got\n%s\nwant it to differ by a letter from\n%s", host, f.path, err, body, ours)
		}
	}
}

// get asks the web server at an address.
func (n *internet) get(t *testing.T, address, host, path string) (status int, body []byte, err error) {
	client := http.Client{Timeout: testTimeout, Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{RootCAs: n.authority.pool(t)},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort(address, "443"))
		},
	}}
	response, err := client.Get(fmt.Sprintf("https://%s%s", host, path))
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	body, err = io.ReadAll(response.Body)
	return response.StatusCode, body, err
}
