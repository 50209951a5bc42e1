package doctor

import (
	"context"
	"net/netip"
	"sync"

	"mailhint/probe"
	"mailhint/resolver"
)

// memo remembers answers, and has each question asked once even if many want to know at the same time. Of many questions it forgets
// the older ones, so that it stays small however many domains there are.
type memo[K comparable, V any] struct {
	mu         sync.Mutex
	young, old map[K]*slot[V]
}

// slot is the place of an answer, which is there when done is closed.
type slot[V any] struct {
	done  chan struct{}
	value V
}

// generation is how many answers make a generation; two are kept.
const generation = 2048

// claim returns the slot of a question, and whether it is for the caller to fill.
func (m *memo[K, V]) claim(key K) (s *slot[V], mine bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.young[key]; s != nil {
		return s, false
	}
	s = m.old[key]
	if mine = s == nil; mine {
		s = &slot[V]{done: make(chan struct{})}
	}
	if m.young == nil || len(m.young) >= generation {
		m.young, m.old = make(map[K]*slot[V]), m.young
	}
	m.young[key] = s
	return s, mine
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

// names asks for what domains share: the addresses and aliases of hosts, and the CAA records of parents.
type names struct {
	Resolver
	hosts   memo[string, hostAnswer]
	aliases memo[string, aliasAnswer]
	issuers memo[string, caaAnswer]
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

func newNames(r Resolver) *names { return &names{Resolver: r} }

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

// looks are looks at mail servers, each port of each host once.
type looks struct {
	prober Prober
	ports  memo[hostPort, probe.Host]
}

type hostPort struct {
	host string
	port probe.Port
}

func newLooks(p Prober) *looks { return &looks{prober: p} }

// at looks at the ports of a host. Those that nobody has looked at are looked at together, so that the prober can keep to its limit
// of connections.
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
		seen := l.prober.Look(ctx, host, mine...)
		for i, p := range mine {
			toFill[i].value = onlyPort(seen, p)
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

// onlyPort keeps what was seen of one port.
func onlyPort(h probe.Host, p probe.Port) probe.Host {
	kept := probe.Host{Name: h.Name, Addresses: h.Addresses, Err: h.Err}
	for _, look := range h.Looks {
		if look.Port == p {
			kept.Looks = append(kept.Looks, look)
		}
	}
	return kept
}
