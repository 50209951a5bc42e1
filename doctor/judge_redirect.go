package doctor

import (
	"net/url"
	"slices"
	"strings"

	"mailhint/choices"
	"mailhint/pacc"
)

// judgeLoops looks for pages that redirect to themselves, with one finding for all of them. A server that redirects https to https has been told
// by a proxy that the request came over plain http: PACC, which is not answered over http, is then missing for the same reason.
func (j *judgement) judgeLoops() {
	var hosts, paths []string
	for _, p := range []choices.Place{choices.ConfigHost, choices.ConfigNoAddress, choices.ConfigEvolution, choices.POXHost, choices.POXSRV, choices.PACCHost, choices.ProfileHost} {
		host, got := j.hostOf(p), j.web[p]
		if j.explained[host] || !got.isLoop() {
			continue
		}
		if p != choices.ProfileHost { // its name has other answers, too
			j.explained[host] = true
		}
		if !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
		if path := pathOf(got.URL); !slices.Contains(paths, path) {
			paths = append(paths, path)
		}
	}
	if len(hosts) == 0 {
		return
	}
	if !j.isOurs(j.web[choices.PACCHost]) {
		j.explained[pacc.Host(j.Found.Domain)] = true
	}
	j.add(newFinding(ForeignAnswer, Problem, strings.Join(hosts, ", "),
		"redirects https requests for "+words(paths)+" to the same address endlessly, because a proxy reports that they came over plain http",
		"Configure the proxy that does TLS to send X-Forwarded-Proto: https, those behind it to pass this header on unchanged, "+
			"and list the last one in trusted_proxies in [server]. For nginx:",
		"proxy_set_header X-Forwarded-Proto $scheme;                    # where clients connect\n"+
			"proxy_set_header X-Forwarded-Proto $http_x_forwarded_proto;    # behind another proxy or a load balancer"))
}

// isLoop reports whether a page is a redirect to itself, whatever the query.
func (p page) isLoop() bool {
	if !isRedirect(p.Status) {
		return false
	}
	from, err := url.Parse(p.URL)
	if err != nil {
		return false
	}
	to, err := from.Parse(p.Location)
	return err == nil && to.Scheme == from.Scheme && to.Host == from.Host && to.Path == from.Path
}
