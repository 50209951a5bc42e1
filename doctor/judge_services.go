package doctor

import (
	"fmt"
	"net/url"
	"strings"

	"mailhint/dnsrecords"
	"mailhint/wellknown"
)

// webService is a service at a URL, which clients find by DNS records or at a well-known path of the domain's web site.
type webService struct {
	name  string // as a plural or an abbreviation
	path  string
	label string // of its records
}

var webServices = []webService{
	{"calendars", wellknown.CalDAV, "_caldavs._tcp."},
	{"contacts", wellknown.CardDAV, "_carddavs._tcp."},
	{"JMAP", wellknown.JMAP, "_jmap._tcp."},
}

// hiddenService is a service without some of its records.
type hiddenService struct {
	webService
	owner  string // of the records
	target string // its URL
	// missing are the records; records with another content are judged elsewhere.
	missing []dnsrecords.Record
}

// hiddenServices are the services whose records are missing.
func (o *observations) hiddenServices() (hidden []hiddenService) {
	for _, s := range webServices {
		target, _, ok := wellknown.Target(o.Found, s.path)
		h := hiddenService{webService: s, owner: s.label + string(o.Found.Domain), target: target}
		if !ok || o.unanswered[h.owner] != nil {
			continue
		}
		for _, w := range o.wantedAt(h.owner) {
			if w.Data != dnsrecords.Text("path=/") && !o.publishes(w.Name, w.Data.Type()) {
				h.missing = append(h.missing, w)
			}
		}
		if len(h.missing) > 0 {
			hidden = append(hidden, h)
		}
	}
	return hidden
}

// judgeServices checks that clients find calendars, contacts and JMAP. Thunderbird 153 does so by records only: it does not follow the
// well-known redirect to another host.
func (j *judgement) judgeServices() {
	for _, h := range j.hiddenServices() {
		reached, how := j.wellKnownWorks(h)
		if u, err := url.Parse(h.target); err == nil && reached && strings.EqualFold(u.Hostname(), string(j.Found.Domain)) {
			continue // a redirect to the same host, which all clients follow
		}
		var types []string
		for _, w := range h.missing {
			types = append(types, w.Data.Type())
		}
		text := fmt.Sprintf("no %s record for %s", strings.Join(types, " and "), h.name)
		if types[0] == "TXT" {
			text = fmt.Sprintf("no TXT record with the path of %s", h.name)
		}
		fix := publishFix
		if !reached && how != "" {
			fix = fmt.Sprintf("Pass %s of the domain's web site to the mailhint server too (mailhint proxy prints the configuration), and publish this "+
				"at the domain's name servers:", h.path)
		}
		j.add(newFinding(ServiceHidden, Warning, h.owner, text+how, fix, zoneLines(h.missing...)))
	}
}

// wellKnownWorks reports whether the domain's web site redirects to a service, and adds to a text what that means for clients; "" if it is
// unknown.
func (j *judgement) wellKnownWorks(h hiddenService) (works bool, how string) {
	got, asked := j.wellKnown[h.path]
	at := "https://" + string(j.Found.Domain) + h.path
	switch {
	case !asked || got.isUnknown() || j.Limited || j.Varies:
		return false, ""
	case isRedirect(got.Status) && got.Location == h.target && trusted(got.TLS):
		return true, fmt.Sprintf("; clients that ask %s find them, but Thunderbird and others do not follow its redirect to another host", at)
	case got.Status == 0 || !trusted(got.TLS):
		return false, fmt.Sprintf(", and %s does not work: %s", at, whyBad(got))
	}
	return false, fmt.Sprintf(", and %s answers %s instead of redirecting to %s", at, statusText(got.Web), clip(h.target))
}
