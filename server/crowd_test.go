package server

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"
)

// disguised is a listener to which this machine's addresses look like a stranger's: 127.1.2.3 like 198.1.2.3.
type disguised struct{ net.Listener }

type stranger struct{ net.Conn }

func (d disguised) Accept() (net.Conn, error) {
	c, err := d.Listener.Accept()
	return stranger{c}, err
}

func (s stranger) RemoteAddr() net.Addr {
	ap := s.Conn.RemoteAddr().(*net.TCPAddr).AddrPort()
	bytes := ap.Addr().Unmap().As4()
	bytes[0] = 198
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom4(bytes), ap.Port()))
}

// crowded is a server with room for 100 connections, 20 of them by one client.
func crowded(t *testing.T) *running {
	config := offline()
	config.HTTP = nil
	return run(t, config, func(s *Server) {
		s.limits.connections, s.limits.perClient = 100, 20
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s.add(forHTTP, disguised{l})
	})
}

// connect opens a connection from one of this machine's addresses.
func connect(t testing.TB, from, to string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 20 * time.Second}
	c, err := d.Dial("tcp", to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	return c
}

const goodRequest = "GET /mail/config-v1.1.xml HTTP/1.1\r\n" + hostLine + "\r\n"

// askOn sends a good request on an open connection, and reports whether it was answered.
func askOn(c net.Conn) bool {
	if _, err := io.WriteString(c, goodRequest); err != nil {
		return false
	}
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, r.Body)
	return err == nil && r.StatusCode == 200
}

// isCut reports whether the server has closed a connection.
func isCut(c net.Conn) bool {
	c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	_, err := c.Read(make([]byte, 1))
	timeout, ok := err.(net.Error)
	return err != nil && !(ok && timeout.Timeout())
}

// One client can hold no more connections than are its share. Others notice nothing, and even this client goes on being served.
func TestFloodFromOneClient(t *testing.T) {
	t.Parallel()
	s := crowded(t)
	patient := connect(t, "127.0.0.2", s.http)
	if !askOn(patient) {
		t.Fatal("no answer before the flood")
	}
	for _, start := range []string{"", goodRequest, "GET / HTTP/1.1\r\nX: "} {
		for i := range 200 {
			io.WriteString(connect(t, "127.0.0.3", s.http), start)
			if i%20 == 0 && !askOn(connect(t, "127.0.0.4", s.http)) {
				t.Errorf("flood of %q: a good client gets no answer", start)
			}
		}
		eventually(t, "the flood is bounded", func() bool { return s.crowd().size() <= 20+1+60 })
		if !askOn(connect(t, "127.0.0.3", s.http)) {
			t.Errorf("flood of %q: somebody else at the same address gets no answer", start)
		}
	}
	if !askOn(patient) {
		t.Error("a connection from before the flood was cut, though it is another client's")
	}
	s.crowd().mu.Lock()
	defer s.crowd().mu.Unlock()
	if n := len(s.crowd().of[netip.MustParsePrefix("198.0.0.3/32")]); n > 20 {
		t.Errorf("one client holds %d connections, want at most 20", n)
	}
}

// Many clients together hold no more than fit. New ones are answered all the same: they come in, and the longest waiting go.
func TestFloodFromManyClients(t *testing.T) {
	t.Parallel()
	s := crowded(t)
	for _, start := range []string{"", "GET / HTTP/1.1\r\nX: "} {
		var flood []net.Conn
		for i := range 300 {
			c := connect(t, netip.AddrFrom4([4]byte{127, 0, 1, byte(i % 250)}).String(), s.http)
			io.WriteString(c, start)
			flood = append(flood, c)
			if i%10 == 0 && !askOn(connect(t, "127.0.0.4", s.http)) {
				t.Errorf("flood of %q: a good client gets no answer", start)
			}
		}
		if n := s.crowd().size(); n > 100 {
			t.Errorf("flood of %q: %d connections, want at most 100", start, n)
		}
		cut := 0
		for _, c := range flood[:100] { // the oldest
			if isCut(c) {
				cut++
			}
		}
		if cut < 90 {
			t.Errorf("flood of %q: %d of the 100 oldest connections are cut, want about all", start, cut)
		}
	}
}

