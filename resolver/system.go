package resolver

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/miekg/dns"
)

// systemConfig names the system's resolvers.
const systemConfig = "/etc/resolv.conf"

// System returns a resolver that asks those that this machine is configured to ask.
func System() (*Resolver, error) {
	config, err := dns.ClientConfigFromFile(systemConfig)
	if err != nil {
		return nil, fmt.Errorf("cannot find out which resolvers this machine asks: %w; name one", err)
	}
	if len(config.Servers) == 0 {
		config.Servers = []string{"127.0.0.1"} // as resolv.conf(5) says
	}
	var servers []string
	for _, s := range config.Servers {
		servers = append(servers, net.JoinHostPort(s, config.Port))
	}
	return newResolver(servers), nil
}

// SystemNow asks the resolvers that this machine is configured to ask at the moment of each question: while a program runs, a laptop may
// get others from each network.
type SystemNow struct{}

// Host returns the addresses of a host, as Resolver.Host does.
func (SystemNow) Host(ctx context.Context, name string) (addresses []netip.Addr, canonical string, err error) {
	r, err := System()
	if err != nil {
		return nil, name, &Error{name, ErrFailed, []error{err}}
	}
	return r.Host(ctx, name)
}

// MX returns the mail exchangers of a domain, as Resolver.MX does.
func (SystemNow) MX(ctx context.Context, name string) ([]MX, error) {
	r, err := System()
	if err != nil {
		return nil, &Error{questionText(name, dns.TypeMX), ErrFailed, []error{err}}
	}
	return r.MX(ctx, name)
}

// ParseServer reads the address of a resolver as a person writes it: an IP address, with or without a port.
func ParseServer(s string) (netip.AddrPort, error) {
	bare := s
	if strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") {
		bare = s[1 : len(s)-1]
	}
	if a, err := netip.ParseAddr(bare); err == nil {
		return netip.AddrPortFrom(a, 53), nil
	}
	server, err := netip.ParseAddrPort(s)
	if err != nil || server.Port() == 0 {
		return netip.AddrPort{}, fmt.Errorf("%q is not a valid resolver address; write it like 192.0.2.53 or [2001:db8::53]:5353", s)
	}
	return server, nil
}
