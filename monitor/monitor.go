// Package monitor probes the advertised mail servers in the background, and keeps the results for the people who run the server: for
// /-/readyz and the metrics. No answer to a mail client ever depends on it.
//
// It causes little load: each host is probed once per interval, the hosts are spread over the interval, and only a few probes run at the
// same time.
package monitor

import (
	"context"
	"iter"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"mailhint/probe"
	"mailhint/settings"
)

// The limits.
const (
	// maxHosts is how many hosts are probed. A profile with imap = "mail.%EMAILDOMAIN%" may have one for each of a million domains.
	maxHosts = 10_000
	// maxServers is how many different entries of one host are judged.
	maxServers = 64
	atOnce     = 4 // probes at the same time
	// firstPace is the time from one host to the next in the first round, so that there are results soon after the start.
	firstPace = 2 * time.Second
)

// Prober probes hosts: a *probe.Prober.
type Prober interface {
	Look(ctx context.Context, host string, ports ...probe.Port) probe.Host
}

// Judge returns what the probe of a host means for one advertised server. It must not use anything else.
type Judge func(host string, server settings.Server, seen probe.Host) Verdict

// Verdict is what is known about a server.
type Verdict struct {
	State State
	Text  string // what is wrong, for people; may contain untrusted text
}

// State is a kind of verdict, and a label of the metrics.
type State string

// The states, the worst last. Judge returns the worst of several faults.
const (
	Unknown         State = "unknown"     // not probed yet, or nothing could be found out from here
	Good            State = "good"        //
	Warning         State = "warning"     // it still works
	NoLogin         State = "login"       // it offers other login methods than are advertised
	IPv6Unreachable State = "ipv6"        // it has an IPv6 address and does not answer there
	Certificate     State = "certificate" // mail clients reject its certificate
	WrongTLS        State = "tls"         // it uses another TLS mode, or offers no STARTTLS
	Closed          State = "closed"      // it does not answer, or speaks another protocol
	NoAddress       State = "address"     // DNS has no address for the host
)

// states lists all states.
var states = []State{Unknown, Good, Warning, NoLogin, IPv6Unreachable, Certificate, WrongTLS, Closed, NoAddress}

// Monitor probes servers. Use New to create one. Its methods may be called concurrently.
type Monitor struct {
	prober Prober
	judge  Judge
	every  time.Duration
	log    *slog.Logger
	wake   chan struct{} // when there is something new to do

	mu      sync.Mutex // guards what follows
	set     iter.Seq2[string, settings.Server]
	hosts   map[string]*host
	waiting []*host   // those that are not being probed, ordered by when they are due
	tooMany bool      // more than maxHosts are advertised
	last    time.Time // when the last probe ended
}

// host is a host and what is known about it.
type host struct {
	name     string
	servers  []settings.Server
	verdicts []Verdict // of the servers; nil before the first probe
	seen     time.Time // when the last probe ended
	ends     time.Time // when the first of its certificates expires; zero if none was seen
	due      time.Time
	busy     bool
}

// New returns a Monitor that probes every host once per interval while Run runs.
func New(p Prober, judge Judge, every time.Duration, log *slog.Logger) *Monitor {
	return &Monitor{prober: p, judge: judge, every: every, log: log, wake: make(chan struct{}, 1)}
}

// Use sets the servers to probe from now on. It does not iterate over them itself: Run does. Results of servers that stay are kept.
func (m *Monitor) Use(servers iter.Seq2[string, settings.Server]) {
	m.mu.Lock()
	m.set = servers
	m.mu.Unlock()
	m.wakeUp()
}

func (m *Monitor) wakeUp() {
	select {
	case m.wake <- struct{}{}:
	default: // it will wake up already
	}
}

// Run probes servers until ctx is done.
func (m *Monitor) Run(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	slots := make(chan struct{}, atOnce)
	for {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		h, ok := m.await(ctx)
		if !ok {
			return
		}
		running.Go(func() {
			m.look(ctx, h)
			<-slots
			m.wakeUp()
		})
	}
}

// await waits until a host is due, and marks it as being probed.
func (m *Monitor) await(ctx context.Context) (*host, bool) {
	for ctx.Err() == nil {
		m.collect()
		h, pause := m.next()
		if h != nil {
			return h, true
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-m.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
	return nil, false
}

// next returns a host that is due, or how long to wait for one.
func (m *Monitor) next() (*host, time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.waiting) == 0 {
		return nil, m.every
	}
	first := m.waiting[0]
	if pause := time.Until(first.due); pause > 0 {
		return nil, pause
	}
	m.waiting = m.waiting[1:]
	first.busy = true
	return first, 0
}

// wait queues a host for its next probe.
func (m *Monitor) wait(h *host, pause time.Duration) {
	h.busy, h.due = false, time.Now().Add(pause)
	i, _ := slices.BinarySearchFunc(m.waiting, h, byDue)
	m.waiting = slices.Insert(m.waiting, i, h)
}

func byDue(a, b *host) int { return a.due.Compare(b.due) }

// look probes a host and stores the verdicts.
func (m *Monitor) look(ctx context.Context, h *host) {
	var ports []probe.Port
	for _, s := range h.servers {
		if p := portOf(s); !slices.Contains(ports, p) {
			ports = append(ports, p)
		}
	}
	seen := m.prober.Look(ctx, h.name, ports...)
	if ctx.Err() != nil {
		return // interrupted: the result means nothing
	}
	verdicts := make([]Verdict, len(h.servers))
	for i, s := range h.servers {
		verdicts[i] = m.judge(h.name, s, seen)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	h.verdicts, h.ends, h.seen = verdicts, firstEnd(seen), time.Now()
	m.last = h.seen
	if m.hosts[h.name] == h { // otherwise a reload has removed it
		m.wait(h, jitter(m.every))
	}
}

func portOf(s settings.Server) probe.Port {
	return probe.Port{Protocol: s.Protocol, Number: s.Port, Security: s.Security}
}

// jitter returns a duration that is up to a tenth longer or shorter, so that probes do not end up at the same time.
func jitter(d time.Duration) time.Duration {
	return d - d/10 + rand.N(d/5+1)
}

// firstEnd returns when the first of the servers' certificates expires.
func firstEnd(seen probe.Host) (first time.Time) {
	for _, look := range seen.Looks {
		if look.TLS == nil || len(look.TLS.Chain) == 0 {
			continue
		}
		if end := look.TLS.Leaf().NotAfter; first.IsZero() || end.Before(first) {
			first = end
		}
	}
	return first
}
