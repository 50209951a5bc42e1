//go:build linux

package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// visitor asks once over each connection and never resumes a TLS session: what most mail programs' visits are to a server. It does as
// little as possible itself, and never tries again.
type visitor struct {
	config  *tls.Config
	request []byte
	want    []byte // what the answer must end with; the whole body
}

const visited = "autoconfig.example.com"

// visitedNames are all that may have a certificate for the domain.
var visitedNames = []string{visited, "autodiscover.example.com", "ua-auto-config.example.com"}

// newVisitor returns one that speaks "http/1.1" or "h2". Without roots it believes every certificate.
func newVisitor(protocol string, roots *x509.CertPool, want []byte) *visitor {
	v := &visitor{want: want, config: &tls.Config{ServerName: visited, RootCAs: roots, InsecureSkipVerify: roots == nil,
		NextProtos: []string{protocol}, MinVersion: tls.VersionTLS13, CurvePreferences: []tls.CurveID{tls.X25519},
		ClientSessionCache: forgetful{}}}
	if protocol == "h2" {
		v.request = requestFrames()
	} else {
		v.request = []byte("GET " + path + " HTTP/1.1\r\nHost: " + visited + "\r\nConnection: close\r\n\r\n")
	}
	return v
}

// forgetful makes the server give session tickets, as it has to give them to mail programs, and never uses one.
type forgetful struct{}

func (forgetful) Get(string) (*tls.ClientSessionState, bool) { return nil, false }
func (forgetful) Put(string, *tls.ClientSessionState)        {}

// requestFrames is all that a client sends over HTTP/2 to ask once.
func requestFrames() []byte {
	var frames, block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, h := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", visited}, {":path", path}} {
		encoder.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]}) // to a buffer
	}
	frames.WriteString(http2.ClientPreface)
	f := http2.NewFramer(&frames, nil)
	f.WriteSettings()
	f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: true})
	return frames.Bytes()
}

// visit asks once. from is the client's address; nil for any.
func (v *visitor) visit(address string, from net.IP) error {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: from}, Timeout: 20 * time.Second}
	raw, err := d.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer raw.Close()
	raw.SetDeadline(time.Now().Add(20 * time.Second)) // a dead connection has no deadlines
	c := tls.Client(raw, v.config)
	if _, err := c.Write(v.request); err != nil {
		return fmt.Errorf("handshake and request: %w", err)
	}
	if c.ConnectionState().NegotiatedProtocol == "h2" {
		err = v.readFrames(c)
	} else {
		err = v.readAnswer(c)
	}
	if err != nil {
		return err
	}
	return c.CloseWrite()
}

func (v *visitor) readAnswer(c *tls.Conn) error {
	answer, err := io.ReadAll(c)
	if err != nil {
		return fmt.Errorf("after %d octets of the answer: %w", len(answer), err)
	}
	if !bytes.HasPrefix(answer, []byte("HTTP/1.1 200 OK\r\n")) || !bytes.HasSuffix(answer, v.want) {
		return fmt.Errorf("the answer is %.300q", answer)
	}
	return nil
}

func (v *visitor) readFrames(c *tls.Conn) error {
	f := http2.NewFramer(io.Discard, c)
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
			if !bytes.Equal(body, v.want) {
				return fmt.Errorf("the answer is %.300q", body)
			}
			return nil
		}
	}
}

// writeVisited writes a certificate with its key for the host that visitors ask, and returns what trusts it.
func writeVisited(t testing.TB, certFile, keyFile string) *x509.CertPool {
	t.Helper()
	certPEM, keyPEM, roots := newVisited(t)
	for file, text := range map[string][]byte{certFile: certPEM, keyFile: keyPEM} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return roots
}

func newVisited(t testing.TB) (certPEM, keyPEM []byte, roots *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(now.UnixNano()), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(90 * 24 * time.Hour),
		DNSNames: visitedNames, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certPEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	roots = x509.NewCertPool()
	if !roots.AppendCertsFromPEM(certPEM) {
		t.Fatal("the certificate cannot be read again")
	}
	return certPEM, keyPEM, roots
}
