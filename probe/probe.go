// Package probe finds out what mail servers really offer: whether a port is open, whether it speaks implicit TLS or STARTTLS, which
// certificate it shows, which login methods it takes. It never logs in and asks for no mailbox.
//
// Given only a mail domain, it looks where mail programs and people would look for the domain's servers, and chooses those to
// advertise.
package probe

import (
	"context"
	"crypto/x509"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Prober looks at mail servers. The zero Prober needs a Resolver; its methods may be called at the same time.
type Prober struct {
	// Resolver finds the addresses of hosts: a *resolver.Resolver.
	Resolver interface {
		// Host may return both addresses and an error, if others may be missing.
		Host(ctx context.Context, name string) (addresses []netip.Addr, canonical string, err error)
	}
	// Private lists networks that may be looked at although they are private, loopback or link-local. Without it whoever can have a
	// host looked at could scan the network that this program runs in.
	Private []netip.Prefix
	// Roots are the authorities that are trusted; nil for the system's.
	Roots *x509.CertPool
	// Dial opens connections; nil for a net.Dialer. The address is always the one that was checked, never a name.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Step is how long connecting, and each exchange after it, may take; 0 for 5 seconds. A look at a port at one address ends after
	// 3 steps, whatever the server does.
	Step time.Duration
	// Now tells the time by which certificates are judged; nil for time.Now.
	Now func() time.Time

	gates gates
	few   bool // addresses are looked at of each family, because there are many hosts
}

const (
	lookSteps    = 3 // how many steps a look may take altogether
	atOnce       = 4 // connections to a host, and to an address whatever its names, at one time
	maxAddresses = 8 // of each family
	fewAddresses = 4
)

func (p *Prober) step() time.Duration {
	if p.Step > 0 {
		return p.Step
	}
	return 5 * time.Second
}

func (p *Prober) now() time.Time {
	if p.Now != nil {
		return p.Now()
	}
	return time.Now()
}

// Look looks at some ports of a host, at its addresses, 8 of each family if it has more, with at most 4 connections at a time. It
// returns soon after ctx is done; what was not looked at then has no State.
func (p *Prober) Look(ctx context.Context, host string, ports ...Port) Host {
	h := Host{Name: host}
	h.Addresses, h.Err = p.addresses(ctx, host)
	for _, port := range ports {
		for _, a := range h.Addresses {
			h.Looks = append(h.Looks, Look{Port: port, Address: a})
		}
	}
	places := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for i := range h.Looks {
		all.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			p.lookAt(ctx, host, &h.Looks[i])
		})
	}
	all.Wait()
	return h
}

// addresses finds the addresses of a host, which may be an IP address. An error may come with those that were found. A zone's owner may
// name thousands; the first of each family are enough.
func (p *Prober) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a.Unmap()}, nil
	}
	addresses, _, err := p.Resolver.Host(ctx, host)
	most := maxAddresses
	if p.few {
		most = fewAddresses
	}
	var some []netip.Addr
	count := make(map[bool]int)
	for _, a := range addresses {
		if count[a.Is4()]++; count[a.Is4()] <= most && !slices.Contains(some, a) {
			some = append(some, a)
		}
	}
	return some, printable(err)
}

// gates keep the number of connections to one address small, under however many names it is looked at.
type gates struct {
	mutex sync.Mutex
	open  map[netip.Addr]*gate
}

type gate struct {
	places chan struct{}
	users  int
}

// enter waits for a place at an address and returns how to leave it.
func (g *gates) enter(ctx context.Context, a netip.Addr) (leave func(), err error) {
	g.mutex.Lock()
	if g.open == nil {
		g.open = make(map[netip.Addr]*gate)
	}
	a = a.Unmap()
	one := g.open[a]
	if one == nil {
		one = &gate{places: make(chan struct{}, atOnce)}
		g.open[a] = one
	}
	one.users++
	g.mutex.Unlock()
	forget := func() {
		g.mutex.Lock()
		defer g.mutex.Unlock()
		if one.users--; one.users == 0 {
			delete(g.open, a)
		}
	}
	select {
	case one.places <- struct{}{}:
		return func() { <-one.places; forget() }, nil
	case <-ctx.Done():
		forget()
		return nil, ctx.Err()
	}
}
