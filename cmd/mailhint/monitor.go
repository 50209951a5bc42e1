package main

import (
	"net/netip"
	"time"

	"mailhint/doctor"
	"mailhint/monitor"
	"mailhint/probe"
	"mailhint/resolver"
	"mailhint/settings"
)

// monitorStates are the states that doctor's codes stand for, the worst first.
var monitorStates = []struct {
	code  doctor.Code
	state monitor.State
}{
	{doctor.NameMissing, monitor.NoAddress},
	{doctor.PortClosed, monitor.Closed},
	{doctor.WrongTLSMode, monitor.WrongTLS},
	{doctor.NoSTARTTLS, monitor.WrongTLS},
	{doctor.Certificate, monitor.Certificate},
	{doctor.IPv6Unreachable, monitor.IPv6Unreachable},
	{doctor.LoginMethods, monitor.NoLogin},
}

// systemProber looks at servers as mail clients on this machine would reach them.
func systemProber(private []netip.Prefix) monitor.Prober {
	return &probe.Prober{Resolver: resolver.SystemNow{}, Private: private, Greeting: manyGreeting}
}

// manyGreeting is how long a server may take to greet where many servers are looked at. That is less than mail clients wait, because a
// server that never greets should not hold up the others.
const manyGreeting = 20 * time.Second

// judgeServer judges what was seen of a server as doctor does.
func judgeServer(host string, server settings.Server, seen probe.Host) monitor.Verdict {
	findings, incomplete := doctor.JudgeServer(host, server, seen, time.Now())
	for _, s := range monitorStates {
		for _, f := range findings {
			if f.Code == s.code && f.Severity == doctor.Problem {
				return monitor.Verdict{State: s.state, Text: f.Text}
			}
		}
	}
	switch {
	case incomplete:
		return monitor.Verdict{State: monitor.Unknown, Text: private(seen)}
	case len(findings) > 0:
		return monitor.Verdict{State: monitor.Warning, Text: findings[0].Text}
	}
	return monitor.Verdict{State: monitor.Good}
}

// private returns that a host was not probed because its address is private, if that is so.
func private(seen probe.Host) string {
	for _, look := range seen.Looks {
		if look.State == probe.Forbidden {
			return look.Address.String() + " is a private address; add its network to probe_private to probe it"
		}
	}
	return ""
}
