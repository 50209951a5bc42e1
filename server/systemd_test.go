package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mailhint/domains"
)

// manager plays systemd: it has a socket like systemd's.
type manager struct{ *net.UnixConn }

func listenAsManager(t *testing.T) manager {
	t.Helper()
	name := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	t.Setenv("NOTIFY_SOCKET", name)
	return manager{socket}
}

// expect waits for the next message, and ignores the time that is sent with RELOADING=1.
func (m manager) expect(t *testing.T, want string) {
	t.Helper()
	m.SetReadDeadline(time.Now().Add(testTimeout))
	b := make([]byte, 1000)
	n, err := m.Read(b)
	if err != nil {
		t.Fatalf("waiting for %q: %v", want, err)
	}
	got, _, _ := strings.Cut(string(b[:n]), "\nMONOTONIC_USEC=")
	if strings.TrimSpace(got) != want {
		t.Fatalf("systemd received %q, want %q", got, want)
	}
}

func TestSystemd(t *testing.T) {
	systemd := listenAsManager(t)
	s := run(t, offline(), nil)
	systemd.expect(t, "READY=1\nSTATUS=Serving 2 domains")
	s.Configure(snapshotOf(t, "example.com", "example.org"), nil) // there is nothing to report
	more := snapshotOf(t, "example.com", "example.org", "example.net")
	s.Configure(more, nil)
	systemd.expect(t, "STATUS=Serving 3 domains")
	reload := func(d *domains.Snapshot, err error) {
		s.Reload(func() {
			systemd.expect(t, "RELOADING=1")
			s.Configure(d, err)
		})
	}
	reload(more, nil)
	systemd.expect(t, "READY=1")
	reload(nil, errors.New("bad"))
	systemd.expect(t, "READY=1\nSTATUS=Serving 3 domains; the configuration on disk was refused, see the log")
	reload(more, nil)
	systemd.expect(t, "READY=1\nSTATUS=Serving 3 domains")
	reload(nil, fmt.Errorf("20,001 domains would become 1; send SIGHUP to accept%w", heldBack{}))
	systemd.expect(t, "READY=1\nSTATUS=Serving 3 domains; held back: 20,001 domains would become 1; send SIGHUP to accept")
	s.stop()
	systemd.expect(t, "STOPPING=1")
}

func TestWatchdog(t *testing.T) {
	systemd := listenAsManager(t)
	t.Setenv("WATCHDOG_USEC", "8000000") // a quarter of this is enough for a check, also on a busy machine
	s := run(t, secured(newPair(t, "autoconfig.example.com")), nil)
	systemd.expect(t, "READY=1\nSTATUS=Serving 2 domains")
	for range 2 {
		systemd.expect(t, "WATCHDOG=1")
	}
	_, metrics := get(t, "http://"+s.admin+"/-/metrics")
	if strings.Contains(metrics, `mailhint_requests_total{`) || strings.Contains(s.log.String(), "level=ERROR") {
		t.Errorf("a check counts as a request, or looks like an error:\n%s", s.log)
	}
}

// A machine that is busy for more than half of the time is no reason for a restart; a listener that hangs is not reported as alive.
func TestWatchdogInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 30 * time.Second
		ctx, cancel := context.WithCancel(t.Context())
		checks, last, reports := 0, time.Now(), 0
		check := func(within time.Duration) error {
			checks++
			switch {
			case checks%3 == 0:
				time.Sleep(within / 2)
			case checks < 30:
				time.Sleep(within)
				return errors.New("no reaction")
			default:
				cancel()
			}
			return nil
		}
		whileAlive(ctx, limit, check, func(err error) {
			if err != nil {
				return
			}
			if since := time.Since(last); since >= limit {
				t.Errorf("%s without a report, systemd waits for %s", since, limit)
			}
			last = time.Now()
			reports++
		})
		if reports != 10 {
			t.Errorf("%d reports of 10 times 3 checks, of which two failed each time", reports)
		}
	})
}
