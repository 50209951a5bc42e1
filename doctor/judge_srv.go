package doctor

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"mailhint/autodiscover"
	"mailhint/choices"
	"mailhint/dnsrecords"
	"mailhint/pacc"
	"mailhint/settings"
)

// judgeSRV compares the SRV records, and the TXT records beside them, with those that the settings call for.
//
// A domain does not need them, since most clients ask elsewhere. So only records that are wrong are problems. A missing one is a
// warning if there are others, because clients that read any rely on all of them.
func (j *judgement) judgeSRV() {
	for _, owner := range slices.Sorted(maps.Keys(j.unanswered)) {
		j.dnsFailed(owner, j.unanswered[owner])
	}
	want := slices.DeleteFunc(slices.Clone(j.want), func(r dnsrecords.Record) bool {
		return r.Data.Type() != "SRV" && (r.Data.Type() != "TXT" || strings.HasPrefix(r.Name, "_ua-auto-config."))
	})
	j.judgeAutodiscoverSRV()
	anyMail := slices.ContainsFunc(j.published, isMailSRV)
	wrong := make(map[string]int) // records, by name
	for _, d := range dnsrecords.Compare(want, j.published) {
		switch {
		case strings.HasPrefix(d.Name, "_autodiscover.") || j.unanswered[d.Name] != nil: // judged above
		case d.Extra:
			if wrong[d.Name]++; wrong[d.Name] <= maxWrong {
				j.add(j.wrongRecord(d.Record)...)
			}
		case isMailSRV(d.Record) && anyMail && d.Data != (dnsrecords.Service{}) && !j.publishes(d.Name, "SRV"):
			j.add(newFinding(WrongSRV, Warning, d.Name, "missing, although other SRV records for mail exist", publishFix, zoneLines(d.Record)))
		}
	}
	for _, owner := range slices.Sorted(maps.Keys(wrong)) {
		if more := wrong[owner] - maxWrong; more > 0 {
			j.add(newFinding(WrongSRV, Problem, owner, fmt.Sprintf("has %d more records that contradict the settings", more),
				"Remove them at the domain's name servers; mailhint dns --diff lists them."))
		}
	}
	j.add(j.wrongPriorities()...)
	j.judgeTargets()
}

// maxWrong is how many wrong records of a name are reported one by one. A zone may have thousands.
const maxWrong = 4

// wrongPriorities compares the order of the priorities. If those of submission are the same, FairEmail takes STARTTLS.
func (o *observations) wrongPriorities() (findings []Finding) {
	for _, m := range dnsrecords.Misorders(o.want, o.published) {
		findings = append(findings, newFinding(WrongSRV, Warning, m.Second.Name,
			fmt.Sprintf("its priority (%d) must be greater than that of %s (%d), which clients should try first", m.SecondPublished, m.First.Name, m.FirstPublished),
			replaceFix, zoneLines(m.Second)))
	}
	return findings
}

// isMailSRV reports whether a record is for a mail server.
func isMailSRV(r dnsrecords.Record) bool {
	return r.Data.Type() == "SRV" && slices.ContainsFunc([]string{"_imap", "_pop3", "_submission"},
		func(start string) bool { return strings.HasPrefix(r.Name, start) })
}

// publishes reports whether a name has any record of a type.
func (o *observations) publishes(owner, kind string) bool {
	return slices.ContainsFunc(o.published, func(r dnsrecords.Record) bool { return r.Name == owner && r.Data.Type() == kind })
}

// wrongRecord judges a record that is not wanted. Another order of the wanted servers is fine.
func (o *observations) wrongRecord(r dnsrecords.Record) []Finding {
	var wanted []dnsrecords.Record
	for _, w := range o.wantedAt(r.Name) {
		if w.Data.Type() == r.Data.Type() {
			wanted = append(wanted, w)
		}
	}
	service, isService := r.Data.(dnsrecords.Service)
	if isService && slices.ContainsFunc(wanted, func(w dnsrecords.Record) bool {
		other := w.Data.(dnsrecords.Service)
		return other.Port == service.Port && other.Target == service.Target
	}) {
		return nil
	}
	text := fmt.Sprintf("says %s; according to the settings it should be %s", clip(r.Data.String()), clip(dataList(wanted)))
	switch {
	case isService && service.Target == "":
		text = "says that the service is not offered; according to the settings it should be " + clip(dataList(wanted))
	case len(wanted) == 1 && wanted[0].Data == dnsrecords.Service{}:
		text = fmt.Sprintf("says %s; according to the settings there is no such service", clip(r.Data.String()))
	}
	return []Finding{newFinding(WrongSRV, Problem, r.Name, text, replaceFix, zoneLines(wanted...))}
}

