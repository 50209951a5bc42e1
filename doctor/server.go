package doctor

import (
	"time"

	"mailhint/probe"
	"mailhint/settings"
)

// JudgeServer says what a look at the host of one mail server means, as Examine does for all servers of a domain. It is for those who
// look at servers without examining a domain. It reports incomplete if something that may hide a problem could not be found out.
func JudgeServer(host string, server settings.Server, h probe.Host, now time.Time) (findings []Finding, incomplete bool) {
	server.Host = settings.Pattern(host)
	s := &seen{now: now, hosts: map[string]probe.Host{host: h}, addressed: true, looked: true, here: localAddresses()}
	s.Settings = &settings.Settings{Servers: []settings.Server{server}}
	j := &judgement{seen: s, spoilt: make(map[string]bool)}
	j.judgeMail()
	return merge(j.findings), j.incomplete
}
