package doctor

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"mailhint/probe"
	"mailhint/resolver"
	"mailhint/settings"
)

// judgeMail looks whether the mail servers are what the settings say.
func (j *judgement) judgeMail() {
	if !j.addressed {
		return
	}
	var done []string
	for _, server := range j.Servers {
		host := j.host(server)
		if slices.Contains(done, host) {
			continue
		}
		done = append(done, host)
		switch h := j.hosts[host]; {
		case errors.Is(h.Err, resolver.ErrNone):
			j.add(NameMissing, Problem, host, "DNS has no address for this mail server",
				"Publish its address, or correct the name in domains.toml.")
		case h.Err != nil:
			j.notAnswered(host, h.Err)
		}
		j.judgeHost(j.hosts[host])
	}
}

// judgeHost judges the servers of one host. Ports that nobody reaches by IPv6 alone have one cause together.
func (j *judgement) judgeHost(h probe.Host) {
	var dead []string
	for _, server := range j.Servers {
		if j.host(server) != h.Name {
			continue
		}
		looks := j.known(h, server)
		if four, six := byFamily(looks); dead6(four, six) {
			dead = append(dead, fmt.Sprint(server.Port))
			looks = four
		}
		j.judgePort(server, looks)
	}
	if len(dead) == 0 {
		return
	}
	var addresses []netip.Addr
	for _, a := range h.Addresses {
		if a.Is6() {
			addresses = append(addresses, a)
		}
	}
	text := fmt.Sprintf("by IPv4 it works, by IPv6 (%s) it does not, at port %s; programs wait there first", addressList(addresses), words(dead))
	j.add(DeadIPv6, Problem, h.Name, text,
		"Have the services listen on IPv6 and the firewall let it through, or remove the AAAA record. Dovecot and Postfix listen on both with:",
		"listen = *, ::          # dovecot.conf\ninet_protocols = all    # main.cf")
}

// known returns the looks at a server that say anything, and notes why the others do not.
func (j *judgement) known(h probe.Host, server settings.Server) []probe.Look {
	var looks []probe.Look
	for _, look := range h.Looks {
		switch {
		case look.Port != portOf(server):
		case look.State == probe.Forbidden:
			j.unknown("%s: %s is a private address; allow it with --private", h.Name, look.Address)
		case look.State == 0 && look.Err != nil:
			j.unknown("%s:%d: %s", h.Name, server.Port, reason(look.Err))
		case look.NoRoute:
			if look.Address.Is6() {
				j.aside("%s by IPv6: this machine has none", h.Name)
			} else {
				j.unknown("%s by IPv4: this machine has no way to it", h.Name)
			}
		default:
			looks = append(looks, look)
		}
	}
	return looks
}

func byFamily(looks []probe.Look) (four, six []probe.Look) {
	for _, look := range looks {
		if look.Address.Is4() {
			four = append(four, look)
		} else {
			six = append(six, look)
		}
	}
	return four, six
}

// dead6 reports whether a port works by IPv4 and nobody is there by IPv6.
func dead6(four, six []probe.Look) bool {
	works := func(l probe.Look) bool { return l.State == probe.Reached && l.Speaks != 0 }
	return slices.ContainsFunc(four, works) && len(six) > 0 && !slices.ContainsFunc(six, works)
}

// judgePort judges what was seen of one server. The addresses are told where the others are good, or bad in another way.
func (j *judgement) judgePort(server settings.Server, looks []probe.Look) {
	subject := fmt.Sprintf("%s:%d", j.host(server), server.Port)
	var all []fault
	at := make(map[string][]netip.Addr) // by text
	for _, look := range looks {
		for _, f := range faults(server, look, j.now) {
			if f.text == tooEarly && slices.Contains(j.here, look.Address) {
				j.aside("%s: whether passwords are taken before TLS: from its own machine, which is this one, Dovecot takes them", subject)
				continue
			}
			if f.code == OtherTLSMode {
				f.paste = blocks(j.entryLike(server, look.Speaks), f.paste)
			}
			if at[f.text] = append(at[f.text], look.Address); len(at[f.text]) == 1 {
				all = append(all, f)
			}
		}
	}
	for _, f := range all {
		if places := at[f.text]; len(places) < len(looks) {
			f.text += " (at " + addressList(places) + ")"
		}
		j.add(f.code, f.severity, subject, f.text, f.do, f.paste)
	}
}

