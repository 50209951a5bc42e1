package listen

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
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

// runLimited runs a server with room for 100 connections, 20 of them by one client.
func runLimited(t *testing.T) *running {
	return run(t, func(c *Config) {
		c.HTTP = nil
		c.Limits.Connections, c.Limits.PerClient = 100, 20
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		c.sockets = sockets{HTTP: {disguised{l}}}
	})
}

// isCut reports whether the server has closed a connection, or does so within a time.
func isCut(c net.Conn, within time.Duration) bool {
	c.SetReadDeadline(time.Now().Add(within))
	_, err := c.Read(make([]byte, 1))
	return err != nil && !errors.Is(err, os.ErrDeadlineExceeded)
}

// One client can hold no more than its share of the connections. Others notice nothing, and even this client is still served.
func TestFloodFromOneClient(t *testing.T) {
	t.Parallel()
	s := runLimited(t)
	early := connect(t, "127.0.0.2", s.http)
	if !askOn(early) {
		t.Fatal("no answer before the flood")
	}
	for _, start := range []string{"", goodRequest, "GET / HTTP/1.1\r\nX: "} {
		for i := range 200 {
			io.WriteString(connect(t, "127.0.0.3", s.http), start)
			if i%20 == 0 && !askOn(connect(t, "127.0.0.4", s.http)) {
				t.Errorf("flood of %q: a good client gets no answer", start)
			}
		}
		eventually(t, "the flood is bounded", func() bool { return s.tracker.size() <= 20+1+60 })
		if !askOn(connect(t, "127.0.0.3", s.http)) {
			t.Errorf("flood of %q: another client at the same address gets no answer", start)
		}
	}
	if !askOn(early) {
		t.Error("a connection from before the flood was cut, though it is another client's")
	}
	s.tracker.mu.Lock()
	defer s.tracker.mu.Unlock()
	if n := len(s.tracker.byClient[netip.MustParsePrefix("198.0.0.3/32")]); n > 20 {
		t.Errorf("one client holds %d connections, want at most 20", n)
	}
}

// Many clients together hold no more connections than the limit. New ones are still answered: the longest waiting have to go.
func TestFloodFromManyClients(t *testing.T) {
	t.Parallel()
	s := runLimited(t)
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
		if n := s.tracker.size(); n > 100 {
			t.Errorf("flood of %q: %d connections, want at most 100", start, n)
		}
		eventually(t, "nearly all of the 100 oldest connections are cut", func() bool {
			cut := 0
			for _, c := range flood[:100] {
				if isCut(c, time.Millisecond) {
					cut++
				}
			}
			return cut >= 90
		})
	}
}

// A connection that is closed is no longer counted, whichever side closes it.
func TestTrackerForgets(t *testing.T) {
	t.Parallel()
	s := runLimited(t)
	for i := range 60 {
		c := connect(t, netip.AddrFrom4([4]byte{127, 0, 2, byte(i / 3)}).String(), s.http)
		askOn(c)
		c.Close()
	}
	eventually(t, "no connection is left", func() bool {
		w := s.tracker
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.conns) == 0 && len(w.byClient) == 0
	})
}

func TestWhoseConnection(t *testing.T) {
	t.Parallel()
	w := newConnTracker(DefaultLimits(), []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")})
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

// Requests that do not end are possible on a few connections only, whoever sends them: an idle connection needs little memory, one with
// bodies on their way does not. Good requests on connections from before are answered.
func TestFloodOfRequests(t *testing.T) {
	t.Parallel()
	s := runLimited(t)
	s.tracker.maxBusy = 10
	early := connect(t, "127.0.0.2", s.http)
	if !askOn(early) {
		t.Fatal("no answer before the flood")
	}
	eventually(t, "the early connection waits for its next request", func() bool { return s.tracker.busy.Load() == 0 })
	begin := func(i int) net.Conn {
		c := connect(t, netip.AddrFrom4([4]byte{127, 0, 3, byte(i)}).String(), s.http)
		io.WriteString(c, "POST / HTTP/1.1\r\nHost: example.com\r\nContent-Length: 1000\r\n\r\n<")
		return c
	}
	var flood []net.Conn
	for i := range 20 {
		flood = append(flood, begin(i))
	}
	eventually(t, "all are busy, none of them for too long", func() bool { return s.tracker.busy.Load() == 20 })
	s.age(2 * s.tracker.tooLong)
	for i := range 20 {
		begin(100 + i)
	}
	for _, c := range flood {
		if !isCut(c, testTimeout) {
			t.Error("a request that does not end outlives later ones")
		}
	}
	eventually(t, "only the new ones are left", func() bool { return s.tracker.busy.Load() == 20 })
	if !askOn(early) || !askOn(connect(t, "127.0.0.4", s.http)) {
		t.Error("a good client gets no answer")
	}
}

// age makes all busy connections look as if they had been so for longer.
func (r *running) age(by time.Duration) {
	r.tracker.mu.Lock()
	defer r.tracker.mu.Unlock()
	for c := range r.tracker.conns {
		if since := c.since.Load(); since < 0 {
			c.since.Store(since + int64(by))
		}
	}
	r.tracker.recheck.Store(0)
}

// Many good requests at a time cost each of them nothing, however many connections there are.
func TestManyGoodRequests(t *testing.T) {
	const busy, rounds = 200, 2000
	fastest := func(connections int) time.Duration {
		w := newConnTracker(DefaultLimits(), nil)
		end, _ := net.Pipe()
		var conns []*conn
		for i := range connections {
			c := &conn{Conn: end}
			w.add(c, &net.TCPAddr{IP: net.IPv4(192, 0, byte(i>>8), byte(i))})
			conns = append(conns, c)
		}
		best := time.Hour
		for range 5 {
			for _, c := range conns[:busy] {
				w.setBusy(c, false)
				w.setBusy(c, true)
			}
			began := time.Now()
			for i := range rounds {
				c := conns[busy+i%50]
				w.setBusy(c, true)
				w.setBusy(c, false)
			}
			best = min(best, time.Since(began))
		}
		return best
	}
	if few, many := fastest(busy+50), fastest(DefaultLimits().Connections); many > 10*few {
		t.Errorf("%d requests take %s among many connections, %s among few", rounds, many, few)
	}
}
