// Package monitor looks at the advertised mail servers from time to time, and keeps what it saw for the people who run the server:
// for /-/readyz and the metrics. No answer to a mail program ever depends on it.
//
// It is gentle: each host is looked at once in an interval, the hosts are spread over it, and few looks run at the same time.
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

// The bounds.
const (
	// maxHosts is for how many hosts are looked at. Profiles with imap = "mail.%EMAILDOMAIN%" have one for each of a million domains.
	maxHosts = 10_000
	// maxServers is how many different entries of one host are judged.
	maxServers = 64
	atOnce     = 4
	// firstPace is how far apart hosts are looked at for the first time, so that there is a result soon after the start.
	firstPace = 2 * time.Second
)

// Prober looks at servers: a *probe.Prober.
type Prober interface {
	Look(ctx context.Context, host string, ports ...probe.Port) probe.Host
}

// Judge says of one advertised server what a look at its host means. It must know no more than it is given.
type Judge func(host string, server settings.Server, seen probe.Host) Verdict

// Verdict is what is known of a server.
type Verdict struct {
	State State
	Text  string // what is wrong, for people; may hold what a server said
}

// State is a kind of verdict, a label of the metrics.
type State string

// The states, the worst last. Judge gives the worst of several faults.
const (
	Unknown     State = "unknown"     // not looked at yet, or nothing could be found out from here
	Good        State = "good"        //
	Warned      State = "warning"     // it works for now
	NoLogin     State = "login"       // it offers other login methods than are advertised
	DeadIPv6    State = "ipv6"        // it works by IPv4 only, and has an IPv6 address
	Certificate State = "certificate" // mail programs reject its certificate
	WrongTLS    State = "tls"         // it speaks another TLS mode, or offers no STARTTLS
	Closed      State = "closed"      // nobody answers, or something else does
	NoAddress   State = "address"     // DNS has no address for the host
)

// States lists all states.
var States = []State{Unknown, Good, Warned, NoLogin, DeadIPv6, Certificate, WrongTLS, Closed, NoAddress}

// Monitor looks at servers. Make it with New; its methods may be called at the same time.
type Monitor struct {
	prober Prober
	judge  Judge
	every  time.Duration
	log    *slog.Logger
	wake   chan struct{} // there is something new to do

	mu      sync.Mutex // guards what follows
	set     iter.Seq2[string, settings.Server]
	hosts   map[string]*host
	waiting []*host   // those of them that are not being looked at, by the time they are due
	more    bool      // than maxHosts are advertised
	last    time.Time // when a look ended
}

// host is a host and what is known of it.
type host struct {
	name     string
	servers  []settings.Server
	verdicts []Verdict // of the servers; nil before the first look
	ends     time.Time // of its first certificate; zero if none was seen
	due      time.Time
	busy     bool
}

// New returns a Monitor that looks at every host once in each interval, when Run is called.
func New(p Prober, judge Judge, every time.Duration, log *slog.Logger) *Monitor {
	return &Monitor{prober: p, judge: judge, every: every, log: log, wake: make(chan struct{}, 1)}
}

// Use sets the servers to look at, from now on. They are gone through later; what is known of those that stay is kept.
func (m *Monitor) Use(servers iter.Seq2[string, settings.Server]) {
	m.mu.Lock()
	m.set = servers
	m.mu.Unlock()
	m.rouse()
}

func (m *Monitor) rouse() {
	select {
	case m.wake <- struct{}{}:
	default: // it is awake already
	}
}

// Run looks at servers until ctx is done.
func (m *Monitor) Run(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	places := make(chan struct{}, atOnce)
	for {
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			return
		}
		h, ok := m.await(ctx)
		if !ok {
			return
		}
		running.Go(func() {
			m.look(ctx, h)
			<-places
			m.rouse()
		})
	}
}

// await waits until a host is due, and marks it as being looked at.
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

// wait has a host wait for its next look.
func (m *Monitor) wait(h *host, pause time.Duration) {
	h.busy, h.due = false, time.Now().Add(pause)
	i, _ := slices.BinarySearchFunc(m.waiting, h, byDue)
	m.waiting = slices.Insert(m.waiting, i, h)
}

func byDue(a, b *host) int { return a.due.Compare(b.due) }

// look looks at a host and notes what that means.
func (m *Monitor) look(ctx context.Context, h *host) {
	var ports []probe.Port
	for _, s := range h.servers {
		if p := portOf(s); !slices.Contains(ports, p) {
			ports = append(ports, p)
		}
	}
	seen := m.prober.Look(ctx, h.name, ports...)
	if ctx.Err() != nil {
		return // cut off: what was seen means nothing
	}
	verdicts := make([]Verdict, len(h.servers))
	for i, s := range h.servers {
		verdicts[i] = m.judge(h.name, s, seen)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	h.verdicts, h.ends, m.last = verdicts, firstEnd(seen), time.Now()
	if m.hosts[h.name] == h { // else a reload has dropped it
		m.wait(h, jitter(m.every))
	}
}

func portOf(s settings.Server) probe.Port {
	return probe.Port{Protocol: s.Protocol, Number: s.Port, Security: s.Security}
}

// jitter returns a time that is up to a tenth longer or shorter, so that hosts do not come to be looked at together.
func jitter(d time.Duration) time.Duration {
	return d - d/10 + rand.N(d/5+1)
}

// firstEnd returns when the first of the servers' own certificates ends.
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
