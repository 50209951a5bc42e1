package domains

import (
	"iter"
	"strings"

	"mailhint/settings"
)

// Covers reports whether a host name may have a certificate: this server's own, and the names under which mail programs ask for a
// domain that is configured and enabled (autoconfig., autodiscover., ua-auto-config.), by its own entry, as an alias, in a list or
// below a wildcard. The name is in lower case and in A-labels, as certificates spell it; other spellings are not covered.
//
// The fallback does not count: anybody could point names here until the CA gives us no more certificates. Nor does a bare domain,
// whose web site is somebody else's. Below a wildcard there is no end of names: whoever orders certificates must limit how many.
func (s *Snapshot) Covers(host string) bool {
	if host != "" && host == s.Server.Name {
		return true
	}
	d := settings.ServedDomain(host)
	if d == "" || !strings.HasSuffix(host, "."+string(d)) { // or it is spelled otherwise than the domain
		return false
	}
	c, ok := s.names[d]
	if !ok {
		c, ok = s.wildcard(d)
	}
	return ok && !s.entries[c.entry].disabled
}

// Lists reports whether a host name is one that Covered yields: not one of the endless names below a wildcard.
func (s *Snapshot) Lists(host string) bool {
	_, listed := s.names[settings.ServedDomain(host)]
	return s.Covers(host) && (listed || host == s.Server.Name)
}

// Covered yields the names that Covers reports, except those below wildcards, of which there is no end.
func (s *Snapshot) Covered() iter.Seq[string] {
	return func(yield func(string) bool) {
		if s.Server.Name != "" && !yield(s.Server.Name) {
			return
		}
		for d, c := range s.names {
			if s.entries[c.entry].disabled {
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
