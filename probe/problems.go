package probe

import (
	"fmt"
	"slices"
	"time"

	"mailhint/settings"
)

// findProblems lists what an admin should fix.
func (f *Finding) findProblems(now time.Time) {
	if !f.offers(settings.IMAP) && !f.offers(settings.POP3) {
		f.problem("no server was found that mail clients can receive mail from")
	}
	if !f.offers(settings.Submission) {
		f.problem("no server was found that mail clients can send mail through")
	}
	for _, s := range f.Services {
		if s.Fault != "" {
			f.problem("the SRV record for %s points to a service that clients cannot use: %s%s", s.Name, s.urlText(), s.Fault)
		}
	}
	for i, h := range f.Hosts {
		c := f.Candidates[i]
		if !f.Complete() && h.isPrivate() {
			f.problem("%s was not probed, because %s is a private address; allow its network with --private", h.Name, h.Addresses[0])
			continue
		}
		f.checkNamedPorts(h, c.Named)
		for _, port := range c.Ports {
			_, fault := h.server(port)
			switch {
			case f.chose(h.Name, port):
				f.checkChosen(h, port, now)
			case fault != "" && !c.isNamed(port) && !f.offers(port.Protocol) && h.answers(port):
				f.problem("%s cannot be advertised: %s", hostPort(h.Name, port), fault)
			}
		}
	}
}

// isPrivate reports whether all that is known of a host is that it was not probed, see Prober.Private.
func (h Host) isPrivate() bool {
	return len(h.Looks) > 0 && !slices.ContainsFunc(h.Looks, func(l Look) bool { return l.State != Forbidden })
}

// checkNamedPorts finds SRV records that mislead clients.
func (f *Finding) checkNamedPorts(h Host, named []Port) {
	for _, port := range named {
		server, fault := h.server(port)
		switch {
		case fault != "":
			f.problem("an SRV record points to %s, which mail clients cannot use: %s", hostPort(h.Name, port), fault)
		case server.Security != port.Security:
			f.problem("an SRV record points to %s for %s, but the server uses %s", hostPort(h.Name, port), port.Security, server.Security)
		}
	}
}

// answers reports whether a port accepts connections.
func (h Host) answers(p Port) bool {
	return slices.ContainsFunc(h.Looks, func(l Look) bool { return l.Port.same(p) && l.State == Reached })
}

// checkChosen finds what is wrong with a server that can nevertheless be used.
func (f *Finding) checkChosen(h Host, p Port, now time.Time) {
	for _, l := range h.Looks {
		switch {
		case !l.Port.same(p):
		case l.State != Reached && !l.NoRoute:
			f.problem("%s works at other addresses only; at %s: %s", hostPort(h.Name, p), l.Address, l.State)
		case l.TLS != nil && ExpiresSoon(l.TLS.Leaf(), now):
			f.problem("%s: its certificate expires in %s", hostPort(h.Name, p), days(l.TLS.Leaf().NotAfter, now))
		}
	}
}

func hostPort(host string, p Port) string { return fmt.Sprintf("%s port %d", host, p.Number) }