// fault is something wrong with a server.
type fault struct {
	code     Code
	severity Severity
	text     string
	do       string
	paste    string
}

// faults says how a server differs from what the settings say of it: root causes only.
func faults(server settings.Server, look probe.Look, now time.Time) []fault {
	if f := closed(look); f.code != "" {
		return []fault{f}
	}
	if f := otherMode(server, look); f.code != "" {
		return []fault{f}
	}
	var all []fault
	if look.TLS != nil && server.Security != settings.Plaintext {
		what, ends := faultOf(look.TLS, now)
		if what != "" {
			all = append(all, fault{Certificate, Problem, what,
				"Give the mail server a certificate that covers the name in domains.toml, with its intermediates:",
				certificateLines(server.Protocol)})
		} else if ends != "" {
			all = append(all, fault{Certificate, Warning, ends,
				"Renew it, have the mail server read it again, and see why that did not happen by itself:", reloadLines(server.Protocol)})
		}
	}
	return append(all, loginFaults(server, look)...)
}

// closed says why nobody can be spoken to; the zero fault if somebody can.
func closed(look probe.Look) fault {
	switch {
	case look.State != probe.Reached:
		return fault{PortClosed, Problem, whyState(look.State, look.Port.Number), remedies[look.State],
			blocks(openPort(look.State, look.Port.Number), listenLines(look))}
	case look.Speaks != 0:
		return fault{}
	case errors.Is(look.Err, probe.ErrHandshake):
		return fault{Certificate, Problem, "no encrypted connection comes about: " + clip(look.Err.Error()),
			"See the TLS settings of the mail server: its certificate, key and TLS versions. Programs speak TLS 1.2 and 1.3.",
			certificateLines(look.Port.Protocol)}
	case look.Err != nil:
		return fault{PortClosed, Problem,
			fmt.Sprintf("connections are accepted, and no %s server answers: %s", look.Port.Protocol, clip(look.Err.Error())),
			"See what listens at this port, and its log.", ""}
	}
	return fault{}
}

// otherMode compares how a server is spoken to with how it should be.
func otherMode(server settings.Server, look probe.Look) fault {
	if server.Security == look.Speaks || server.Security == settings.Plaintext && look.Speaks == settings.STARTTLS {
		return fault{}
	}
	if server.Security == settings.STARTTLS && look.Speaks == settings.Plaintext {
		return fault{NoSTARTTLS, Problem, "STARTTLS is not offered, so that programs give up, or send passwords in plain text",
			"Switch it on in the mail server, and give it a certificate:", startTLSLines(server.Protocol)}
	}
	return fault{OtherTLSMode, Problem, fmt.Sprintf("the settings say %s, and the port speaks %s", server.Security, look.Speaks),
		"Correct the entry in domains.toml, or the port in the mail server:", modeLines(server)}
}

const tooEarly = "it takes passwords before TLS has begun, so that a careless program sends them in plain text"

// loginFaults compares login methods. Whether a client certificate would do is seen by nobody who has none.
func loginFaults(server settings.Server, look probe.Look) []fault {
	var all []fault
	offered := look.After
	if look.Speaks == settings.Plaintext || server.Security == settings.Plaintext {
		offered = look.Before
	} else if server.Security == settings.STARTTLS && slices.Contains(look.Before.Auths(), settings.Password) {
		all = append(all, fault{LoginMethods, Warning, tooEarly,
			"Have the mail server offer logins inside TLS only:", onlyTLSLines(server.Protocol)})
	}
	var missing []string
	for _, a := range server.Auth {
		if a != settings.NoAuth && a != settings.ClientCert && !slices.Contains(offered.Auths(), a) {
			missing = append(missing, string(a))
		}
	}
	if len(missing) == 0 {
		return all
	}
	there := "it offers no login that programs know"
	if auths := offered.Auths(); len(auths) > 0 {
		var names []string
		for _, a := range auths {
			names = append(names, string(a))
		}
		there = "it offers " + words(names)
	}
	return append(all, fault{LoginMethods, Problem, fmt.Sprintf("the settings say %s, and %s", words(missing), there),
		"Correct auth in domains.toml, or offer the login in the mail server:", authLines(server.Protocol, look)})
}
