package doctor

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"mailhint/dnsrecords"
	"mailhint/pacc"
)

// judgeSRV compares the SRV records, and the TXT records beside them, with those that the settings ask for.
//
// A domain may do without them, since most programs ask elsewhere. So only those are problems that say something wrong; one that is
// missing is worth a warning if others are there, because programs that read any rely on the set.
func (j *judgement) judgeSRV() {
	for _, owner := range slices.Sorted(maps.Keys(j.unanswered)) {
		j.notAnswered(owner, j.unanswered[owner])
	}
	want := slices.DeleteFunc(slices.Clone(j.want), func(r dnsrecords.Record) bool {
		return r.Data.Type() != "SRV" && (r.Data.Type() != "TXT" || strings.HasPrefix(r.Name, "_ua-auto-config."))
	})
	j.judgeAutodiscoverSRV()
	anyMail := slices.ContainsFunc(j.published, isMailSRV)
	for _, d := range dnsrecords.Compare(want, j.published) {
		switch {
		case strings.HasPrefix(d.Name, "_autodiscover.") || j.unanswered[d.Name] != nil: // judged above
		case d.Extra:
			j.judgeExtra(d.Record)
		case isMailSRV(d.Record) && anyMail && d.Data != (dnsrecords.Service{}) && !j.publishes(d.Name):
			j.add(WrongSRV, Warning, d.Name, "it is missing, although other records of its kind are there",
				"Add it, at the name servers of the domain:",
				j.zoneLines([]dnsrecords.Record{d.Record}))
		}
	}
	j.judgeOrder()
	j.judgeTargets()
}

// judgeOrder compares the preference between the ways to reach a protocol's servers. FairEmail takes STARTTLS where the priorities of
// submission are the same.
func (j *judgement) judgeOrder() {
	protocolOf := func(r dnsrecords.Record) string {
		label, _, _ := strings.Cut(r.Name, ".")
		return strings.TrimSuffix(label, "s")
	}
	var better dnsrecords.Record
	for _, w := range j.want {
		service, ok := w.Data.(dnsrecords.Service)
		if !ok || !isMailSRV(w) || service.Target == "" {
			continue
		}
		if better.Data != nil && protocolOf(better) == protocolOf(w) {
			first, there := j.priority(better)
			second, too := j.priority(w)
			if there && too && first >= second {
				j.add(WrongSRV, Warning, w.Name,
					fmt.Sprintf("its priority %d does not come after %d, that of %s, which programs should try first", second, first, better.Name),
					"Replace it, at the name servers of the domain, by:", j.zoneLines([]dnsrecords.Record{w}))
			}
		}
		better = w
	}
}

// priority is the published priority of a record that is wanted with the same port and target.
func (j *judgement) priority(w dnsrecords.Record) (uint16, bool) {
	want := w.Data.(dnsrecords.Service)
	for _, p := range j.published {
		if service, ok := p.Data.(dnsrecords.Service); ok && p.Name == w.Name && service.Port == want.Port && service.Target == want.Target {
			return service.Priority, true
		}
	}
	return 0, false
}

// isMailSRV reports whether a record names a mail server.
func isMailSRV(r dnsrecords.Record) bool {
	return r.Data.Type() == "SRV" && slices.ContainsFunc([]string{"_imap", "_pop3", "_submission"},
		func(start string) bool { return strings.HasPrefix(r.Name, start) })
}

// publishes reports whether a name has any SRV record.
func (j *judgement) publishes(owner string) bool {
	return slices.ContainsFunc(j.published, func(r dnsrecords.Record) bool { return r.Name == owner && r.Data.Type() == "SRV" })
}

// judgeExtra judges a record that is not among the wanted ones. Another order of the same servers is the domain's own business.
func (j *judgement) judgeExtra(r dnsrecords.Record) {
	var wanted []dnsrecords.Record
	for _, w := range j.wantedAt(r.Name) {
		if w.Data.Type() == r.Data.Type() {
			wanted = append(wanted, w)
		}
	}
	service, isService := r.Data.(dnsrecords.Service)
	if isService && slices.ContainsFunc(wanted, func(w dnsrecords.Record) bool {
		other := w.Data.(dnsrecords.Service)
		return other.Port == service.Port && other.Target == service.Target
	}) {
		return
	}
	text := fmt.Sprintf("it says %s, and the settings say %s", clip(r.Data.String()), clip(dataList(wanted)))
	switch {
	case isService && service.Target == "":
		text = "it says that the service is not offered, and the settings say " + clip(dataList(wanted))
	case len(wanted) == 1 && wanted[0].Data == dnsrecords.Service{}:
		text = fmt.Sprintf("it says %s, and the settings offer no such service", clip(r.Data.String()))
	}
	j.add(WrongSRV, Problem, r.Name, text, "Replace it, at the name servers of the domain, by:", j.zoneLines(wanted))
}

