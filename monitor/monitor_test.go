package monitor

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mailhint/probe"
	"mailhint/settings"
)

// prober is a Prober that records when it was called.
type prober struct {
	takes time.Duration

	mu      sync.Mutex
	asked   map[string][]time.Time
	ports   map[string]int
	running int
	peak    int // probes at the same time
	stopped int
}

func (p *prober) Look(ctx context.Context, host string, ports ...probe.Port) probe.Host {
	p.mu.Lock()
	if p.asked == nil {
		p.asked, p.ports = make(map[string][]time.Time), make(map[string]int)
	}
	p.asked[host] = append(p.asked[host], time.Now())
	p.ports[host] = len(ports)
	p.running++
	p.peak = max(p.peak, p.running)
	p.mu.Unlock()
	select {
	case <-time.After(p.takes):
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running--
	if ctx.Err() != nil {
		p.stopped++
	}
	return probe.Host{Name: host}
}

func (p *prober) times(host string) []time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[host]
}

// byName judges servers by their hosts' names.
func byName(host string, server settings.Server, _ probe.Host) Verdict {
	if strings.HasPrefix(host, "closed") {
		return Verdict{Closed, "connection refused"}
	}
	return Verdict{State: Good}
}

type advertised struct {
	host string
	url  string
}

func servers(t testing.TB, list ...advertised) iter.Seq2[string, settings.Server] {
	t.Helper()
	return func(yield func(string, settings.Server) bool) {
		for _, a := range list {
			parsed, err := settings.ParseServer(settings.IMAP, a.url+a.host)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range parsed {
				if !yield(a.host, s) {
					return
				}
			}
		}
	}
}

// numbered are n hosts with a pair of servers each.
func numbered(t testing.TB, prefix string, n int) iter.Seq2[string, settings.Server] {
	var list []advertised
	for i := range n {
		list = append(list, advertised{host: fmt.Sprintf("%s%d.example", prefix, i)})
	}
	return servers(t, list...)
}

// run calls test with a running Monitor, on synctest's clock.
func run(t *testing.T, p Prober, every time.Duration, test func(t *testing.T, m *Monitor)) {
	synctest.Test(t, func(t *testing.T) {
		m := New(p, byName, every, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan bool)
		go func() { m.Run(ctx); close(ended) }()
		test(t, m)
		cancel()
		<-ended // and synctest fails if anything still runs
	})
}

// Every host is probed once per interval, however many entries name it; the probes are spread, and few run at the same time.
func TestInterval(t *testing.T) {
	p := &prober{takes: 3 * time.Second}
	const hosts, every, days = 200, 6 * time.Hour, 4
	run(t, p, every, func(t *testing.T, m *Monitor) {
		m.Use(func(yield func(string, settings.Server) bool) {
			for range 5 { // five entries name each
				for host, server := range numbered(t, "mail", hosts) {
					if !yield(host, server) {
						return
					}
				}
			}
		})
		time.Sleep(hosts*firstPace + time.Minute)
		if s := m.Summary(); s.Servers[Good] != 2*hosts || s.Hosts != hosts || s.Last.IsZero() {
			t.Errorf("after the first round: %+v", s)
		}
		time.Sleep(days * 24 * time.Hour)
	})
	var all []time.Time
	for host, times := range p.asked {
		all = append(all, times...)
		const want = days * 4
		if len(times) < want*9/10 || len(times) > want*11/10+2 {
			t.Errorf("%s was probed %d times in %d days, want about %d", host, len(times), days, want)
		}
		for i := 1; i < len(times); i++ {
			if gap := times[i].Sub(times[i-1]); gap < every*9/10 || gap > every*11/10+time.Minute {
				t.Errorf("%s was probed again after %s", host, gap)
			}
		}
		if p.ports[host] != 2 {
			t.Errorf("%s: %d ports, want 993 and 143 in one probe", host, p.ports[host])
		}
	}
	if len(p.asked) != hosts || p.peak > atOnce {
		t.Errorf("%d hosts, %d at the same time", len(p.asked), p.peak)
	}
	// No minute has many more probes than the first round.
	perMinute := make(map[int64]int)
	for _, at := range all {
		perMinute[at.Unix()/60]++
	}
	for minute, n := range perMinute {
		if n > 4*int(time.Minute/firstPace) {
			t.Errorf("%d probes in minute %d", n, minute)
		}
	}
}

