//go:build linux

package lab

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"mailhint/keypairs/keypairtest"
	"mailhint/lab/visit"
)

// traffic is a steady flow of visitors, whatever becomes of those before them: half of them with HTTP/1.1, half with HTTP/2. They never try
// again, so that each failure is seen. Only while a quarter of a second's visitors are still waiting, no more come: then the machine has too
// much else to do, and the server's limits would cut them off.
type traffic struct {
	address  string
	visitors [2]*visit.Client
	there    chan struct{} // one for each visitor that has not been answered yet
	stop     chan struct{}
	ended    sync.WaitGroup
	started  time.Time
	begun    int

	mayRefuse bool // because the listener closes in this test

	mu                sync.Mutex
	answered, refused int
	faults            []error
	serials           map[string]bool // of the certificates seen
}

const visitorsPerSecond = 200

// startTraffic starts traffic to an https listener, which must serve certificates that roots trust.
func startTraffic(t *testing.T, address string, roots *x509.CertPool, body []byte) *traffic {
	t.Helper()
	tr := &traffic{address: address, there: make(chan struct{}, visitorsPerSecond/4), stop: make(chan struct{}),
		started: time.Now(), serials: make(map[string]bool)}
	for i, protocol := range []string{"http/1.1", "h2"} {
		v := visit.New(protocol, roots, body)
		v.TLS.CurvePreferences = []tls.CurveID{tls.CurveP256} // assembly, which the race detector does not slow down
		v.TLS.VerifyConnection = tr.note
		tr.visitors[i] = v
	}
	tr.ended.Go(tr.come)
	t.Cleanup(func() { tr.end(t) })
	return tr
}

func (tr *traffic) note(state tls.ConnectionState) error {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.serials[state.PeerCertificates[0].SerialNumber.String()] = true
	return nil
}

func (tr *traffic) come() {
	tick := time.NewTicker(time.Second / visitorsPerSecond)
	defer tick.Stop()
	for {
		select {
		case <-tr.stop:
			return
		case <-tick.C:
		}
		for due := int(time.Since(tr.started) * visitorsPerSecond / time.Second); tr.begun < due && len(tr.there) < cap(tr.there); tr.begun++ {
			v := tr.visitors[tr.begun%2]
			tr.there <- struct{}{}
			tr.ended.Go(func() {
				tr.count(v.Ask(tr.address, nil))
				<-tr.there
			})
		}
	}
}

func (tr *traffic) count(err error) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	op := new(net.OpError)
	switch {
	case err == nil:
		tr.answered++
	case errors.As(err, &op) && op.Op == "dial": // there is no connection, so there was no request
		tr.refused++
	default:
		tr.faults = append(tr.faults, err)
	}
}

// seen returns how many have been answered, and with how many different certificates.
func (tr *traffic) seen() (answered, certificates int) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.answered, len(tr.serials)
}

// more waits until as many visitors as come in a second have been answered.
func (tr *traffic) more(t *testing.T) {
	t.Helper()
	before, _ := tr.seen()
	eventually(t, "another second's visitors are answered", func() bool {
		now, _ := tr.seen()
		return now >= before+visitorsPerSecond
	})
}

// end waits for the last visitor and reports all failures.
func (tr *traffic) end(t *testing.T) {
	t.Helper()
	select {
	case <-tr.stop:
		return
	default:
	}
	close(tr.stop)
	took := time.Since(tr.started)
	tr.ended.Wait()
	t.Logf("%d visitors, %.0f a second: %d answered, %d refused, %d failed", tr.begun, float64(tr.begun)/took.Seconds(),
		tr.answered, tr.refused, len(tr.faults))
	for _, fault := range tr.faults[:min(len(tr.faults), 10)] {
		t.Errorf("a visitor: %v", fault)
	}
	if tr.refused > 0 && !tr.mayRefuse {
		t.Errorf("%d were refused", tr.refused)
	}
}

// Things happen to a server that is visited 200 times a second by new TLS connections. No request may fail.
func TestSteady(t *testing.T) {
	if outside != "" {
		t.Skip(outside)
	}
	t.Run("SIGHUP and new certificates", testNewCertificates)
	t.Run("restarts with socket activation", testSecureRestarts)
	t.Run("SIGTERM", testStop)
}

