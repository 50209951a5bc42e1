//go:build linux

package lab

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// service is what listens at a port of a mail host.
type service struct {
	port     int
	implicit bool // TLS from the first byte
}

// services are those of a good mail host. Dovecot does all but the last two, which are Postfix's.
var services = []service{{143, false}, {993, true}, {110, false}, {995, true}, {4190, false}, {587, false}, {465, true}}

// mailHost is a host name with an address of each family, at which mail servers listen, and what is wrong with them.
type mailHost struct {
	name   string
	v4, v6 string
	faults map[int][]string // of a port; those of the whole host at port 0
	cert   pair
	flaw   string // of the certificate
	auth   string // the login methods that are offered: one of instances
}

// faults are what can be wrong with a port. Dovecot knows "no-starttls", "plain-login" and "login-disabled" for a whole address only,
// so that a host with one of them is good for one port of Dovecot's.
var faults = []string{
	"closed",         // nothing listens
	"silent",         // a firewall drops the packets
	"unreachable",    // a router says that there is no way
	"tls",            // TLS from the first byte where it should be STARTTLS
	"starttls",       // STARTTLS where TLS should be from the first byte
	"no-starttls",    // no encryption at all
	"plain-login",    // passwords are taken without encryption too
	"login-disabled", // no password is taken even with encryption
	"slow",           // the greeting comes after six seconds; Postfix only
}

// newMailHost reads the section "servers" of a case.
func newMailHost(name, v4, v6 string, lines []string) (*mailHost, error) {
	h := &mailHost{name: name, v4: v4, v6: v6, faults: make(map[int][]string), auth: "password"}
	for _, line := range lines {
		what, fault, _ := strings.Cut(line, " ")
		var port int
		known := false
		switch what {
		case "cert":
			h.flaw, known = fault, slices.Contains(flaws, fault)
		case "auth":
			h.auth, known = fault, slices.ContainsFunc(instances, func(i instance) bool { return i.auth == fault })
		case "ipv6":
			h.faults[0], known = append(h.faults[0], fault), fault == "closed" || fault == "silent"
		default:
			_, err := fmt.Sscan(what, &port)
			isService := slices.ContainsFunc(services, func(s service) bool { return s.port == port })
			h.faults[port], known = append(h.faults[port], fault), err == nil && isService && slices.Contains(faults, fault)
		}
		if !known {
			return nil, fmt.Errorf("servers: %q is not a known fault", line)
		}
	}
	return h, nil
}

// has reports whether a port has a fault.
func (h *mailHost) has(port int, fault string) bool { return slices.Contains(h.faults[port], fault) }

// hasAny reports whether one of several ports has a fault.
func (h *mailHost) hasAny(fault string, ports ...int) bool {
	return slices.ContainsFunc(ports, func(port int) bool { return h.has(port, fault) })
}

// listens are the addresses at which a service listens.
func (h *mailHost) listens(s service) []string {
	switch {
	case h.has(s.port, "closed"):
		return nil
	case h.has(0, "closed"):
		return []string{h.v4}
	}
	return []string{h.v4, h.v6}
}

// implicit reports whether a service speaks TLS from the first byte, rightly or not.
func (h *mailHost) implicit(s service) bool {
	return (s.implicit || h.has(s.port, "tls")) && !h.has(s.port, "starttls")
}

// records are those of the host's addresses.
func (h *mailHost) records() []string {
	return []string{h.name + ". A " + h.v4, h.name + ". AAAA " + h.v6}
}

// firewall are the rules that make ports silent or unreachable.
func (h *mailHost) firewall() []string {
	var rules []string
	for _, a := range []netip.Addr{netip.MustParseAddr(h.v4), netip.MustParseAddr(h.v6)} {
		family := map[bool]string{true: "ip", false: "ip6"}[a.Is4()]
		for port, faults := range h.faults {
			for _, fault := range faults {
				match := fmt.Sprintf("%s daddr %s meta l4proto tcp", family, a)
				if port != 0 {
					match = fmt.Sprintf("%s daddr %s tcp dport %d", family, a, port)
				}
				switch {
				case fault == "silent" && (port != 0 || a.Is6()):
					rules = append(rules, match+" drop")
				case fault == "unreachable":
					rules = append(rules, match+" reject with icmpx type host-unreachable")
				}
			}
		}
	}
	return rules
}
