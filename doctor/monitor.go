package doctor

import (
	"time"

	"mailhint/monitor"
	"mailhint/probe"
	"mailhint/settings"
)

// monitorStates are the states that codes stand for, the worst first.
var monitorStates = []struct {
	code  Code
	state monitor.State
}{
	{NameMissing, monitor.NoAddress},
	{PortClosed, monitor.Closed},
	{WrongTLSMode, monitor.WrongTLS},
	{NoSTARTTLS, monitor.WrongTLS},
	{Certificate, monitor.Certificate},
	{IPv6Unreachable, monitor.IPv6Unreachable},
	{LoginMethods, monitor.NoLogin},
}

// MonitorVerdict is a monitor.Judge which finds the same faults as Examine.
func MonitorVerdict(host string, server settings.Server, seen probe.Host) monitor.Verdict {
	findings, incomplete := judgeServer(host, server, seen, time.Now())
	for _, s := range monitorStates {
		for _, f := range findings {
			if f.Code == s.code && f.Severity == Problem {
				return monitor.Verdict{State: s.state, Text: f.Text}
			}
		}
	}
	switch {
	case incomplete:
		return monitor.Verdict{State: monitor.Unknown, Text: notProbed(seen)}
	case len(findings) > 0:
		return monitor.Verdict{State: monitor.Warning, Text: findings[0].Text}
	}
	return monitor.Verdict{State: monitor.Good}
}

// notProbed says that a host was not probed because its address is private; "" if that is not so.
func notProbed(seen probe.Host) string {
	for _, look := range seen.Looks {
		if look.State == probe.Forbidden {
			return look.Address.String() + " is a private address; add its network to probe_private to probe it"
		}
	}
	return ""
}

// judgeServer says what a look at the host of one mail server means, as Examine does for all servers of a domain. Incomplete means that
// something is unknown that may hide a problem.
func judgeServer(host string, server settings.Server, h probe.Host, now time.Time) (findings []Finding, incomplete bool) {
	server.Host = settings.Pattern(host)
	o := &observations{now: now, hosts: map[string]probe.Host{host: h}, resolvedMail: true, lookedAtMail: true, local: localAddresses()}
	o.Settings = &settings.Settings{Servers: []settings.Server{server}}
	j := &judgement{observations: o, explained: make(map[string]bool)}
	j.judgeMail()
	return merge(j.findings), j.incomplete
}