// Addresses of the servers that are visited, and the start of their configuration.
const (
	visitedHTTP  = "203.0.113.201:80"
	visitedHTTPS = "203.0.113.201:443"
	visitedTOML  = "[server]\nhttp = [\"" + visitedHTTP + "\"]\nhttps = [\"" + visitedHTTPS + "\"]\nadmin = \"\"\n" +
		"limit_repeats = false # many people, who have one address here\ntls = \"files\"\ncert = \"cert.pem\"\nkey = \"key.pem\"\n" + exampleDomain
)

// secured is a configuration with certificate files.
type secured struct {
	dir, config, cert, key string
	roots                  *x509.CertPool
}

func newSecured(t *testing.T) *secured {
	t.Helper()
	dir := t.TempDir()
	s := &secured{dir: dir, config: filepath.Join(dir, "domains.toml"), roots: x509.NewCertPool()}
	pair := keypairtest.New(t, keypairtest.Options{Names: visit.Names()})
	cert, key := keypairtest.PEM(t, pair)
	s.roots.AddCert(pair.Leaf)
	s.cert, s.key = write(t, filepath.Join(dir, "cert.pem"), string(cert)), write(t, filepath.Join(dir, "key.pem"), string(key))
	write(t, s.config, visitedTOML)
	return s
}

// serve runs mailhint until the test ends, and returns the answer that visitors should get.
func (s *secured) serve(t *testing.T) (p *process, body []byte) {
	t.Helper()
	p = start(t, "mailhint", s.dir, os.Getenv(insideProgram), "serve", "--config", s.config, "--drain", "0")
	t.Cleanup(func() { p.stop(t) })
	p.await(t, accepts(visitedHTTPS, visitedHTTP))
	_, text := get(t, visitedHTTP, visit.Host, visit.Path)
	return p, []byte(text)
}

// replace writes a file as careful programs do.
func replace(t *testing.T, file string, text []byte) {
	t.Helper()
	write(t, file+".new", string(text))
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
}

// The files are read again; then there is a new certificate without its key for a while, which is not served; then its key, which is
// noticed without a signal.
func testNewCertificates(t *testing.T) {
	s := newSecured(t)
	p, body := s.serve(t)
	pair := keypairtest.New(t, keypairtest.Options{Names: visit.Names()})
	cert, key := keypairtest.PEM(t, pair)
	s.roots.AddCert(pair.Leaf)
	tr := startTraffic(t, visitedHTTPS, s.roots, body)
	hangUp := func(times int) {
		for range times {
			tr.more(t)
			if err := p.Process.Signal(syscall.SIGHUP); err != nil {
				t.Fatal(err)
			}
		}
		tr.more(t)
	}
	hangUp(2)
	replace(t, s.cert, cert)
	hangUp(1)
	if _, certificates := tr.seen(); certificates != 1 {
		t.Errorf("%d certificates seen, want only the old one while the new one has no key", certificates)
	}
	replace(t, s.key, key)
	eventually(t, "the new certificate is served", func() bool {
		_, certificates := tr.seen()
		return certificates == 2
	})
	tr.more(t)
	tr.end(t)
}

// The socket stays open while the program restarts, as systemd keeps it.
func testSecureRestarts(t *testing.T) {
	const restarts = 3
	s := newSecured(t)
	first, body := s.serve(t)
	first.stop(t)
	address, socket := openSocket(t)
	p := &activated{purpose: "https", config: s.config, socket: socket}
	p.start(t)
	defer p.stop(t)
	tr := startTraffic(t, address, s.roots, body)
	for range restarts {
		tr.more(t)
		p.stop(t)
		p.start(t)
	}
	tr.more(t)
	tr.end(t)
}

// Without socket activation, new connections are refused from some moment on. Those before it are all answered.
func testStop(t *testing.T) {
	s := newSecured(t)
	p, body := s.serve(t)
	tr := startTraffic(t, visitedHTTPS, s.roots, body)
	tr.mayRefuse = true
	tr.more(t)
	p.stop(t)
	if p.err != nil {
		t.Errorf("mailhint ended with %v", p.err)
	}
	tr.end(t)
}

// openSocket opens a port at which this process does not accept connections.
func openSocket(t *testing.T) (address string, socket *os.File) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // only socket holds it then
	socket, err = l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	return l.Addr().String(), socket
}
