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

// judgeNames looks whether the names of the domain lead to the mailhint server.
func (j *judgement) judgeNames() {
	if j.server == "" && len(j.ours) == 0 {
		j.aside("whether the names lead to this server: set name in [server], or give --address")
	} else if errors.Is(j.oursErr, resolver.ErrNone) {
		j.add(NameMissing, Problem, j.server, "DNS has no address for this server's own name, to which other names lead",
			"Publish its addresses, or correct name in [server].")
	} else if len(j.ours) == 0 {
		j.notAnswered("the addresses of this server, "+j.server, j.oursErr)
	}
	if j.onlySRV() {
		return
	}
	for _, label := range ourLabels {
		host := label + string(j.Found.Domain)
		n := j.names[host]
		if n.err != nil && len(n.addresses) > 0 {
			j.notAnswered("some of the addresses of "+host, n.err)
			n.err = nil
		}
		switch {
		case j.absent(n.err, "the addresses of "+host):
			j.spoilt[host] = true
			if j.offered(label) && (label != "ua-auto-config." || len(j.digests()) > 0) && (n.canonical != j.server || j.oursErr == nil) {
				j.add(NameMissing, Problem, host, "DNS has no address for it"+dangling(host, n),
					"Publish it, at the name servers of the domain:", j.pasteName(host))
			}
		case n.err != nil:
			j.spoilt[host] = true
		case len(j.ours) > 0 && len(j.astray(host)) > 0:
			j.spoilt[host] = true
			if j.offered(label) {
				j.elsewhere(host, n)
			}
		}
	}
}

// astray are the addresses of a name at which neither this server is nor anybody who passes on its answers.
func (j *judgement) astray(host string) []netip.Addr {
	return slices.DeleteFunc(j.foreign(j.names[host]), func(a netip.Addr) bool { return slices.Contains(j.fronts[host], a) })
}

// offered reports whether there is anything to be asked at a name. That ua-auto-config is missing is no fault all the same if its
// digest is not published: few programs know PACC.
func (j *judgement) offered(label string) bool {
	switch label {
	case "autoconfig.":
		_, err := autoconfig.Answer(j.Found, settings.Address{}, false)
		return err == nil
	case "autodiscover.":
		_, err := autodiscover.Answer(j.Found, settings.Address{})
		return err == nil || j.AutodiscoverRedirect != ""
	}
	_, err := pacc.Answer(j.Found)
	return err == nil
}

// onlySRV reports, and says, that a domain leads to the server by an SRV record alone, as mailhint dns --srv-only has it.
func (j *judgement) onlySRV() bool {
	var missing []string
	for _, label := range ourLabels[:2] {
		host := label + string(j.Found.Domain)
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
	for _, label := range ourLabels {
		j.spoilt[label+string(j.Found.Domain)] = true
	}
	j.add(NameMissing, Warning, strings.Join(missing, ", "),
		"only the SRV record _autodiscover leads to this server, which Outlook finds and most programs do not",
		"Publish them too, at the name servers of the domain:", j.pasteName(missing[0]), j.pasteName(missing[1]))
	return true
}

// dangling says where an alias without addresses leads.
func dangling(host string, n name) string {
	if n.canonical == "" || n.canonical == host {
		return ""
	}
	return ": it is an alias of " + clip(n.canonical) + ", which has none"
}

func (j *judgement) elsewhere(host string, n name) {
	where := addressList(n.addresses)
	if n.canonical != "" && n.canonical != host {
		where = clip(n.canonical) + " (" + where + ")"
	}
	if j.wild.err == nil && slices.Equal(sorted(j.wild.addresses), sorted(n.addresses)) {
		j.add(WildcardHides, Problem, host,
			fmt.Sprintf("nobody made this name: the wildcard record *.%s answers for it and leads to %s", j.Found.Domain, where),
			"Publish it by its own name, which goes before the wildcard, at the name servers of the domain:", j.pasteName(host))
		return
	}
	text := fmt.Sprintf("it leads to %s and not to this server (%s)", where, addressList(j.ours))
	if astray := j.astray(host); len(astray) < len(n.addresses) {
		text = fmt.Sprintf("some of its addresses are not this server's: %s", addressList(astray))
	}
	j.add(NameElsewhere, Problem, host, text, "Replace its records, at the name servers of the domain, by:", j.pasteName(host))
}

// pasteName is how to publish a name.
func (j *judgement) pasteName(host string) string {
	records := slices.DeleteFunc(j.wantedAt(host),
		func(r dnsrecords.Record) bool { return r.Data.Type() == "SRV" || r.Data.Type() == "TXT" })
	if len(records) == 0 && j.server != "" {
		records = []dnsrecords.Record{{Name: host, Data: dnsrecords.Alias(j.server)}}
	}
	if len(records) == 0 {
		return host + ". 3600 IN CNAME setup.example.net. ; in place of setup.example.net: the name of the mailhint server"
	}
	return j.zoneLines(records)
}

func addressList(addresses []netip.Addr) string {
	const most = 4
	list := texts(addresses[:min(len(addresses), most)])
	if len(addresses) > most {
		list += " …"
	}
	return list
}

func sorted(addresses []netip.Addr) []netip.Addr {
	return slices.SortedFunc(slices.Values(addresses), netip.Addr.Compare)
}

// judgeCAA looks whether the authority may issue certificates for our names. What else it would find there is not asked: the records
// of a name that is not ours are somebody else's.
func (j *judgement) judgeCAA() {
	for _, label := range ourLabels {
		host := label + string(j.Found.Domain)
		c, n := j.caa[host], j.names[host]
		if j.spoilt[host] || len(n.addresses) == 0 {
			continue
		}
		if c.err != nil {
			j.notAnswered("the CAA records of "+c.owner, c.err)
			continue
		}
		if why := forbids(c.records, j.issuers); why != "" {
			owner, paste := c.owner, ""
			if owner == host && n.canonical != "" {
				owner = n.canonical // a record of the alias's target holds, and nothing can be published beside an alias
			}
			if len(j.issuers) > 0 {
				paste = fmt.Sprintf("%s. 3600 IN CAA 0 issue %q", owner, j.issuers[0])
			}
			j.add(CAAForbids, Problem, owner, why,
				"Allow the authority that this server's certificates come from, or remove the CAA records:", paste)
		}
	}
}

// forbids says why CAA records keep each of the authorities from issuing a certificate; "" if they do not (RFC 8659 section 4). An
// authority whose name is not known is only kept away by records that keep everybody away.
func forbids(records []resolver.CAA, issuers []string) string {
	var allowed []string
	restricted := false
	for _, r := range records {
		switch {
		case r.Tag == "issue":
			restricted = true
			issuer, _, _ := strings.Cut(r.Value, ";")
			if issuer = strings.ToLower(strings.TrimSpace(issuer)); issuer != "" {
				allowed = append(allowed, issuer)
			}
		case r.Critical && !slices.Contains([]string{"issuewild", "iodef", "issuemail"}, r.Tag):
			return fmt.Sprintf("the CAA record %q is marked critical, and authorities that do not know it must refuse", clip(r.Tag))
		}
	}
	switch {
	case !restricted:
		return ""
	case len(allowed) == 0:
		return "its CAA records allow no authority to issue certificates"
	case len(issuers) == 0 || slices.ContainsFunc(issuers, func(i string) bool { return slices.Contains(allowed, strings.ToLower(i)) }):
		return ""
	}
	return fmt.Sprintf("its CAA records allow %s only, and this server's certificates come from %s", clip(words(allowed)), words(issuers))
}
