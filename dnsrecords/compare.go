package dnsrecords

import (
	"slices"
	"strings"
)

// Difference is a record that a domain should publish and does not, or a published one that contradicts those that it should publish.
type Difference struct {
	Record
	// Extra is true for a record that is published and should be removed.
	Extra bool
	// Wildcard is true for an extra record that is not published under its own name: a wildcard record answers for it, and nothing needs
	// to be removed. Differences finds this out; Compare cannot.
	Wildcard bool
}

// Compare returns how the published records of a domain differ from the wanted ones: first those that are missing, in the order of want,
// then those to remove. It only considers records with the name and type of a wanted one, and aliases where addresses are wanted or the
// other way round.
//
// It compares what records mean to clients and not how they are written. The time to live, the weights of SRV records, and the gaps between
// their priorities do not matter, but their order does, see Misorders. An SRV record with the target "." says that a service is not
// offered, whatever else is in it.
func Compare(want, published []Record) []Difference {
	misordered := make(map[string]bool) // groups in which all priorities must be as wanted
	for _, m := range misorders(want, published, true) {
		misordered[groupOf(m.First.Name)] = true
	}
	// serves reports whether a published record does what the wanted one should.
	serves := func(i int, p Record) bool {
		w, isService := want[i].Data.(Service)
		return equivalent(want[i], p) && (!isService || !misordered[groupOf(p.Name)] || w.Target == "" || w.Priority == p.Data.(Service).Priority)
	}
	var all []Difference
	for i, w := range want {
		if !slices.ContainsFunc(published, func(p Record) bool { return serves(i, p) }) {
			all = append(all, Difference{Record: w})
		}
	}
	for _, p := range published {
		contradicts, needed := false, false
		for i, w := range want {
			contradicts = contradicts || sameName(w, p) && sameKind(w.Data, p.Data)
			needed = needed || serves(i, p)
			if isDigest(w) && sameName(w, p) && slices.ContainsFunc(published, func(p Record) bool { return equivalent(w, p) }) {
				needed = true // clients accept any of several digests, and the old one stays for a day
			}
		}
		if contradicts && !needed {
			all = append(all, Difference{Record: p, Extra: true})
		}
	}
	return all
}

// Misorder is a pair of wanted SRV records that are published with priorities which make clients try the second one first, or either.
type Misorder struct {
	First, Second   Record // as wanted
	FirstPublished  uint16 // their published priorities
	SecondPublished uint16
}

// Misorders returns the SRV records whose published priorities have another order than the wanted ones, each with the next better one.
// Only the order counts, and only among records that clients choose from: those of one name, and those for receiving or for sending mail
// (RFC 6186 section 3.4).
func Misorders(want, published []Record) []Misorder { return misorders(want, published, false) }

// misorders is Misorders. With all, it counts a wanted record that is not published as if it were: so it will be, once the differences have
// been published.
func misorders(want, published []Record, all bool) (found []Misorder) {
	for _, members := range serviceGroups(want) {
		var first *placed
		for _, w := range members {
			second := placed{w, w.Data.(Service).Priority}
			if i := slices.IndexFunc(published, func(p Record) bool { return equivalent(w, p) }); i >= 0 {
				second.priority = published[i].Data.(Service).Priority
			} else if !all {
				continue
			}
			if first != nil && first.priority >= second.priority && first.Data.(Service).Priority < w.Data.(Service).Priority {
				found = append(found, Misorder{first.Record, w, first.priority, second.priority})
			}
			first = &second
		}
	}
	return found
}

// placed is a wanted record and its published priority.
type placed struct {
	Record
	priority uint16
}

// serviceGroups returns the wanted SRV records of services that are offered, grouped by what clients choose from, the best of each first.
func serviceGroups(want []Record) (groups [][]Record) {
	for _, w := range want {
		if service, ok := w.Data.(Service); !ok || service.Target == "" {
			continue
		}
		i := slices.IndexFunc(groups, func(group []Record) bool { return groupOf(group[0].Name) == groupOf(w.Name) })
		if i < 0 {
			i, groups = len(groups), append(groups, nil)
		}
		groups[i] = append(groups[i], w)
	}
	for _, group := range groups {
		slices.SortStableFunc(group, func(a, b Record) int { return int(a.Data.(Service).Priority) - int(b.Data.(Service).Priority) })
	}
	return groups
}

// groupOf returns what the SRV records have in common that clients choose from by their priorities.
func groupOf(name string) string {
	label, rest, _ := strings.Cut(strings.ToLower(name), ".")
	switch label {
	case "_imaps", "_imap", "_pop3s", "_pop3":
		label = "incoming"
	case "_submissions", "_submission":
		label = "outgoing"
	}
	return label + "." + rest
}

// equivalent reports whether a published record means the same as a wanted one, apart from the priority of an SRV record.
func equivalent(w, p Record) bool {
	if !sameName(w, p) || w.Data.Type() != p.Data.Type() {
		return false
	}
	switch wanted := w.Data.(type) {
	case Text:
		return normalText(w.Name, wanted) == normalText(p.Name, p.Data.(Text))
	case Service:
		other := p.Data.(Service)
		if wanted.Target == "" {
			return other.Target == "" // RFC 2782: with this target the service is "decidedly not available"
		}
		return wanted.Port == other.Port && (strings.EqualFold(wanted.Target, other.Target) || isAutodiscover(w.Name, other.Target))
	}
	return strings.EqualFold(w.Data.String(), p.Data.String())
}

// isAutodiscover reports whether a target of the SRV record _autodiscover is the domain's own name for the same service. It is wanted to be an
// alias of the server or to have its addresses, and Outlook and Thunderbird follow either.
func isAutodiscover(name, target string) bool {
	domain, ok := strings.CutPrefix(strings.ToLower(name), labelAutodiscover+".")
	return ok && strings.EqualFold(target, "autodiscover."+domain)
}

func isDigest(r Record) bool {
	_, ok := r.Data.(Text)
	return ok && strings.HasPrefix(strings.ToLower(r.Name), labelPACC+".")
}

// normalText returns a text without what clients ignore: white space around the tags of a PACC record, their values and its semicolons, and
// the order of the tags (draft-ietf-mailmaint-pacc-03 section 5.2.2.2); white space around "path=", whose letter case does not matter (RFC
// 6763 section 6.4, RFC 6764 section 4).
func normalText(name string, text Text) string {
	const space = " \t"
	if !isDigest(Record{Name: name, Data: text}) {
		key, value, ok := strings.Cut(strings.Trim(string(text), space), "=")
		if !ok {
			return string(text)
		}
		return strings.ToLower(strings.TrimRight(key, space)) + "=" + strings.TrimLeft(value, space)
	}
	var tags []string
	for _, tag := range strings.Split(string(text), ";") {
		key, value, ok := strings.Cut(tag, "=")
		if tag = strings.Trim(tag, space); ok {
			tag = strings.Trim(key, space) + "=" + strings.Trim(value, space)
		}
		if tag != "" {
			tags = append(tags, tag)
		}
	}
	slices.Sort(tags)
	return strings.Join(tags, ";")
}

func sameName(a, b Record) bool { return strings.EqualFold(a.Name, b.Name) }

// sameKind reports whether two contents exclude or complete each other: there can be no other records beside an alias (RFC 1034 section
// 3.6.2), and clients use addresses of both families together.
func sameKind(a, b Data) bool { return kindOf(a) == kindOf(b) }

func kindOf(d Data) string {
	switch d.(type) {
	case Address, Alias:
		return "host"
	}
	return d.Type()
}