// Whoever closes a connection, it leaves.
func TestCrowdForgets(t *testing.T) {
	t.Parallel()
	s := crowded(t)
	for i := range 60 {
		c := connect(t, netip.AddrFrom4([4]byte{127, 0, 2, byte(i / 3)}).String(), s.http)
		askOn(c)
		c.Close()
	}
	eventually(t, "nobody is left", func() bool {
		w := s.crowd()
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.all) == 0 && len(w.of) == 0
	})
}

func TestWhoseConnection(t *testing.T) {
	t.Parallel()
	w := newCrowd(defaultLimits, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, nil)
	for addr, want := range map[string]string{
		"192.0.2.1:1234":              "192.0.2.1/32",
		"[::ffff:192.0.2.1]:1234":     "192.0.2.1/32",
		"[2001:db8:1:2:3:4:5:6]:1234": "2001:db8:1:2::/64",
		"[fe80::1%eth0]:1234":         "fe80::/64",
		"127.0.0.1:1234":              "invalid Prefix",
		"[::1]:1234":                  "invalid Prefix",
		"10.1.2.3:1234":               "invalid Prefix", // a trusted proxy
	} {
		if got := w.clientOf(tcp(addr)); got.String() != want {
			t.Errorf("%s counts for %s, want %s", addr, got, want)
		}
	}
	if got := w.clientOf(&net.UnixAddr{Net: "unix"}); got.IsValid() {
		t.Errorf("a Unix socket counts for %s", got)
	}
}

// Requests that do not end are held by a few connections only, whoever they are: the memory of a connection that does nothing is little,
// that of one with bodies on their way is not. Good requests on connections from before are answered.
func TestFloodOfRequests(t *testing.T) {
	t.Parallel()
	s := crowded(t)
	s.crowd().mostBusy = 10
	patient := connect(t, "127.0.0.2", s.http)
	if !askOn(patient) {
		t.Fatal("no answer before the flood")
	}
	begin := func(i int) net.Conn {
		c := connect(t, netip.AddrFrom4([4]byte{127, 0, 3, byte(i)}).String(), s.http)
		io.WriteString(c, "POST /autodiscover.xml HTTP/1.1\r\n"+hostLine+"Content-Length: 1000\r\n\r\n<")
		return c
	}
	var flood []net.Conn
	for i := range 20 {
		flood = append(flood, begin(i))
	}
	eventually(t, "all are busy, and none for long", func() bool { return s.crowd().busy.Load() == 20 })
	time.Sleep(tooLong)
	for i := range 20 {
		begin(100 + i)
	}
	eventually(t, "the oldest are gone", func() bool { return s.crowd().busy.Load() == 20 })
	for _, c := range flood {
		if !isCut(c) {
			t.Error("a request that does not end outlives later ones")
		}
	}
	if !askOn(patient) || !askOn(connect(t, "127.0.0.4", s.http)) {
		t.Error("a good client gets no answer")
	}
}

// Many good requests at a time cost each of them nothing, however many connections there are.
func TestManyGoodRequests(t *testing.T) {
	const busy, rounds = 200, 2000
	fastest := func(connections int) time.Duration {
		w := newCrowd(defaultLimits, nil, func() {})
		end, _ := net.Pipe()
		var conns []*conn
		for i := range connections {
			c := &conn{Conn: end}
			w.enter(c, &net.TCPAddr{IP: net.IPv4(192, 0, byte(i>>8), byte(i))})
			conns = append(conns, c)
		}
		best := time.Hour
		for range 5 {
			for _, c := range conns[:busy] {
				w.isBusy(c, false)
				w.isBusy(c, true)
			}
			began := time.Now()
			for i := range rounds {
				c := conns[busy+i%50]
				w.isBusy(c, true)
				w.isBusy(c, false)
			}
			best = min(best, time.Since(began))
		}
		return best
	}
	if few, many := fastest(busy+50), fastest(defaultLimits.connections); many > 10*few {
		t.Errorf("%d requests take %s among many connections, %s among few", rounds, many, few)
	}
}
