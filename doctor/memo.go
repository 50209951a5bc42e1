package doctor

import (
	"context"
	"net/netip"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"mailhint/probe"
	"mailhint/resolver"
)

// memo remembers answers and asks each question once, even if several want to know at the same time. It forgets the answers that were
// not needed for the longest time, so that it stays small however many domains there are.
type memo[K comparable, V any] struct {
	mu    sync.Mutex // of claim
	slots *simplelru.LRU[K, *slot[V]]
}

// slot is the place of an answer, which is there when done is closed.
type slot[V any] struct {
	done  chan struct{}
	value V
}

// maxAnswers is how many answers a memo keeps.
const maxAnswers = 4096

func newMemo[K comparable, V any]() *memo[K, V] {
	slots, _ := simplelru.NewLRU[K, *slot[V]](maxAnswers, nil) // fails for a size below 1 only
	return &memo[K, V]{slots: slots}
}

// claim returns the slot of a question, and whether it is for the caller to fill.
func (m *memo[K, V]) claim(key K) (s *slot[V], mine bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s, ok := m.slots.Get(key); ok {
		return s, false
	}
	s = &slot[V]{done: make(chan struct{})}
	m.slots.Add(key, s)
	return s, true
}

func (m *memo[K, V]) do(key K, ask func() V) V {
	s, mine := m.claim(key)
	if mine {
		s.value = ask()
		close(s.done)
	}
	<-s.done
	return s.value
}

// names looks up what domains share: the addresses and aliases of hosts, and the CAA records of parent domains.
type names struct {
	Resolver
	hosts   *memo[string, hostAnswer]
	aliases *memo[string, aliasAnswer]
	issuers *memo[string, caaAnswer]
}

type hostAnswer struct {
	addresses []netip.Addr
	canonical string
	err       error
}

type aliasAnswer struct {
	target string
	err    error
}

type caaAnswer struct {
	records []resolver.CAA
	err     error
}

func newNames(r Resolver) *names {
	return &names{r, newMemo[string, hostAnswer](), newMemo[string, aliasAnswer](), newMemo[string, caaAnswer]()}
}

func (n *names) host(ctx context.Context, name string) hostAnswer {
	return n.hosts.do(name, func() (a hostAnswer) {
		a.addresses, a.canonical, a.err = n.Resolver.Host(ctx, name)
		return a
	})
}

func (n *names) alias(ctx context.Context, name string) aliasAnswer {
	return n.aliases.do(name, func() (a aliasAnswer) {
		a.target, a.err = n.Resolver.CNAME(ctx, name)
		return a
	})
}

func (n *names) caa(ctx context.Context, name string) caaAnswer {
	return n.issuers.do(name, func() (a caaAnswer) {
		a.records, a.err = n.Resolver.CAA(ctx, name)
		return a
	})
}

// looks looks at mail servers, at each port of each host once.
type looks struct {
	prober Prober
	ports  *memo[hostPort, probe.Host]
}

type hostPort struct {
	host string
	port probe.Port
}

func newLooks(p Prober) *looks { return &looks{p, newMemo[hostPort, probe.Host]()} }

// at looks at the ports of a host. It looks at all new ports with one call, so that the prober can keep to its limit of connections.
func (l *looks) at(ctx context.Context, host string, ports []probe.Port) probe.Host {
	slots := make([]*slot[probe.Host], len(ports))
	var mine []probe.Port
	var toFill []*slot[probe.Host]
	for i, p := range ports {
		s, isMine := l.ports.claim(hostPort{host, p})
		if slots[i] = s; isMine {
			mine, toFill = append(mine, p), append(toFill, s)
		}
	}
	if len(mine) > 0 {
		looked := l.prober.Look(ctx, host, mine...)
		for i, p := range mine {
			toFill[i].value = onlyPort(looked, p)
			close(toFill[i].done)
		}
	}
	all := probe.Host{Name: host}
	for _, s := range slots {
		<-s.done
		all.Addresses, all.Err = s.value.Addresses, s.value.Err
		all.Looks = append(all.Looks, s.value.Looks...)
	}
	return all
}

// onlyPort returns the looks at one port.
func onlyPort(h probe.Host, p probe.Port) probe.Host {
	kept := probe.Host{Name: h.Name, Addresses: h.Addresses, Err: h.Err}
	for _, look := range h.Looks {
		if look.Port == p {
			kept.Looks = append(kept.Looks, look)
		}
	}
	return kept
}
