// Package probe finds out what mail servers really offer: whether a port is open, whether it speaks implicit TLS or STARTTLS, which
// certificate the server presents, which login methods it accepts. It never logs in and asks for no mailbox.
//
// Given only a mail domain, it looks for the domain's servers where clients and people would look, and chooses those to advertise.
//
// Read first probe.go and result.go: a Prober looks at ports of a host, and a Look is what it sees. The network edge is below: look.go is
// one port at one address, and uses connect.go, private.go and limit.go (which connections may be opened), handshake.go (TLS), and
// dialogue.go with a file for each of the four protocols; web.go does the same for web servers.
//
// The search for a domain's servers starts in find.go. It gathers hosts from DNS in search.go and services at URLs in services.go. What it
// found is then judged without the network: finding.go is the result, choose.go chooses the servers, problems.go lists what to fix,
// comments.go and summary.go put it into words, and report.go into JSON.
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

// Prober looks at mail servers. It needs a Resolver; the other fields may be zero. Its methods may be called concurrently.
type Prober struct {
	// Resolver finds the addresses of hosts: a *resolver.Resolver.
	Resolver interface {
		// Host may return both addresses and an error, if others may be missing.
		Host(ctx context.Context, name string) (addresses []netip.Addr, canonical string, err error)
	}
	// Private lists networks that may be probed although they are private, loopback or link-local. Other private addresses are refused:
	// otherwise anybody who can name a host could scan the network that this program runs in.
	Private []netip.Prefix
	// Refuse, if not nil, reports which addresses and ports may not be probed in addition, whatever Private lists.
	Refuse func(netip.AddrPort) bool
	// Roots are the trusted certificate authorities; nil for the system's.
	Roots *x509.CertPool
	// Dial opens connections; nil for a net.Dialer. The address is always the one that was checked, never a name.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Step limits the time to connect, and the time of each exchange after the greeting; 0 for 5 seconds.
	Step time.Duration
	// Greeting is how long a mail server may take to greet, and to answer a TLS handshake on a port with implicit TLS; 0 for 100 seconds, as
	// Thunderbird waits. Some servers pause before they greet, or look up the client's name first; RFC 5321 section 4.5.3.2.1 gives them 5
	// minutes. A look at one port at one address ends after this time and 6 steps, whatever the server does.
	Greeting time.Duration
	// Now returns the time that certificates are judged by; nil for time.Now.
	Now func() time.Time

	limit        addressLimit
	maxAddresses int        // of each family; 0 for maxAddresses
	greetings    *greetings // where it is not worth while to wait for a greeting again; may be nil
}

const (
	maxSteps     = 6 // of one look, besides the wait for the greeting
	maxWebSteps  = 3 // of one request to a web server
	atOnce       = 4 // connections at the same time to one host, and to one address under all its names
	maxAddresses = 8 // of each family
)

func (p *Prober) step() time.Duration {
	if p.Step > 0 {
		return p.Step
	}
	return 5 * time.Second
}

func (p *Prober) greeting() time.Duration {
	if p.Greeting > 0 {
		return p.Greeting
	}
	return thunderbirdWaits
}

// thunderbirdWaits is how long Thunderbird waits for a mail server (mailnews.tcptimeout).
const thunderbirdWaits = 100 * time.Second

func (p *Prober) now() time.Time {
	if p.Now != nil {
		return p.Now()
	}
	return time.Now()
}

// Look looks at ports of a host at each of its addresses, at most 8 of each family, with at most 4 connections at a time. It returns soon
// after ctx is done; what was not probed by then has no State.
func (p *Prober) Look(ctx context.Context, host string, ports ...Port) Host {
	h := Host{Name: host}
	h.Addresses, h.Err = p.addresses(ctx, host)
	for _, port := range ports {
		for _, a := range h.Addresses {
			h.Looks = append(h.Looks, Look{Port: port, Address: a})
		}
	}
	slots := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for i := range h.Looks {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			p.lookAt(ctx, host, &h.Looks[i])
		})
	}
	all.Wait()
	return h
}

// addresses returns the first addresses of each family of a host, which may be an IP address itself: a zone may list thousands. It may
// return both addresses and an error, if others may be missing.
func (p *Prober) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a.Unmap()}, nil
	}
	addresses, _, err := p.Resolver.Host(ctx, host)
	limit := maxAddresses
	if p.maxAddresses > 0 {
		limit = p.maxAddresses
	}
	var kept []netip.Addr
	count := make(map[bool]int)
	for _, a := range addresses {
		if count[a.Is4()] < limit && !slices.Contains(kept, a) {
			count[a.Is4()]++
			kept = append(kept, a)
		}
	}
	return kept, printable(err)
}
