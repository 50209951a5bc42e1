package monitor

import (
	"cmp"
	"iter"
	"math/rand/v2"
	"slices"
	"time"

	"mailhint/settings"
)

// collect reads the servers that Use has set.
func (m *Monitor) collect() {
	m.mu.Lock()
	servers := m.set
	m.set = nil
	m.mu.Unlock()
	if servers == nil {
		return
	}
	hosts, more := distinct(servers)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.merge(hosts)
	if m.tooMany = more; more {
		m.log.Warn("too many mail servers; only some of them are probed", "hosts", maxHosts)
	}
}

// merge replaces the hosts. It keeps the results of those that have not changed, and schedules the first probe of the others.
func (m *Monitor) merge(hosts []*host) {
	before := m.hosts
	m.hosts, m.waiting = make(map[string]*host, len(hosts)), nil
	var fresh []*host
	for _, h := range hosts {
		if old := before[h.name]; old != nil && slices.EqualFunc(old.servers, h.servers, sameServer) {
			h = old
		} else {
			fresh = append(fresh, h)
		}
		m.hosts[h.name] = h
		if !h.busy {
			m.waiting = append(m.waiting, h)
		}
	}
	soon := min(m.every, firstPace*time.Duration(len(fresh)))
	now := time.Now()
	for _, h := range fresh {
		h.due = now.Add(rand.N(soon))
	}
	slices.SortFunc(m.waiting, byDue)
}

// distinct returns the hosts with the different servers of each, and whether there are more than maxHosts. It stops there, without going
// through a million more.
func distinct(servers iter.Seq2[string, settings.Server]) (hosts []*host, more bool) {
	byName := make(map[string]*host)
	for name, server := range servers {
		h := byName[name]
		if h == nil {
			if len(hosts) == maxHosts {
				more = true
				break
			}
			h = &host{name: name}
			byName[name] = h
			hosts = append(hosts, h)
		}
		if len(h.servers) < maxServers && !slices.ContainsFunc(h.servers, func(s settings.Server) bool { return sameServer(s, server) }) {
			h.servers = append(h.servers, server)
		}
	}
	for _, h := range hosts {
		slices.SortFunc(h.servers, compareServers) // so that the order of the entries does not matter
	}
	return hosts, more
}

// sameServer reports whether two servers of one host get the same verdict.
func sameServer(a, b settings.Server) bool { return compareServers(a, b) == 0 }

// compareServers compares what the verdict on servers of one host depends on.
func compareServers(a, b settings.Server) int {
	return cmp.Or(cmp.Compare(a.Port, b.Port), cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Security, b.Security), slices.Compare(a.Auth, b.Auth))
}
