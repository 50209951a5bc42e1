package probe

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"
)

// Request is a request to a web server.
type Request struct {
	URL string // absolute, http or https
	// Method is GET if it is empty.
	Method      string
	ContentType string
	Body        []byte
	// Address is used instead of those of the host name; if it is zero, the first of those that accepts a connection. It must be an address
	// that may be probed.
	Address netip.Addr
}

// Web is the result of a Request.
type Web struct {
	URL string
	// Address that was used; zero if the host has none, see Err.
	Address netip.Addr
	State   State
	// NoRoute is as in Look.
	NoRoute bool
	// TLS is the TLS connection; nil for http, and if none could be established.
	TLS *TLS
	// Status is the HTTP status; 0 if there was no answer, see Err.
	Status int
	// Location is where a redirect points to; it is not followed. It and Header are untrusted text.
	Location string
	Header   http.Header
	// Body is the document, at most 256 KiB of it; Cut says that there was more.
	Body []byte
	Cut  bool
	// Err is what went wrong: it wraps resolver.ErrNone or resolver.ErrFailed if there is no address, else it is why the connection or the
	// exchange failed. It is nil if there was an answer, whatever it says.
	Err  error
	Took time.Duration // including the wait for other connections to the address
}

// maxBody is how much of a document is read, in octets.
const maxBody = 256 << 10

// LookURL sends one request to a web server. It tries the addresses of the host in turn until one accepts the connection, but starts no
// attempt after the time of a look. It follows no redirect, sends no password, and accepts any certificate, which it judges as Look does.
func (p *Prober) LookURL(ctx context.Context, q Request) Web {
	start := time.Now()
	web := Web{URL: q.URL}
	u, err := url.Parse(q.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		web.Err = errors.New("not an absolute http or https URL")
		return web
	}
	port, err := portOf(u)
	if err != nil {
		web.Err = err
		return web
	}
	addresses := []netip.Addr{q.Address}
	if !q.Address.IsValid() {
		if addresses, err = p.addresses(ctx, u.Hostname()); len(addresses) == 0 {
			web.Err = err
			return web
		}
	}
	var first Web
	for i, a := range addresses {
		asked := web
		asked.Address = a
		p.askAt(ctx, q, netip.AddrPortFrom(a, port), &asked)
		asked.Took = time.Since(start)
		if i == 0 || asked.State == Reached {
			first = asked
		}
		if asked.State == Reached || time.Since(start) >= maxWebSteps*p.step() {
			break
		}
	}
	return first
}

func portOf(u *url.URL) (uint16, error) {
	if u.Port() == "" {
		return map[string]uint16{"http": 80, "https": 443}[u.Scheme], nil
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil || port == 0 {
		return 0, errors.New("the port is not a number from 1 to 65535")
	}
	return uint16(port), nil
}

// askAt sends the request to one address.
func (p *Prober) askAt(ctx context.Context, q Request, at netip.AddrPort, web *Web) {
	release, err := p.limit.acquire(ctx, at.Addr())
	if err != nil {
		web.Err = err
		return
	}
	defer release()
	ctx, cancel := context.WithTimeout(ctx, maxWebSteps*p.step())
	defer cancel()
	conn, state, err := p.connect(ctx, at, maxWebOctets)
	web.State = state
	if err != nil {
		web.Err = printable(err)
		web.NoRoute = state == Unreachable && !hasRoute(at)
		return
	}
	defer conn.Close()
	request, err := http.NewRequestWithContext(ctx, cmp.Or(q.Method, http.MethodGet), q.URL, bytes.NewReader(q.Body))
	if err != nil {
		web.Err = errors.New("not a valid request")
		return
	}
	request.Header.Set("User-Agent", "mailhint")
	if q.ContentType != "" {
		request.Header.Set("Content-Type", q.ContentType)
	}
	if request.URL.Scheme == "https" {
		inside, seen, err := p.encrypt(ctx, request.URL.Hostname(), conn, p.step())
		if err != nil {
			web.Err = printable(err)
			return
		}
		conn, web.TLS = inside, seen
	}
	response, err := p.exchange(conn, request)
	if err != nil {
		web.Err = printable(err)
		return
	}
	web.Status, web.Header, web.Location = response.StatusCode, response.Header, response.Header.Get("Location")
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1)) // until ctx closes the connection
	web.Cut = len(body) > maxBody
	web.Body = body[:min(len(body), maxBody)]
	if err != nil {
		web.Err = fmt.Errorf("the answer is incomplete: %w", printable(err))
	}
}

// exchange sends a request and reads the head of the answer, within one step. An http.Transport would read the connection in the background
// and write to the log what a server sends without being asked.
func (p *Prober) exchange(conn net.Conn, request *http.Request) (*http.Response, error) {
	if err := conn.SetDeadline(time.Now().Add(p.step())); err != nil {
		return nil, err
	}
	request.Close = true
	_ = request.Write(conn) // what counts is the answer, which may come before everything is sent
	in := bufio.NewReader(conn)
	response, err := http.ReadResponse(in, request)
	for err == nil && response.StatusCode/100 == 1 { // RFC 9110 section 15.2: more follows
		response, err = http.ReadResponse(in, request)
	}
	switch {
	case isTimeout(err):
		return nil, fmt.Errorf("no answer within %s: %w", p.step(), err)
	case isClosed(err):
		return nil, fmt.Errorf("the server closed the connection without an answer: %w", err)
	case err != nil:
		return nil, err
	}
	return response, conn.SetDeadline(time.Time{})
}
