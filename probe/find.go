package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"mailhint/resolver"
	"mailhint/settings"
)

// Finding is what was found out about the mail servers of a domain.
type Finding struct {
	// Domain is the mail domain: the name asked about, or if that is a host, the registered domain it belongs to.
	Domain settings.Domain
	// IsHost says that the name is a host, so that Domain is a guess.
	IsHost bool
	MX     []resolver.MX
	// Candidates are the hosts that exist, the best reasons first as they were found; Hosts has what each offers, in the same order.
	Candidates []Candidate
	Hosts      []Host
	// Servers are those to advertise, the protocols in the order of settings, best first, with the login by address.
	Servers []settings.Server
	// Services at URLs that SRV records name. Those without a Fault can be advertised.
	Services []Service
	// Problems are what an admin should mend: no usable server, records that lead to none, addresses that do not answer. They and
	// Remarks are fit for a terminal.
	Problems []string
	Remarks  []string
}

// hostsAtOnce is how many hosts are looked at at a time.
const hostsAtOnce = 8

// Search says what to look for.
type Search struct {
	Name settings.Domain
	// MailDomain says that the name is that of a mail domain. Without it a name that gets no mail may be a host.
	MailDomain bool
	DNS        DNS
	// Seen, if not nil, is told of each host that has been looked at, from several goroutines.
	Seen func(host string)
}

// Find looks for the mail servers of a domain: where its SRV records say, at the usual names, and where its mail goes. The error wraps
// resolver.ErrFailed if DNS does not answer, or is the context's.
func (p *Prober) Find(ctx context.Context, what Search) (*Finding, error) {
	p = p.remembering()
	name := what.Name
	s := search{prober: p, Search: what}
	if err := s.records(ctx); err != nil {
		return nil, err
	}
	s.gather(ctx)
	hosts := p.lookAtAll(ctx, s.candidates, what.Seen)
	services := s.services(ctx)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	f := &Finding{Domain: name, IsHost: s.host, MX: s.mx, Services: services, Remarks: s.remarks}
	if f.IsHost {
		f.Domain = registered(name)
	}
	var unknown error // DNS does not answer for the name itself
	for i, c := range s.candidates {
		err := hosts[i].Err
		if len(hosts[i].Addresses) > 0 {
			f.Candidates, f.Hosts = append(f.Candidates, *c), append(f.Hosts, hosts[i])
		}
		switch {
		case err == nil:
		case len(hosts[i].Addresses) > 0:
			f.Remarks = append(f.Remarks, fmt.Sprintf("%s may have more addresses: %v", c.Host, err))
		case c.Source == FromSRV:
			f.problem("an SRV record names %s, which cannot be found: %v", c.Host, err)
		case c.Source == FromMX:
			f.problem("the MX record names %s, which cannot be found: %v", c.Host, err)
		case c.Source == FromName && errors.Is(err, resolver.ErrFailed):
			unknown = err
		case !errors.Is(err, resolver.ErrNone):
			f.Remarks = append(f.Remarks, fmt.Sprintf("%s was not looked at: %v", c.Host, err))
		}
	}
	f.choose(s.declined)
	if len(f.Servers) == 0 && unknown != nil {
		return nil, unknown
	}
	f.judge(p.now())
	return f, nil
}

func (f *Finding) problem(format string, values ...any) {
	f.Problems = append(f.Problems, fmt.Sprintf(format, values...))
}

// lookAtAll looks at the candidates, a few at a time.
func (p *Prober) lookAtAll(ctx context.Context, candidates []*Candidate, seen func(string)) []Host {
	hosts := make([]Host, len(candidates))
	places := make(chan struct{}, hostsAtOnce)
	var all sync.WaitGroup
	for i, c := range candidates {
		all.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			hosts[i] = p.Look(ctx, c.Host, c.Ports...)
			if seen != nil && hosts[i].Err == nil {
				seen(c.Host)
			}
		})
	}
	all.Wait()
	return hosts
}

// remembering returns a prober that does not connect again where it could not: many of a domain's names lead to one machine, and
// waiting for a silent port once is enough.
func (p *Prober) remembering() *Prober {
	dial := p.dialer()
	attempts := make(map[string]*attempt)
	var mutex sync.Mutex
	return &Prober{Resolver: p.Resolver, Private: p.Private, Roots: p.Roots, Step: p.Step, Now: p.Now, few: true,
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