func dataList(records []dnsrecords.Record) string {
	var all []string
	for _, r := range records {
		all = append(all, r.Data.String())
	}
	return words(all)
}

// judgeAutodiscoverSRV: exactly one record, because Thunderbird takes the one with the lowest weight and Outlook the one with the lowest
// priority. It may lead to the server by its own name or by the domain's.
func (j *judgement) judgeAutodiscoverSRV() {
	owner := "_autodiscover._tcp." + string(j.Found.Domain)
	paste := j.zoneLines(slices.DeleteFunc(j.wantedAt(owner), func(r dnsrecords.Record) bool { return r.Data.Type() != "SRV" }))
	if paste == "" {
		paste = j.zoneLines([]dnsrecords.Record{{Name: owner,
			Data: dnsrecords.Service{Port: 443, Target: "autodiscover." + string(j.Found.Domain)}}})
	}
	count := 0
	for _, r := range j.published {
		service, ok := r.Data.(dnsrecords.Service)
		if !ok || r.Name != owner {
			continue
		}
		count++
		var fault string
		switch {
		case service.Target == "":
			fault = "it says that Autodiscover is not offered, and it is"
		case !j.isOurName(service.Target) && j.server == "":
			j.aside("whether %s leads to this server: set name in [server]", owner)
		case !j.isOurName(service.Target) && (service.Target != j.led || !j.isOurs(j.web[poxSRV])):
			fault = fmt.Sprintf("it says %s, which is not this server", clip(service.String()))
		case service.Port != 443:
			fault = fmt.Sprintf("its port is %d; Thunderbird asks at 443 whatever it says", service.Port)
		}
		if fault != "" {
			j.add(WrongSRV, Problem, owner, fault, "Replace it, at the name servers of the domain, by:", paste)
		}
	}
	if count > 1 {
		j.add(WrongSRV, Problem, owner, fmt.Sprintf("there are %d of them, and programs choose in different ways", count),
			"Leave one, at the name servers of the domain:", paste)
	}
}

// judgeTargets looks for targets that are aliases, which RFC 2782 forbids and some programs do not follow.
func (j *judgement) judgeTargets() {
	for _, r := range j.published {
		service, ok := r.Data.(dnsrecords.Service)
		if !ok || service.Target == "" || j.aliases[service.Target] == "" {
			continue
		}
		if strings.HasPrefix(r.Name, "_autodiscover.") && (j.spoilt[service.Target] || strings.HasPrefix(service.Target, "autodiscover.")) {
			continue // all has been said, or it is a name that leads here as the README shows it: Outlook and Thunderbird follow
		}
		if !slices.ContainsFunc(j.want, func(w dnsrecords.Record) bool { return w.Data == r.Data && w.Name == r.Name }) && j.has(WrongSRV) {
			continue // it has to go anyway
		}
		j.add(WrongSRV, Warning, r.Name, fmt.Sprintf("its target %s is an alias of %s, which an SRV record must not name",
			clip(service.Target), clip(j.aliases[service.Target])),
			fmt.Sprintf("Give %s address records in place of the alias.", clip(service.Target)))
	}
}

// digests are the TXT records about the PACC document.
func (j *judgement) digests() []string {
	var all []string
	for _, r := range j.published {
		if text, ok := r.Data.(dnsrecords.Text); ok && strings.HasPrefix(r.Name, "_ua-auto-config.") {
			all = append(all, string(text))
		}
	}
	return all
}

// judgePACC compares the digest in DNS with the document that is to be answered; that it is answered is judged with the others.
func (j *judgement) judgePACC() {
	owner, digests := "_ua-auto-config."+string(j.Found.Domain), j.digests()
	document, err := pacc.Answer(j.Found)
	if err != nil {
		if len(digests) > 0 {
			j.add(Disagree, Warning, owner, "there is a digest of a PACC document, and the domain has none: "+clip(err.Error()),
				"Remove it, at the name servers of the domain.")
		}
		return
	}
	if err := pacc.Check(digests, document); errors.Is(err, pacc.ErrOtherDigest) {
		j.add(Disagree, Problem, owner, "it has the digest of another PACC document, so that programs refuse this one",
			"Publish the digest of the document as it is, at the name servers of the domain; remove the old one a day later:",
			j.zoneLines([]dnsrecords.Record{{Name: owner, Data: dnsrecords.Text(pacc.Record(document))}}))
	} else if err != nil && len(digests) > 0 {
		j.add(Disagree, Warning, owner, "its record cannot be read: "+clip(err.Error()),
			"Replace it, at the name servers of the domain, by:",
			j.zoneLines([]dnsrecords.Record{{Name: owner, Data: dnsrecords.Text(pacc.Record(document))}}))
	}
}
