package doctor

import (
	"time"

	"mailhint/probe"
	"mailhint/settings"
)

// JudgeServer says what a look at the host of one mail server means, as Examine does for all servers of a domain. The monitor uses it.
// Incomplete means that something is unknown that may hide a problem.
func JudgeServer(host string, server settings.Server, h probe.Host, now time.Time) (findings []Finding, incomplete bool) {
	server.Host = settings.Pattern(host)
	o := &observations{now: now, hosts: map[string]probe.Host{host: h}, resolvedMail: true, lookedAtMail: true, local: localAddresses()}
	o.Settings = &settings.Settings{Servers: []settings.Server{server}}
	j := &judgement{observations: o, explained: make(map[string]bool)}
	j.judgeMail()
	return merge(j.findings), j.incomplete
}
