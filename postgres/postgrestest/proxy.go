package postgrestest

import (
	"fmt"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"
)

// Proxy passes TCP connections on to a server, or does not.
type Proxy struct {
	// Port is its port on 127.0.0.1.
	Port int

	target string
	mutex  sync.Mutex
	conns  map[net.Conn]bool
	delay  time.Duration
	mode   mode
	free   chan struct{} // closed when a silent proxy speaks again
}

// mode is what a proxy does with connections.
type mode int

const (
	open   mode = iota
	cut         // refuses new connections
	silent      // accepts connections and passes nothing on, as a network does that drops packets
)

// StartProxy starts a proxy for a server. It ends with the test.
func (s *Server) StartProxy(t testing.TB) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Port: l.Addr().(*net.TCPAddr).Port, conns: make(map[net.Conn]bool), free: make(chan struct{})}
	p.Redirect(s)
	var running sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		p.Cut()
		running.Wait()
	})
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { p.serve(conn) })
		}
	})
	return p
}

// URL is Server.URL through the proxy.
func (p *Proxy) URL(database string) string {
	u := url.URL{Scheme: "postgres", User: url.User(User), Host: fmt.Sprintf("127.0.0.1:%d", p.Port), Path: "/" + database, RawQuery: "sslmode=disable"}
	return u.String()
}

// Redirect makes new connections go to another server.
func (p *Proxy) Redirect(s *Server) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.target = fmt.Sprintf("127.0.0.1:%d", s.Port)
}

// Cut closes all connections, and refuses new ones until Restore.
func (p *Proxy) Cut() {
	p.set(cut)
	p.CloseAll()
}

// CloseAll closes all connections that there are.
func (p *Proxy) CloseAll() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for conn := range p.conns {
		conn.Close()
	}
}

// Drop passes nothing on any more, in either direction, and tells nobody, until Restore.
func (p *Proxy) Drop() { p.set(silent) }

// Restore makes the proxy pass everything on again.
func (p *Proxy) Restore() { p.set(open) }

func (p *Proxy) set(m mode) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.mode == silent && m != silent {
		close(p.free)
		p.free = make(chan struct{})
	}
	p.mode = m
}

// Delay makes whatever is passed on wait.
func (p *Proxy) Delay(d time.Duration) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.delay = d
}

func (p *Proxy) serve(client net.Conn) {
	if !p.add(client) {
		client.Close()
		return
	}
	defer p.remove(client)
	p.mutex.Lock()
	target := p.target
	p.mutex.Unlock()
	server, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	if !p.add(server) {
		server.Close()
		return
	}
	defer p.remove(server)
	var both sync.WaitGroup
	both.Go(func() { p.pass(server, client) })
	both.Go(func() { p.pass(client, server) })
	both.Wait()
}

// add remembers a connection, unless the proxy refuses it.
func (p *Proxy) add(conn net.Conn) bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.mode == cut {
		return false
	}
	p.conns[conn] = true
	return true
}

func (p *Proxy) remove(conn net.Conn) {
	conn.Close()
	p.mutex.Lock()
	defer p.mutex.Unlock()
	delete(p.conns, conn)
}

// pass copies until one side ends, and then ends both.
func (p *Proxy) pass(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		p.mutex.Lock()
		delay, free, isSilent := p.delay, p.free, p.mode == silent
		p.mutex.Unlock()
		if isSilent {
			<-free
		}
		time.Sleep(delay)
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
