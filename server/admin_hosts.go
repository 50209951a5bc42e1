package server

import (
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
)

// adminHosts are the Host names at which the admin listener answers, so that no web page can read it in the browser of somebody who can
// reach it: its script would have to use a name that belongs to the page, and make DNS point that name here (DNS rebinding).
type adminHosts []string

func (s *Server) adminHosts() adminHosts {
	host, _, _ := net.SplitHostPort(s.config.Admin) // a bad address has been reported by Listen
	machine, _ := os.Hostname()                     // without a name there is one less
	own := adminHosts{s.config.Name, s.config.AdminName, host, machine}
	for i := range own {
		own[i] = strings.TrimSuffix(lower(own[i]), ".")
	}
	return own
}

// privateSuffixes are those of names that nobody can register: this machine, a private network, services of a Kubernetes cluster.
var privateSuffixes = []string{".localhost", ".internal", ".svc", ".cluster.local"}

// contain reports whether a Host header, with or without a port, is one at which to answer: an IP address, which probes of Kubernetes and
// load balancers use; a name of one label, such as localhost or that of a container; one that nobody can register; or a name of our own.
// A request without a Host does not come from a browser.
func (a adminHosts) contain(header string) bool {
	host := header
	if h, _, err := net.SplitHostPort(header); err == nil {
		host = h
	}
	host = strings.TrimSuffix(lower(host), ".")
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil || !strings.Contains(host, ".") {
		return true
	}
	private := func(suffix string) bool { return strings.HasSuffix(host, suffix) }
	return slices.Contains(a, host) || slices.ContainsFunc(privateSuffixes, private)
}

// onlyOwnHosts refuses requests for other names.
func (a adminHosts) onlyOwnHosts(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !a.contain(r.Host) {
			plain(w, http.StatusMisdirectedRequest, "This listener does not answer at this name. Use its IP address, localhost, a name without dots, "+
				"or the name in admin or name of [server].\n")
			return
		}
		next.ServeHTTP(w, r)
	})
}
