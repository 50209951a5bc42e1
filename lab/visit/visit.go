// Package visit is a client for tests and benchmarks of the whole program: it asks once over each new TLS connection and never resumes a
// session, as most visits of mail programs look to a server. It does as little as possible itself, and never tries again.
package visit

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// Domain is what the requests are about: every visit asks Host for Path.
const (
	Domain = "example.com"
	Host   = "autoconfig." + Domain
	Path   = "/mail/config-v1.1.xml"
)

// Names are all that may have a certificate for Domain.
func Names() []string { return []string{Host, "autodiscover." + Domain, "ua-auto-config." + Domain} }

// Client makes visits.
type Client struct {
	TLS     *tls.Config
	request []byte
	want    []byte
}

// New returns a client that speaks "http/1.1" or "h2" and wants an answer with this body. Without roots it trusts every certificate.
func New(protocol string, roots *x509.CertPool, want []byte) *Client {
	c := &Client{want: want, TLS: &tls.Config{ServerName: Host, RootCAs: roots, InsecureSkipVerify: roots == nil,
		NextProtos: []string{protocol}, MinVersion: tls.VersionTLS13, CurvePreferences: []tls.CurveID{tls.X25519},
		ClientSessionCache: noSessions{}}}
	if protocol == "h2" {
		c.request = requestFrames()
	} else {
		c.request = []byte("GET " + Path + " HTTP/1.1\r\nHost: " + Host + "\r\nConnection: close\r\n\r\n")
	}
	return c
}

// noSessions makes the server issue session tickets, as it has to for mail programs, and never uses one.
type noSessions struct{}

func (noSessions) Get(string) (*tls.ClientSessionState, bool) { return nil, false }
func (noSessions) Put(string, *tls.ClientSessionState)        {}

// requestFrames is all that a client sends over HTTP/2 to ask once.
func requestFrames() []byte {
	var frames, block bytes.Buffer // to which writing cannot fail
	encoder := hpack.NewEncoder(&block)
	for _, h := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", Host}, {":path", Path}} {
		encoder.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]})
	}
	frames.WriteString(http2.ClientPreface)
	f := http2.NewFramer(&frames, nil)
	f.WriteSettings()
	f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: true})
	return frames.Bytes()
}

// timeout is how long one visit may take on a machine that is busy with other things. Whether a server is fast enough is not for this
// client to say, but a visit that hangs must end.
const timeout = 60 * time.Second

// Ask asks once. from is the client's address; nil for any. If no connection can be opened, the error is a *net.OpError with Op "dial".
func (c *Client) Ask(address string, from net.IP) error {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: from}, Timeout: timeout}
	raw, err := d.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer raw.Close()
	raw.SetDeadline(time.Now().Add(timeout)) // an error shows below
	conn := tls.Client(raw, c.TLS)
	if _, err := conn.Write(c.request); err != nil {
		return fmt.Errorf("handshake and request: %w", err)
	}
	if conn.ConnectionState().NegotiatedProtocol == "h2" {
		err = c.readFrames(conn)
	} else {
		err = c.readAnswer(conn)
	}
	if err != nil {
		return err
	}
	return conn.CloseWrite()
}

func (c *Client) readAnswer(conn *tls.Conn) error {
	answer, err := io.ReadAll(conn)
	if err != nil {
		return fmt.Errorf("after %d octets of the answer: %w", len(answer), err)
	}
	if !bytes.HasPrefix(answer, []byte("HTTP/1.1 200 OK\r\n")) || !bytes.HasSuffix(answer, c.want) {
		return fmt.Errorf("the answer is %.300q", answer)
	}
	return nil
}

func (c *Client) readFrames(conn *tls.Conn) error {
	f := http2.NewFramer(io.Discard, conn)
	var body []byte
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			return fmt.Errorf("after %d octets of the answer: %w", len(body), err)
		}
		switch frame := frame.(type) {
		case *http2.RSTStreamFrame:
			return fmt.Errorf("the request was reset: %s", frame.ErrCode)
		case *http2.DataFrame:
			if body = append(body, frame.Data()...); !frame.StreamEnded() {
				continue
			}
			if !bytes.Equal(body, c.want) {
				return fmt.Errorf("the answer is %.300q", body)
			}
			return nil
		}
	}
}
