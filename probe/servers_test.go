package probe

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode"

	"github.com/rogpeppe/go-internal/txtar"

	"mailhint/settings"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// hostsFile is a resolver made of a map.
type hostsFile map[string][]netip.Addr

func (h hostsFile) Host(_ context.Context, name string) ([]netip.Addr, string, error) {
	if a, ok := h[name]; ok {
		return a, name, nil
	}
	return nil, name, errNoSuchHost
}

var errNoSuchHost = errors.New("no such host here")

// dialTo connects every port of every address to one listener.
func dialTo(l net.Listener) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, l.Addr().String())
	}
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// scripted is a case of testdata/servers.txtar, which explains the form.
type scripted struct {
	name        string
	port        Port
	want        map[string]string
	connections [][]string
}

var schemes = map[string]Port{
	"imaps": mailPorts[0], "imap": mailPorts[1], "pop3s": mailPorts[2], "pop3": mailPorts[3], "submissions": mailPorts[4], "submission": mailPorts[5], "sieve": mailPorts[6],
}

func readScripted(t *testing.T) []scripted {
	t.Helper()
	archive, err := txtar.ParseFile("testdata/servers.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var all []scripted
	for _, file := range archive.Files {
		c := scripted{name: file.Name, want: make(map[string]string)}
		for line := range strings.Lines(string(file.Data)) {
			line = strings.TrimRight(line, "\n")
			word, rest, _ := strings.Cut(line, " ")
			switch {
			case word == "" || word == "#":
			case word == "connection":
				c.connections = append(c.connections, nil)
			case c.connections != nil:
				last := len(c.connections) - 1
				c.connections[last] = append(c.connections[last], line)
			default:
				c.want[word] = rest
			}
		}
		port, ok := schemes[c.want["look"]]
		if !ok || len(c.connections) == 0 {
			t.Fatalf("%s: it needs a line with look and a connection", c.name)
		}
		c.port = port
		all = append(all, c)
	}
	return all
}

func TestScriptedServers(t *testing.T) {
	ca := newAuthority(t, "Test CA", nil)
	certificate := ca.issue(t, time.Time{}, "mail.example.com")
	for _, c := range readScripted(t) {
		inBubble(t, c.name, func(t *testing.T) {
			s := &scriptServer{t: t, certificate: certificate, scripts: c.connections}
			p := &Prober{
				Resolver: hostsFile{"mail.example.com": {netip.MustParseAddr("192.0.2.1")}}, Roots: ca.pool(), Dial: dialServer(t, s.serve),
				Step: testStep, Now: func() time.Time { return testTime },
			}
			host := p.Look(t.Context(), "mail.example.com", c.port)
			if host.Err != nil || len(host.Looks) != 1 {
				t.Fatalf("got %+v", host)
			}
			c.check(t, host.Looks[0], int(s.opened.Load()))
		})
	}
}

func (c scripted) check(t *testing.T, got Look, opened int) {
	speaks := "nothing"
	if got.Speaks != 0 {
		speaks = got.Speaks.String()
	}
	if got.State != Reached {
		t.Errorf("state %d, want Reached", got.State)
	}
	if speaks != c.want["speaks"] {
		t.Errorf("speaks %s, want %s; error %v", speaks, c.want["speaks"], got.Err)
	}
	pattern, wantError := c.want["error"]
	switch {
	case !wantError && got.Err != nil:
		t.Errorf("error %v, want none", got.Err)
	case wantError && got.Err == nil:
		t.Errorf("no error, want one like %s", pattern)
	case wantError && !regexp.MustCompile(pattern).MatchString(got.Err.Error()):
		t.Errorf("error %q, want one like %s", got.Err, pattern)
	}
	if got.Err != nil && strings.ContainsFunc(got.Err.Error(), func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Errorf("the error %q contains control characters", got.Err)
	}
	for what, have := range map[string]Capabilities{"before": got.Before, "after": got.After} {
		if want, ok := c.want[what]; ok && strings.Join(have.All, ", ") != want {
			t.Errorf("%s: capabilities %q, want %q", what, strings.Join(have.All, ", "), want)
		}
		if want, ok := c.want[what+"-mechanisms"]; ok && strings.Join(have.Mechanisms, " ") != want {
			t.Errorf("%s: mechanisms %q, want %q", what, have.Mechanisms, want)
		}
		if want, ok := c.want[what+"-count"]; ok && strconv.Itoa(len(have.All)) != want {
			t.Errorf("%s: %d capabilities, want %s", what, len(have.All), want)
		}
	}
	if want := len(c.connections); opened != want {
		t.Errorf("%d connections, want %d", opened, want)
	}
	within, err := time.ParseDuration(cmp.Or(c.want["within"], "130s")) // as Prober.Greeting says
	if err != nil || got.Took > within {
		t.Errorf("it took %s, want at most %s", got.Took, within)
	}
	if want, ok := c.want["greets"]; ok && got.Greeted.Round(time.Second).String() != want {
		t.Errorf("it greets after %s, want %s", got.Greeted, want)
	}
}

// scriptServer plays one script for each connection.
type scriptServer struct {
	t           *testing.T
	certificate tls.Certificate
	scripts     [][]string
	opened      atomic.Int32
}

func (s *scriptServer) serve(conn net.Conn) {
	n := int(s.opened.Add(1))
	if n > len(s.scripts) {
		return // the test sees that there were too many
	}
	if err := s.play(conn, s.scripts[n-1]); err != nil {
		s.t.Errorf("connection %d: %v", n, err)
	}
}

// play plays a script. It is not an error if the client closes the connection, but if it sends something wrong.
func (s *scriptServer) play(conn net.Conn, script []string) error {
	in := bufio.NewReader(conn)
	for _, line := range script {
		word, rest, _ := strings.Cut(line, " ")
		var err error
		switch word {
		case ">":
			_, err = io.WriteString(conn, rest+"\r\n")
		case ">>":
			var text string
			if text, err = strconv.Unquote(rest); err != nil {
				return err
			}
			_, err = io.WriteString(conn, text)
		case "<":
			var got string
			if got, err = in.ReadString('\n'); err == nil && got != rest+"\r\n" {
				return fmt.Errorf("client says %q, want %q", got, rest)
			}
		case "hello":
			var first byte
			if first, err = in.ReadByte(); err == nil && first != 0x16 {
				return fmt.Errorf("client begins with %#x, want a TLS handshake", first)
			}
		case "tls":
			inside := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{s.certificate}})
			err = inside.Handshake()
			conn, in = inside, bufio.NewReader(inside)
		case "repeat":
			for err == nil {
				_, err = io.WriteString(conn, strings.Repeat(rest+"\r\n", 100))
			}
		case "flood":
			for err == nil {
				_, err = io.WriteString(conn, strings.Repeat(rest, 100))
			}
		case "drip":
			for err == nil {
				_, err = io.WriteString(conn, rest)
				time.Sleep(testStep / 20)
			}
		case "pause":
			var d time.Duration
			if d, err = time.ParseDuration(rest); err != nil {
				return err
			}
			time.Sleep(d)
		case "close":
			return nil
		case "#":
		default:
			return fmt.Errorf("unknown line %q", line)
		}
		if err != nil {
			return nil
		}
	}
	_, _ = io.Copy(io.Discard, in) // silent until the client closes the connection
	return nil
}

// TestCorpusCoversEveryProtocol fails if the cases of a protocol are removed.
func TestCorpusCoversEveryProtocol(t *testing.T) {
	var seen []settings.Protocol
	for _, c := range readScripted(t) {
		seen = append(seen, c.port.Protocol)
	}
	for _, p := range []settings.Protocol{settings.IMAP, settings.POP3, settings.Submission, settings.ManageSieve} {
		if !slices.Contains(seen, p) {
			t.Errorf("no case for %s", p)
		}
	}
}
