package domains

import (
	"iter"
	"slices"
	"strings"

	"mailhint/settings"
)

// Covers reports whether a host name may have a certificate: this server's own and its admin_name, and the service hosts (autoconfig., autodiscover.,
// ua-auto-config.) of a domain that is configured and enabled, by its own entry, as an alias, in a list or below a wildcard. The name
// must be in lower case and in A-labels, as in certificates; otherwise it is not covered.
//
// The fallback does not count: anyone could point names here until the CA refuses more certificates. Nor does a bare domain, whose web
// site is elsewhere. The names below a wildcard are unlimited: the caller must limit how many certificates it orders for them.
//
// A wildcard such as "*.example.com" is covered if example.com is a zone of [dns] that asks for it, and it would serve a covered name.
func (s *Snapshot) Covers(host string) bool {
	if zone, isWildcard := strings.CutPrefix(host, "*."); isWildcard {
		return s.coversWildcard(zone)
	}
	if s.isServers(host) {
		return true
	}
	d := settings.DomainOfServiceHost(host)
	if d == "" || !strings.HasSuffix(host, "."+string(d)) { // or it is not in the domain's spelling
		return false
	}
	if named, enabled := s.has(d); named {
		return enabled
	}
	e := s.wildcard(d)
	return e != nil && !e.disabled
}

// isServers reports whether a host name is one of this server itself.
func (s *Snapshot) isServers(host string) bool {
	return host != "" && (host == s.Server.Name || host == s.Server.AdminName)
}

// coversWildcard is Covers for "*." and a zone.
func (s *Snapshot) coversWildcard(zone string) bool {
	if z, ok := s.DNS.named(settings.Domain(zone)); !ok || !z.Wildcard {
		return false
	}
	_, parent, _ := strings.Cut(s.Server.Name, ".")
	_, above, _ := strings.Cut(s.Server.AdminName, ".")
	return parent == zone || above == zone || slices.ContainsFunc(settings.ServiceHosts(settings.Domain(zone)), s.Covers)
}

// CertificateFor returns the name of the certificate that serves a covered host name: the wildcard of the zone directly above it, if that asks
// for one, else the name itself.
func (s *Snapshot) CertificateFor(host string) string {
	_, zone, _ := strings.Cut(host, ".")
	if z, ok := s.DNS.named(settings.Domain(zone)); ok && z.Wildcard {
		return "*." + zone
	}
	return host
}

// Lists reports whether a host name is one that Covered yields: not one of the unlimited names below a wildcard.
func (s *Snapshot) Lists(host string) bool {
	if strings.HasPrefix(host, "*.") {
		return s.Covers(host)
	}
	listed, _ := s.has(settings.DomainOfServiceHost(host))
	return s.Covers(host) && (listed || s.isServers(host))
}

// Covered yields the names that Covers reports, except those below wildcards, which are unlimited.
func (s *Snapshot) Covered() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, own := range []string{s.Server.Name, s.Server.AdminName} {
			if own != "" && !yield(own) {
				return
			}
		}
		for d, enabled := range s.allNames() {
			if !enabled {
				continue
			}
			for _, host := range settings.ServiceHosts(d) {
				if s.Covers(host) && !yield(host) {
					return
				}
			}
		}
	}
}
