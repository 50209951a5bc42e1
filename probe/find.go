package probe

import (
	"context"
	"net"
	"sync"
	"time"

	"mailhint/settings"
)

// Search says what to look for.
type Search struct {
	Name settings.Domain
	// MailDomain says that the name is a mail domain. Otherwise a name that no record says receives mail may be a host.
	MailDomain bool
	DNS        DNS
	// Seen, if not nil, is called for each host that has been probed, from several goroutines.
	Seen func(host string)
}

// hostsAtOnce is how many hosts are probed at the same time.
const hostsAtOnce = 8

// fewAddresses is how many addresses of each family are probed of each of many hosts.
const fewAddresses = 4

// Find looks for the mail servers of a domain: where its SRV records say, under common names, and where its mail goes. The error wraps
// resolver.ErrFailed if DNS does not answer, or is the context's.
func (p *Prober) Find(ctx context.Context, what Search) (*Finding, error) {
	p = p.forManyHosts()
	s := search{prober: p, Search: what}
	if err := s.records(ctx); err != nil {
		return nil, err
	}
	s.gather(ctx)
	s.hosts = p.lookAtAll(ctx, s.candidates, what.Seen)
	s.services = s.findServices(ctx)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return conclude(what.Name, s.evidence, p.now())
}

// lookAtAll looks at the candidates, a few at a time.
func (p *Prober) lookAtAll(ctx context.Context, candidates []*Candidate, seen func(string)) []Host {
	hosts := make([]Host, len(candidates))
	slots := make(chan struct{}, hostsAtOnce)
	var all sync.WaitGroup
	for i, c := range candidates {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			hosts[i] = p.Look(ctx, c.Host, c.Ports...)
			if seen != nil && hosts[i].Err == nil {
				seen(c.Host)
			}
		})
	}
	all.Wait()
	return hosts
}

// maxGreeting is how long a search waits for a greeting: longer than any server that is in use takes, and less than a search may take.
const maxGreeting = time.Minute

// forManyHosts returns a Prober that looks at fewer addresses of a host, and does not connect again where it failed once: many of a
// domain's names point to the same machine, and it is enough to wait for a silent port once, and once for a greeting that does not come.
func (p *Prober) forManyHosts() *Prober {
	dial := p.dialer()
	attempts := make(map[string]*attempt)
	var mutex sync.Mutex
	return &Prober{Resolver: p.Resolver, Private: p.Private, Roots: p.Roots, Step: p.Step, Now: p.Now, maxAddresses: fewAddresses,
		Greeting: min(p.greeting(), maxGreeting), greetings: new(greetings),
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			mutex.Lock()
			first := attempts[address]
			if first == nil {
				mine := &attempt{done: make(chan struct{})}
				attempts[address] = mine
				mutex.Unlock()
				defer close(mine.done)
				var conn net.Conn
				conn, mine.err = dial(ctx, network, address)
				return conn, mine.err
			}
			mutex.Unlock()
			select {
			case <-first.done:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			if first.err != nil {
				return nil, first.err
			}
			return dial(ctx, network, address)
		}}
}

// attempt is the first connection to a port. err may be read once done is closed.
type attempt struct {
	done chan struct{}
	err  error
}
