package probe

import (
	"cmp"
	"crypto/tls"
	"slices"

	"mailhint/settings"
)

// option is a server that could be advertised.
type option struct {
	settings.Server
	source    Source
	order     int  // of the candidate
	bothModes bool // the host offers both TLS modes
}

// choose chooses the servers to advertise: for each protocol one host, with implicit TLS and then STARTTLS if it offers both. SRV records
// are what the domain's owner wants, and beat all guesses; a host that offers both modes can be written as a bare host name.
func (f *Finding) choose(declined map[Port]bool) {
	var incoming string // ManageSieve belongs to the server that stores the mail
	for _, protocol := range []settings.Protocol{settings.IMAP, settings.POP3, settings.Submission, settings.ManageSieve} {
		options := f.options(protocol, declined)
		slices.SortStableFunc(options, func(a, b option) int {
			return cmp.Or(
				falseFirst(protocol == settings.ManageSieve && string(a.Host) != incoming, protocol == settings.ManageSieve && string(b.Host) != incoming),
				cmp.Compare(a.source, b.source),
				cmp.Compare(a.Security, b.Security),
				falseFirst(!a.bothModes, !b.bothModes),
				cmp.Compare(a.order, b.order),
			)
		})
		if len(options) == 0 {
			continue
		}
		chosen := options[:1]
		if second := otherMode(options); second != nil {
			chosen = append(chosen[:1:1], *second)
		}
		slices.SortStableFunc(chosen, func(a, b option) int { return cmp.Compare(a.Security, b.Security) })
		for _, o := range chosen {
			f.Servers = append(f.Servers, o.Server)
		}
		if protocol == settings.IMAP {
			incoming = string(chosen[0].Host)
		}
	}
}

func falseFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// otherMode returns the best option in the other TLS mode than the first: at the same host, or where an SRV record names it.
func otherMode(options []option) *option {
	first := options[0]
	for _, sameHost := range []bool{true, false} {
		for i, o := range options[1:] {
			if o.Security != first.Security && (o.Host == first.Host) == sameHost && (sameHost || o.source == FromSRV) {
				return &options[i+1]
			}
		}
	}
	return nil
}

// options lists what the candidates offer of one protocol and clients can use safely.
func (f *Finding) options(protocol settings.Protocol, declined map[Port]bool) []option {
	var options []option
	for i, h := range f.Hosts {
		c := f.Candidates[i]
		var here []option
		for _, port := range c.Ports {
			if port.Protocol != protocol || declined[port] {
				continue
			}
			server, fault := h.server(port)
			if fault != "" {
				continue
			}
			o := option{Server: server, source: c.Source, order: i}
			if c.Source == FromSRV && !c.isNamed(port) && !c.isNamedFor(protocol) {
				o.source = FromCommonName // a record names the host, but for something else
			}
			here = append(here, o)
		}
		modes := make(map[settings.Security]bool)
		for _, o := range here {
			modes[o.Security] = true
		}
		for _, o := range here {
			o.bothModes = len(modes) == 2
			options = append(options, o)
		}
	}
	return options
}

// same reports whether two ports are one, in whatever TLS mode.
func (p Port) same(other Port) bool { return p.Protocol == other.Protocol && p.Number == other.Number }

// server returns the server at a port if clients can use it, or why they cannot. Every address that accepts connections must work, because
// a client may connect to any of them.
func (h Host) server(port Port) (s settings.Server, fault string) {
	var common []settings.Auth
	reached := false
	for _, l := range h.Looks {
		if !l.Port.same(port) || l.State != Reached {
			continue
		}
		if fault := l.fault(); fault != "" {
			return s, fault
		}
		if reached && l.Speaks != s.Security {
			return s, "its addresses use different TLS modes"
		}
		auths := l.After.Auths()
		if reached {
			auths = slices.DeleteFunc(common, func(a settings.Auth) bool { return !slices.Contains(auths, a) })
		}
		common = auths
		s = settings.Server{
			Protocol: port.Protocol, Host: settings.Pattern(h.Name), Port: port.Number, Security: l.Speaks,
			Login: settings.EmailAddress, Auth: common,
		}
		reached = true
	}
	switch {
	case !reached:
		return s, "it cannot be reached"
	case len(common) == 0:
		return s, "it offers no login method that clients know"
	case s.URL() == "" || s.UnusualPort():
		return s, "the port is meant for another TLS mode or protocol"
	case slices.Contains(common, settings.Password): // inside TLS it is the one that always works
		s.Auth = []settings.Auth{settings.Password}
	}
	return s, ""
}

// fault returns why clients cannot use what was found at a port that accepts connections; empty if they can.
func (l Look) fault() string {
	switch {
	case l.Err != nil:
		return l.Err.Error()
	case l.Speaks == settings.Plaintext:
		return "it offers no TLS"
	case l.TLS == nil:
		return "it was not probed"
	case l.TLS.ChainErr != nil:
		return "its certificate is not trusted: " + l.TLS.ChainErr.Error()
	case l.TLS.NameErr != nil:
		return "its certificate does not cover the name: " + l.TLS.NameErr.Error()
	case l.TLS.Version < tls.VersionTLS12: // RFC 8997
		return "it uses " + l.TLS.VersionName() + ", which mail clients refuse"
	case len(l.After.Auths()) == 0:
		return "it offers no login method that clients know"
	}
	return ""
}
