package monitor

import (
	"context"
	"crypto/x509"
	"fmt"
	"iter"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

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
		closed, at := m.Seen("closed.example", settings.Server{Protocol: settings.IMAP, Port: 993, Security: settings.ImplicitTLS})
		if closed != Closed || time.Since(at) > time.Minute {
			t.Errorf("closed.example is %s since %s", closed, at)
		}
		m.Use(servers(t, advertised{host: "stays.example"}, advertised{host: "new.example"}, advertised{host: "changes.example"}))
		for _, host := range []string{"new.example", "nobody.example"} { // not probed yet, and not advertised
			if state, at := m.Seen(host, settings.Server{Protocol: settings.IMAP, Port: 993}); state != Unknown || !at.IsZero() {
				t.Errorf("%s is %s since %s", host, state, at)
			}
		}
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

// expiring is a Prober whose hosts have certificates: each expires after the number of days that is its first label, such as d12.
type expiring struct{ prober }

func (p *expiring) Look(ctx context.Context, host string, ports ...probe.Port) probe.Host {
	seen := p.prober.Look(ctx, host, ports...)
	var days int
	if _, err := fmt.Sscanf(host, "d%d.", &days); err != nil {
		return seen
	}
	start := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // when synctest's clock starts
	for i, port := range ports {
		leaf := &x509.Certificate{NotAfter: start.AddDate(0, 0, days+i)}
		issuer := &x509.Certificate{NotAfter: start.AddDate(0, 0, 1)} // does not count
		seen.Looks = append(seen.Looks, probe.Look{Port: port, TLS: &probe.TLS{Chain: []*x509.Certificate{leaf, issuer}}})
	}
	seen.Looks = append(seen.Looks, probe.Look{}, probe.Look{TLS: &probe.TLS{}})
	return seen
}

// gauge returns the value of a metric; 0 if there is none.
func gauge(t *testing.T, m *Monitor, name string) float64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(m.Collector())
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	return 0
}

// The metric shows when the first of all certificates that are advertised now expires.
func TestCertificateExpiry(t *testing.T) {
	start := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	run(t, new(expiring), 6*time.Hour, func(t *testing.T, m *Monitor) {
		check := func(days int) {
			t.Helper()
			time.Sleep(time.Minute)
			want := float64(0) // there is no such metric
			if days > 0 {
				want = float64(start.AddDate(0, 0, days).Unix())
			}
			if got := gauge(t, m, "mailhint_probe_certificate_expiry_timestamp_seconds"); got != want {
				t.Errorf("the metric is %.0f, want %.0f, in %d days", got, want, days)
			}
		}
		check(0)
		m.Use(servers(t, advertised{host: "d50.example"}, advertised{host: "d30.example"}, advertised{host: "d70.example"}, advertised{host: "plain.example"}))
		check(30)
		m.Use(servers(t, advertised{host: "d50.example"}, advertised{host: "d70.example"}, advertised{host: "plain.example"}))
		check(50)
		m.Use(servers(t, advertised{host: "plain.example"}))
		check(0)
	})
}

// A host that a reload removes while it is being probed is not probed again, and one that comes back meanwhile is probed once per interval.
func TestDroppedWhileProbed(t *testing.T) {
	p := &prober{takes: time.Hour}
	run(t, p, 6*time.Hour, func(t *testing.T, m *Monitor) {
		both := servers(t, advertised{host: "goes.example"}, advertised{host: "returns.example"})
		m.Use(both)
		time.Sleep(time.Minute) // both are being probed
		m.Use(servers(t, advertised{host: "stays.example"}))
		time.Sleep(10 * time.Minute)
		m.Use(servers(t, advertised{host: "stays.example"}, advertised{host: "returns.example"}))
		time.Sleep(48 * time.Hour)
		if s := m.Summary(); s.Hosts != 2 || s.Servers[Good] != 4 {
			t.Errorf("%+v", s)
		}
	})
	if n := len(p.times("goes.example")); n != 1 {
		t.Errorf("goes.example was probed %d times, want once", n)
	}
	for _, host := range []string{"stays.example", "returns.example"} {
		if n := len(p.times(host)); n < 6 || n > 9 { // every six hours and the hour of a probe
			t.Errorf("%s was probed %d times in two days, want about 7", host, n)
		}
	}
}

// Of a host that is advertised with a thousand ports, 64 are probed.
func TestManyPorts(t *testing.T) {
	p := new(prober)
	run(t, p, 6*time.Hour, func(t *testing.T, m *Monitor) {
		m.Use(func(yield func(string, settings.Server) bool) {
			for i := range 1000 {
				if !yield("mail.example", settings.Server{Protocol: settings.IMAP, Port: uint16(1 + i), Security: settings.ImplicitTLS}) {
					return
				}
			}
			yield("other.example", settings.Server{Protocol: settings.IMAP, Port: 993, Security: settings.ImplicitTLS})
		})
		time.Sleep(time.Minute)
		if s := m.Summary(); s.Servers[Good] != 65 {
			t.Errorf("%d servers are judged, want 64 of one host and 1 of the other", s.Servers[Good])
		}
	})
	if p.ports["mail.example"] != 64 || p.ports["other.example"] != 1 {
		t.Errorf("%v ports were probed, want 64 and 1", p.ports)
	}
}

// The first round is spread, one host each two seconds on average, and so are later ones: the pauses differ by up to a tenth of the interval.
func TestSpread(t *testing.T) {
	p := new(prober)
	const hosts = 500
	run(t, p, 6*time.Hour, func(t *testing.T, m *Monitor) {
		m.Use(numbered(t, "mail", hosts))
		time.Sleep(hosts*2*time.Second + 7*time.Hour)
	})
	perTenSeconds, pauses := make(map[int64]int), make(map[time.Duration]bool)
	shortest, longest := 24*time.Hour, time.Duration(0)
	for host, times := range p.asked {
		perTenSeconds[times[0].Unix()/10]++
		if len(times) < 2 {
			t.Errorf("%s was probed %d times, want twice", host, len(times))
			continue
		}
		pause := times[1].Sub(times[0])
		pauses[pause.Truncate(time.Minute)] = true
		shortest, longest = min(shortest, pause), max(longest, pause)
	}
	for at, n := range perTenSeconds {
		if n > 25 {
			t.Errorf("%d hosts were probed within ten seconds at %d, want about 5", n, at)
		}
	}
	if shortest < 324*time.Minute || shortest > 340*time.Minute || longest > 397*time.Minute || longest < 380*time.Minute || len(pauses) < 40 {
		t.Errorf("pauses from %s to %s, %d different minutes; want them spread from 5h24m to 6h36m", shortest, longest, len(pauses))
	}
}

// While everything is good, one line says so, and nothing of what a verdict says besides.
func TestGoodReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(new(prober), func(string, settings.Server, probe.Host) Verdict { return Verdict{Good, "all is well"} }, time.Hour, slog.New(slog.DiscardHandler))
		if got := strings.Join(m.Lines(), "\n"); got != "mail servers: 0 good, not probed yet" {
			t.Errorf("before the first probe: %q", got)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan bool)
		go func() { m.Run(ctx); close(ended) }()
		m.Use(numbered(t, "mail", 1))
		time.Sleep(time.Minute)
		got := m.Lines()
		if len(got) != 1 || !strings.HasPrefix(got[0], "mail servers: 2 good, last probe 2000-01-01T00:00:") {
			t.Errorf("got %q, want one line", got)
		}
		cancel()
		<-ended
	})
}
