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

// judgeMail checks that the mail servers are as the settings say.
func (j *judgement) judgeMail() {
	if !j.resolvedMail {
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
			j.add(newFinding(NameMissing, Problem, host, "this mail server has no address in DNS",
				"Publish its address, or correct its name in domains.toml."))
		case h.Err != nil:
			j.dnsFailed(host, h.Err)
		}
		j.judgeHost(j.hosts[host])
	}
}

// judgeHost judges the servers on one host. Ports that fail over IPv6 only are one finding.
func (j *judgement) judgeHost(h probe.Host) {
	var failing []string
	for _, server := range j.Servers {
		if j.host(server) != h.Name {
			continue
		}
		looks := j.known(h, server)
		if four, six := byFamily(looks); failsOverIPv6(four, six) {
			failing = append(failing, fmt.Sprint(server.Port))
			looks = four
		}
		j.judgePort(server, looks)
	}
	if len(failing) > 0 {
		j.add(ipv6Fails(h, failing))
	}
}

// ipv6Fails is about ports of a host that do not answer over IPv6.
func ipv6Fails(h probe.Host, failing []string) Finding {
	var addresses []netip.Addr
	for _, a := range h.Addresses {
		if a.Is6() {
			addresses = append(addresses, a)
		}
	}
	ports := "port " + failing[0] + " works"
	if len(failing) > 1 {
		ports = "ports " + words(failing) + " work"
	}
	text := fmt.Sprintf("%s over IPv4 but not over IPv6 (%s), which clients try first", ports, addressList(addresses))
	return newFinding(IPv6Unreachable, Problem, h.Name, text,
		"Make the services listen on IPv6 and open the firewall, or remove the AAAA record. Dovecot and Postfix listen on both with:",
		"listen = *, ::          # dovecot.conf\ninet_protocols = all    # main.cf")
}

