package domains

import (
	"iter"
	"slices"
	"strings"

	"mailhint/settings"
)

// Advertised yields every server that any client gets, with its host name, always in the same order. A server that several
// entries name is yielded several times. Hosts made of the domain come last, once for each name; for the names below a wildcard and
// those of the fallback, which are not known, they are left out.
func (x *index) Advertised() iter.Seq2[string, settings.Server] {
	return func(yield func(string, settings.Server) bool) {
		used := x.usedEntries()
		made := make(map[uint32][]settings.Server) // by entry: those whose host is made of the domain
		for number := range x.entries {
			if !used[number] {
				continue // every name of the list is an exception, or it has none
			}
			for _, server := range x.entries[number].servers() {
				if strings.Contains(string(server.Host), "%") {
					made[uint32(number)] = append(made[uint32(number)], server)
				} else if !yield(string(server.Host), server) {
					return
				}
			}
		}
		if x.fallback != nil {
			for _, server := range x.fallback.servers() {
				if !strings.Contains(string(server.Host), "%") && !yield(string(server.Host), server) {
					return
				}
			}
		}
		names, more := x.recordedServers(yield)
		if more && x.yieldMade(made, yield) && names {
			x.yieldMadeRecorded(yield)
		}
	}
}

// recordedServers yields the servers of tables that are kept in a database, except those whose hosts are made of the domain, and reports
// whether there are such, and whether to go on.
func (x *index) recordedServers(yield func(string, settings.Server) bool) (made, more bool) {
	if x.records == nil {
		return false, true
	}
	seen := make(map[*Resolved]bool) // those that many names share
	for _, r := range x.records.All() {
		if r.primary == "" {
			if seen[r] {
				continue
			}
			seen[r] = true
		}
		for _, server := range r.servers() {
			if strings.Contains(string(server.Host), "%") {
				made = true
			} else if !yield(string(server.Host), server) {
				return made, false
			}
		}
	}
	return made, true
}

// yieldMadeRecorded yields servers whose hosts are made of the domain, for each name that is kept in a database.
func (x *index) yieldMadeRecorded(yield func(string, settings.Server) bool) {
	for name, r := range x.records.All() {
		if strings.HasPrefix(name, "*.") {
			continue
		}
		primary := settings.Domain(name)
		for _, server := range r.servers() {
			if !strings.Contains(string(server.Host), "%") {
				continue
			}
			for _, d := range append([]settings.Domain{primary}, r.aliases...) {
				if !yieldHost(server, d, primary, yield) {
					return
				}
			}
		}
	}
}

// yieldHost yields a server whose host is made of the domain. A name that is too long is left out: Lookup does not answer for it either.
func yieldHost(server settings.Server, d, primary settings.Domain, yield func(string, settings.Server) bool) bool {
	host := server.Host.Expand(string(d), string(primary))
	if _, err := settings.ParseDomain(host); err != nil {
		return true
	}
	return yield(host, server)
}

// usedEntries reports by number which entries answer for a name.
func (x *index) usedEntries() []bool {
	used := make([]bool, len(x.entries))
	for _, names := range []map[settings.Domain]claim{x.names, x.wildcards} {
		for _, c := range names {
			used[c.entry] = true
		}
	}
	return used
}

// servers returns the servers of all settings of an entry.
func (e *entry) servers() []settings.Server {
	var servers []settings.Server
	e.all(func(s *settings.Settings) bool {
		servers = append(servers, s.Servers...)
		return true
	})
	return servers
}

// yieldMade yields servers whose hosts are made of the domain, for each name of their entries, and reports whether to go on.
func (x *index) yieldMade(made map[uint32][]settings.Server, yield func(string, settings.Server) bool) bool {
	if len(made) == 0 {
		return true
	}
	var names []settings.Domain
	for d, c := range x.names {
		if made[c.entry] != nil {
			names = append(names, d)
		}
	}
	slices.Sort(names)
	for _, d := range names {
		number := x.names[d].entry
		primary := x.entries[number].primary
		if primary == "" {
			primary = d
		}
		for _, server := range made[number] {
			if !yieldHost(server, d, primary, yield) {
				return false
			}
		}
	}
	return true
}
