package doctor

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"mailhint/autoconfig"
	"mailhint/autodiscover"
	"mailhint/dnsrecords"
	"mailhint/pacc"
	"mailhint/resolver"
	"mailhint/settings"
)

// judgeNames checks that the names of the domain point to the mailhint server.
func (j *judgement) judgeNames() {
	j.judgeOwnName()
	if j.onlySRV() {
		return
	}
	for _, prefix := range settings.ServicePrefixes() {
		host := prefix + string(j.Found.Domain)
		n := j.names[host]
		if n.err != nil && len(n.addresses) > 0 {
			j.dnsFailed("some of the addresses of "+host, n.err)
			n.err = nil
		}
		switch {
		case j.absent(n.err, "the addresses of "+host):
			j.explained[host] = true
			if j.isNeeded(prefix) && (n.canonical != j.server || j.oursErr == nil) {
				j.add(newFinding(NameMissing, Problem, host, noAddress+dangling(host, n), publishFix, j.nameRecords(host)))
			}
		case n.err != nil:
			j.explained[host] = true
		case len(j.ours) > 0 && len(j.foreignAddresses(host)) > 0:
			j.explained[host] = true
			if j.isOffered(prefix) {
				j.add(j.nameElsewhere(host, n))
			}
		}
	}
}

// judgeOwnName checks that the mailhint server's own name is known and has addresses.
func (j *judgement) judgeOwnName() {
	switch {
	case j.server == "" && len(j.ours) == 0:
		j.note("whether the names point to this server: set name in [server], or use --address")
	case errors.Is(j.oursErr, resolver.ErrNone):
		j.add(newFinding(NameMissing, Problem, j.server, "this server's own name, which the other names point to, has no address in DNS",
			"Publish its addresses, or correct name in [server]."))
	case len(j.ours) == 0:
		j.dnsFailed("the addresses of this server, "+j.server, j.oursErr)
	}
}

// foreignAddresses are the addresses of a name where neither this server answers nor a proxy that passes on its answers.
func (o *observations) foreignAddresses(host string) []netip.Addr {
	return slices.DeleteFunc(o.foreign(o.names[host]), func(a netip.Addr) bool { return slices.Contains(o.proxies[host], a) })
}

// isOffered reports whether this server has anything to answer at a name.
func (o *observations) isOffered(prefix string) bool {
	switch prefix {
	case settings.AutoconfigPrefix:
		_, err := autoconfig.Answer(o.Found, settings.Address{}, false)
		return err == nil
	case settings.AutodiscoverPrefix:
		_, err := autodiscover.Answer(o.Found, settings.Address{})
		return err == nil || o.AutodiscoverRedirect != ""
	}
	_, err := pacc.Answer(o.Found)
	return err == nil
}

// isNeeded reports whether a name should exist. Few clients know PACC, so its name is needed only if the digest is published.
func (o *observations) isNeeded(prefix string) bool {
	return o.isOffered(prefix) && (prefix != settings.PACCPrefix || len(o.digests()) > 0)
}

// onlySRV reports whether a domain points to the server with an SRV record alone, as mailhint dns --srv-only prints it, and adds a
// finding if so.
func (j *judgement) onlySRV() bool {
	var missing []string
	for _, host := range []string{autoconfig.Host(j.Found.Domain), autodiscover.Host(j.Found.Domain)} {
		if !errors.Is(j.names[host].err, resolver.ErrNone) {
			return false
		}
		missing = append(missing, host)
	}
	if j.server == "" || len(j.ours) == 0 || !slices.ContainsFunc(j.published, func(r dnsrecords.Record) bool {
		service, ok := r.Data.(dnsrecords.Service)
		return ok && strings.HasPrefix(r.Name, "_autodiscover.") && service.Target == j.server && service.Port == 443
	}) {
		return false
	}
	for _, prefix := range settings.ServicePrefixes() {
		j.explained[prefix+string(j.Found.Domain)] = true
	}
	j.add(newFinding(NameMissing, Warning, strings.Join(missing, ", "),
		"only the SRV record _autodiscover points to this server; Outlook follows it, most clients do not",
		"Publish these names too, at the domain's name servers:", j.nameRecords(missing[0]), j.nameRecords(missing[1])))
	return true
}

// dangling says where an alias without addresses points.
func dangling(host string, n name) string {
	if n.canonical == "" || n.canonical == host {
		return ""
	}
	return ": it is an alias of " + clip(n.canonical) + ", which has none"
}

// nameElsewhere is about a name that points to another server, itself or through a wildcard.
func (o *observations) nameElsewhere(host string, n name) Finding {
	where := addressList(n.addresses)
	if n.canonical != "" && n.canonical != host {
		where = clip(n.canonical) + " (" + where + ")"
	}
	if o.unused.err == nil && slices.Equal(sorted(o.unused.addresses), sorted(n.addresses)) {
		return newFinding(WildcardAnswers, Problem, host,
			fmt.Sprintf("does not exist; the wildcard record *.%s answers for it and points to %s", o.Found.Domain, where),
			"Publish the name itself, which takes precedence over the wildcard, at the domain's name servers:", o.nameRecords(host))
	}
	text := fmt.Sprintf("points to %s instead of this server (%s)", where, addressList(o.ours))
	if foreign := o.foreignAddresses(host); len(foreign) < len(n.addresses) {
		text = fmt.Sprintf("some of its addresses are not this server's: %s", addressList(foreign))
	}
	return newFinding(NameElsewhere, Problem, host, text, "Replace its records at the domain's name servers with:", o.nameRecords(host))
}

// nameRecords are the lines of a zone file that publish a name.
func (o *observations) nameRecords(host string) string {
	records := slices.DeleteFunc(o.wantedAt(host),
		func(r dnsrecords.Record) bool { return r.Data.Type() == "SRV" || r.Data.Type() == "TXT" })
	if len(records) == 0 && o.server != "" {
		records = []dnsrecords.Record{{Name: host, Data: dnsrecords.Alias(o.server)}}
	}
	if len(records) == 0 {
		return host + ". 3600 IN CNAME setup.example.net. ; write the mailhint server's name instead of setup.example.net"
	}
	return zoneLines(records...)
}

func addressList(addresses []netip.Addr) string {
	const limit = 4
	list := texts(addresses[:min(len(addresses), limit)])
	if len(addresses) > limit {
		list += " …"
	}
	return list
}

func sorted(addresses []netip.Addr) []netip.Addr {
	return slices.SortedFunc(slices.Values(addresses), netip.Addr.Compare)
}