// After a reload, removed hosts are forgotten, new ones are probed soon, and the others are kept and not probed again.
func TestReload(t *testing.T) {
	p := new(prober)
	run(t, p, 6*time.Hour, func(t *testing.T, m *Monitor) {
		m.Use(servers(t, advertised{host: "stays.example"}, advertised{host: "closed.example"}, advertised{host: "changes.example", url: "imaps://"}))
		time.Sleep(time.Minute)
		if got := strings.Join(m.Lines(), "\n"); !strings.Contains(got, "mail servers: 3 good, 2 closed, last probe ") ||
			!strings.Contains(got, "mail server closed.example:143: closed: connection refused\nmail server closed.example:993: closed") {
			t.Errorf("lines:\n%s", got)
		}
		m.Use(servers(t, advertised{host: "stays.example"}, advertised{host: "new.example"}, advertised{host: "changes.example"}))
		time.Sleep(time.Minute)
		if s := m.Summary(); s.Servers[Good] != 6 || s.Servers[Closed] != 0 || s.Servers[Unknown] != 0 || s.Hosts != 3 {
			t.Errorf("after the reload: %+v", s)
		}
		for host, want := range map[string]int{"stays.example": 1, "closed.example": 1, "new.example": 1, "changes.example": 2} {
			if n := len(p.times(host)); n != want {
				t.Errorf("%s was probed %d times, want %d", host, n, want)
			}
		}
		time.Sleep(24 * time.Hour)
		if n := len(p.times("closed.example")); n != 1 {
			t.Errorf("closed.example was probed %d times after it was removed", n-1)
		}
	})
}

// The order of the entries does not matter: a host whose servers are listed with different login methods is not probed again because a
// domain was added in front.
func TestOtherOrder(t *testing.T) {
	p := new(prober)
	run(t, p, 6*time.Hour, func(t *testing.T, m *Monitor) {
		a := settings.Server{Protocol: settings.IMAP, Port: 993, Security: settings.ImplicitTLS, Auth: []settings.Auth{settings.Password}}
		b := a
		b.Auth = []settings.Auth{settings.OAuth2Token}
		for _, order := range [][]settings.Server{{a, b}, {b, a}} {
			m.Use(func(yield func(string, settings.Server) bool) {
				_ = yield("mail.example", order[0]) && yield("mail.example", order[1])
			})
			time.Sleep(time.Minute)
		}
	})
	if n := len(p.times("mail.example")); n != 1 {
		t.Errorf("probed %d times, want once", n)
	}
}

// A probe that is running when the program ends is interrupted, and its result is not used.
func TestStop(t *testing.T) {
	p := &prober{takes: time.Hour}
	var m *Monitor
	run(t, p, 6*time.Hour, func(t *testing.T, running *Monitor) {
		m = running
		m.Use(numbered(t, "closed", 20))
		time.Sleep(2 * time.Minute)
	})
	if p.stopped != atOnce || p.running != 0 {
		t.Errorf("%d probes were interrupted, %d still run", p.stopped, p.running)
	}
	if s := m.Summary(); s.Servers[Unknown] != 40 || !s.Last.IsZero() {
		t.Errorf("an interrupted probe counts: %+v", s)
	}
}

// A profile with a host for each of a million domains does not cause a million probes.
func TestTooMany(t *testing.T) {
	p := new(prober)
	run(t, p, 6*time.Hour, func(t *testing.T, m *Monitor) {
		m.Use(func(yield func(string, settings.Server) bool) {
			s := settings.Server{Protocol: settings.IMAP, Port: 993, Security: settings.ImplicitTLS}
			for i := range 300_000 {
				if !yield(fmt.Sprintf("closed%d.example", i), s) {
					return
				}
			}
		})
		time.Sleep(6 * time.Hour)
		s := m.Summary()
		if s.Hosts != maxHosts || !s.TooMany || s.Servers[Closed] != maxHosts {
			t.Errorf("%+v", s)
		}
		lines := m.Lines()
		if len(lines) > maxLines+3 || !strings.Contains(lines[1], "more than 10000 hosts") || !strings.Contains(lines[len(lines)-1], "9980 more with problems") {
			t.Errorf("%d lines: %q", len(lines), lines)
		}
	})
	if len(p.asked) != maxHosts {
		t.Errorf("%d hosts were probed", len(p.asked))
	}
}

// Probes that take longer than the interval do not pile up.
func TestSlow(t *testing.T) {
	p := &prober{takes: time.Minute}
	run(t, p, time.Minute, func(t *testing.T, m *Monitor) {
		m.Use(numbered(t, "mail", 40))
		time.Sleep(2 * time.Hour)
	})
	total := 0
	for host, times := range p.asked {
		total += len(times)
		if len(times) < 6 || len(times) > 18 {
			t.Errorf("%s was probed %d times, want about 12, the same for each", host, len(times))
		}
	}
	if p.peak != atOnce || total < 400 || total > 4*121 {
		t.Errorf("%d at the same time, %d altogether", p.peak, total)
	}
}

// All methods at the same time, for the race detector.
func TestConcurrency(t *testing.T) {
	run(t, &prober{takes: time.Second}, time.Minute, func(t *testing.T, m *Monitor) {
		var all sync.WaitGroup
		for i := range 4 {
			all.Go(func() {
				for range 50 {
					m.Use(numbered(t, "mail", 10+i))
					m.Lines()
					time.Sleep(time.Second)
				}
			})
		}
		all.Wait()
	})
}