func dataList(records []dnsrecords.Record) string {
	var all []string
	for _, r := range records {
		all = append(all, r.Data.String())
	}
	return words(all)
}

// judgeAutodiscoverSRV checks that there is at most one record: of several, Thunderbird takes the one with the lowest weight and Outlook
// the one with the lowest priority. It may name the server, or the domain's own autodiscover name.
func (j *judgement) judgeAutodiscoverSRV() {
	owner := autodiscover.SRVName(j.Found.Domain)
	paste := zoneLines(slices.DeleteFunc(j.wantedAt(owner), func(r dnsrecords.Record) bool { return r.Data.Type() != "SRV" })...)
	if paste == "" {
		paste = zoneLines(dnsrecords.Record{Name: owner,
			Data: dnsrecords.Service{Port: 443, Target: autodiscover.Host(j.Found.Domain)}})
	}
	count := 0
	for _, r := range j.published {
		service, ok := r.Data.(dnsrecords.Service)
		if !ok || r.Name != owner {
			continue
		}
		count++
		if fault := j.autodiscoverFault(owner, service); fault != "" && count <= maxWrong {
			j.add(newFinding(WrongSRV, Problem, owner, fault, replaceFix, paste))
		}
	}
	if count > 1 {
		j.add(newFinding(WrongSRV, Problem, owner, fmt.Sprintf("there are %d records, and clients differ in which one they use", count),
			"Keep only this one at the domain's name servers:", paste))
	}
}

// autodiscoverFault says what is wrong with an SRV record _autodiscover; "" if nothing.
func (j *judgement) autodiscoverFault(owner string, service dnsrecords.Service) string {
	switch {
	case service.Target == "":
		return "says that Autodiscover is not offered, but it is"
	case !j.isOurName(service.Target) && j.server == "":
		j.note("whether %s points to this server: set name in [server]", owner)
	case !j.isOurName(service.Target) && (service.Target != j.srvTarget || !j.isOurs(j.web[choices.POXSRV])):
		return fmt.Sprintf("says %s, which is not this server", clip(service.String()))
	case service.Port != 443:
		return fmt.Sprintf("its port is %d, but Thunderbird always uses 443", service.Port)
	}
	return ""
}

// judgeTargets looks for targets that are aliases, which RFC 2782 forbids and some clients do not follow.
func (j *judgement) judgeTargets() {
	for _, r := range j.published {
		service, ok := r.Data.(dnsrecords.Service)
		if !ok || service.Target == "" || j.aliases[service.Target] == "" {
			continue
		}
		if strings.HasPrefix(r.Name, "_autodiscover.") && (j.explained[service.Target] || strings.HasPrefix(service.Target, settings.AutodiscoverPrefix)) {
			continue // already reported, or an alias of this server, as the README recommends: Outlook and Thunderbird follow it
		}
		if !slices.ContainsFunc(j.want, func(w dnsrecords.Record) bool { return w.Data == r.Data && w.Name == r.Name }) && j.hasProblem(WrongSRV) {
			continue // to be replaced anyway
		}
		j.add(newFinding(WrongSRV, Warning, r.Name,
			fmt.Sprintf("its target %s is an alias of %s; the target of an SRV record must not be an alias",
				clip(service.Target), clip(j.aliases[service.Target])),
			fmt.Sprintf("Replace the alias %s with address records.", clip(service.Target))))
	}
}

// digests are the TXT records with digests of the PACC document.
func (o *observations) digests() []string {
	var all []string
	for _, r := range o.published {
		if text, ok := r.Data.(dnsrecords.Text); ok && strings.HasPrefix(r.Name, "_ua-auto-config.") {
			all = append(all, string(text))
		}
	}
	return all
}

// pacc compares the digest in DNS with that of our document. Whether clients receive the document is judged elsewhere.
func (o *observations) pacc() []Finding {
	owner, digests := "_ua-auto-config."+string(o.Found.Domain), o.digests()
	if len(digests) == 0 {
		return nil
	}
	document, err := pacc.Answer(o.Found)
	if err != nil {
		return []Finding{newFinding(Contradiction, Warning, owner,
			"there is a digest of a PACC document, but the domain has no such document: "+reason(err), "Remove it at the domain's name servers.")}
	}
	paste := zoneLines(dnsrecords.Record{Name: owner, Data: dnsrecords.Text(pacc.Record(document))})
	switch err := pacc.Check(digests, document); {
	case errors.Is(err, pacc.ErrOtherDigest):
		return []Finding{newFinding(Contradiction, Problem, owner, "has the digest of another PACC document, so clients refuse this one",
			"Publish the current digest at the domain's name servers, and remove the old one a day later:", paste)}
	case err != nil:
		return []Finding{newFinding(Contradiction, Warning, owner, "is not a valid digest: "+reason(err), replaceFix, paste)}
	}
	return nil
}