// known returns the looks at a server that mean something, and adds why the others do not.
func (j *judgement) known(h probe.Host, server settings.Server) []probe.Look {
	var looks []probe.Look
	for _, look := range h.Looks {
		switch {
		case look.Port != portOf(server):
		case look.State == probe.Forbidden:
			j.couldNotCheck("%s: %s is a private address; allow it with --private", h.Name, look.Address)
		case look.State == 0 && look.Err != nil:
			j.couldNotCheck("%s:%d: %s", h.Name, server.Port, reason(look.Err))
		case look.NoRoute && look.Address.Is6():
			j.note("%s over IPv6: this machine has no IPv6", h.Name)
		case look.NoRoute:
			j.couldNotCheck("%s over IPv4: this machine has no route to it", h.Name)
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

// failsOverIPv6 reports whether a port works over IPv4 and at none of its IPv6 addresses.
func failsOverIPv6(four, six []probe.Look) bool {
	works := func(l probe.Look) bool { return l.State == probe.Reached && l.Speaks != 0 }
	return slices.ContainsFunc(four, works) && len(six) > 0 && !slices.ContainsFunc(six, works)
}

// judgePort judges the looks at one server. It names the addresses if not all have the same fault.
func (j *judgement) judgePort(server settings.Server, looks []probe.Look) {
	subject := fmt.Sprintf("%s:%d", j.host(server), server.Port)
	var all []fault
	at := make(map[string][]netip.Addr) // by text
	for _, look := range looks {
		for _, f := range faults(server, look, j.now) {
			if f.text == loginBeforeTLS && slices.Contains(j.local, look.Address) {
				j.note("%s: whether it accepts passwords before TLS; Dovecot does so for connections from its own machine, which is this one", subject)
				continue
			}
			if f.code == WrongTLSMode {
				f.paste = blocks(j.entryWith(server, look.Speaks), f.paste)
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
		j.add(newFinding(f.code, f.severity, subject, f.text, f.fix, f.paste))
	}
}

// fault is something wrong with a server.
type fault struct {
	code     Code
	severity Severity
	text     string
	fix      string
	paste    string
}

// faults says how a server differs from the settings: root causes only.
func faults(server settings.Server, look probe.Look, now time.Time) []fault {
	if f := portFault(look); f.code != "" {
		return []fault{f}
	}
	if f := modeFault(server, look); f.code != "" {
		return []fault{f}
	}
	all := slowFaults(look)
	if look.TLS != nil && server.Security != settings.Plaintext {
		what, expiry := faultOf(look.TLS, now)
		if what != "" {
			all = append(all, fault{Certificate, Problem, what,
				"Give the mail server a certificate that covers the name in domains.toml, and include the intermediates:",
				certificateLines(server.Protocol)})
		} else if expiry != "" {
			all = append(all, fault{Certificate, Warning, expiry,
				"Renew it, reload the mail server, and find out why it was not renewed automatically:", reloadLines(server.Protocol)})
		}
	}
	return append(all, loginFaults(server, look)...)
}

// portFault says why no server answers; the zero fault if one does.
func portFault(look probe.Look) fault {
	switch {
	case look.State != probe.Reached:
		return fault{PortClosed, Problem, whyState(look.State, look.Port.Number), remedies[look.State],
			blocks(openPort(look.State, look.Port.Number), listenLines(look))}
	case look.Speaks != 0:
		return fault{}
	case errors.Is(look.Err, probe.ErrHandshake):
		return fault{Certificate, Problem, "no TLS connection can be established: " + clip(look.Err.Error()),
			"Check the TLS settings of the mail server: certificate, key, and versions. Clients use TLS 1.2 and 1.3.",
			certificateLines(look.Port.Protocol)}
	case look.Err != nil:
		return fault{PortClosed, Problem,
			fmt.Sprintf("connections are accepted, but no %s server answers: %s", look.Port.Protocol, clip(look.Err.Error())),
			"Find out what listens on this port, and read its log.", ""}
	}
	return fault{}
}

// slowGreetings are the steps in which a slow greeting is reported, so that the text stays the same from one look to the next.
var slowGreetings = []time.Duration{60 * time.Second, 30 * time.Second, 20 * time.Second, 10 * time.Second, 5 * time.Second}

// slowFaults is about a server that answers, but takes long to greet: RFC 5321 section 4.5.3.2.1 allows five minutes, people do not.
func slowFaults(look probe.Look) []fault {
	i := slices.IndexFunc(slowGreetings, func(limit time.Duration) bool { return look.Greeted >= limit })
	if i < 0 {
		return nil
	}
	return []fault{{PortClosed, Warning, fmt.Sprintf("slow: takes more than %d seconds to greet clients, each time they connect, and some give up",
		int(slowGreetings[i].Seconds())),
		"Find out what delays the greeting: an anti-spam delay, which does not belong on login ports, or a DNS lookup of the client " +
			"that times out.", ""}}
}

// modeFault compares the TLS mode with the settings.
func modeFault(server settings.Server, look probe.Look) fault {
	if server.Security == look.Speaks || server.Security == settings.Plaintext && look.Speaks == settings.STARTTLS {
		return fault{}
	}
	if server.Security == settings.STARTTLS && look.Speaks == settings.Plaintext {
		return fault{NoSTARTTLS, Problem, "STARTTLS is not offered; clients give up, or send passwords in plain text",
			"Enable it in the mail server, and give it a certificate:", startTLSLines(server.Protocol)}
	}
	return fault{WrongTLSMode, Problem, fmt.Sprintf("should use %s but uses %s", server.Security, look.Speaks),
		"Correct the entry in domains.toml, or the port in the mail server:", modeLines(server)}
}

const loginBeforeTLS = "accepts passwords before TLS, so that a misconfigured client sends them in plain text"

// loginFaults compares login methods. Whether a client certificate is accepted cannot be seen without one.
func loginFaults(server settings.Server, look probe.Look) []fault {
	var all []fault
	offered := look.After
	if look.Speaks == settings.Plaintext || server.Security == settings.Plaintext {
		offered = look.Before
	} else if server.Security == settings.STARTTLS && slices.Contains(look.Before.Auths(), settings.Password) {
		all = append(all, fault{LoginMethods, Warning, loginBeforeTLS,
			"Configure the mail server to offer logins inside TLS only:", onlyTLSLines(server.Protocol)})
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
	offers := "none that clients know"
	if auths := offered.Auths(); len(auths) > 0 {
		var names []string
		for _, a := range auths {
			names = append(names, string(a))
		}
		offers = "only " + words(names)
	}
	methods := "login method"
	if len(missing) > 1 {
		methods += "s"
	}
	return append(all, fault{LoginMethods, Problem, fmt.Sprintf("should offer the %s %s but offers %s", methods, words(missing), offers),
		"Correct auth in domains.toml, or enable the login method in the mail server:", authLines(server.Protocol, look)})
}
