package doctor

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"mailhint/autodiscover"
	"mailhint/dnsrecords"
	"mailhint/mobileconfig"
	"mailhint/probe"
	"mailhint/resolver"
	"mailhint/settings"
)

// account is what a client gets.
type account struct {
	incoming, outgoing *entry
	from               string
	why                string
	redirected         bool  // to another provider's Autodiscover
	unknown            error // why an earlier source could not be asked
}

var errNothingThere = errors.New("nothing there")

// setUpBy is what a client gets: from the first source with settings that it can use.
func (j *judgement) setUpBy(m clientModel) account {
	var failed, unknown error // the first of each kind
	for _, s := range m.sources {
		a, err := j.try(m, s)
		switch {
		case err == nil:
			a.unknown = unknown
			return a
		case errors.As(err, new(unknownError)):
			unknown = cmp.Or(unknown, err)
			continue
		case errors.Is(err, errNothingThere):
			continue
		case failed == nil:
			failed = fmt.Errorf("%s: %w", j.sourceName(s), err)
		}
		if status := j.web[s.place].Status; !s.srv && (s.final && status == http.StatusOK || m.password && status == http.StatusUnauthorized) {
			return account{why: failed.Error() + "; the client does not look further", unknown: unknown}
		}
	}
	if failed == nil {
		failed = errors.New("nothing found in any place where it looks")
	}
	return account{why: failed.Error(), unknown: unknown}
}

// try is what a client gets from one source.
func (j *judgement) try(m clientModel, s source) (account, error) {
	var d document
	switch {
	case s.srv:
		d = j.srvDocument(m)
		if !d.has("imap", "pop3") || !d.has("smtp") {
			return account{}, j.noSRV()
		}
	case s.place == profileHost:
		return j.profile()
	case m.password && isPOX(s.place) && j.AutodiscoverRedirect != "" && j.isOurs(j.web[s.place]):
		return account{from: j.sourceName(s), why: "redirected to " + j.web[s.place].Location, redirected: true}, nil
	default:
		var err error
		if d, err = j.documentFor(m, s.place); err != nil {
			return account{}, err
		}
	}
	in, out, err := m.choose(d, s)
	if err != nil {
		return account{}, err
	}
	return account{incoming: in, outgoing: out, from: j.sourceName(s)}, nil
}

// documentFor is the document that a client reads at a place.
func (j *judgement) documentFor(m clientModel, p place) (document, error) {
	got := j.web[p]
	switch {
	case got.isUnknown():
		return document{}, unknownPage(got)
	case p == poxSRV && j.srvTarget == "" && j.unanswered[autodiscover.SRVName(j.Found.Domain)] != nil:
		return document{}, errNoDNS
	case got.Status == http.StatusNotFound || got.Status == 0 && got.TLS == nil:
		return document{}, errNothingThere
	case !got.isGood():
		return document{}, errors.New(whyBad(got))
	}
	if kind := got.Header.Get("Content-Type"); m.xmlType && !isXML(kind) {
		return document{}, fmt.Errorf("the client does not read Content-Type %q as XML", clip(kind))
	}
	r := j.read(p)
	return r.document, r.err
}

// whyBad says why a page is not good.
func whyBad(got page) string {
	switch {
	case errors.Is(got.Err, resolver.ErrNone):
		return noAddress
	case got.Err != nil && got.State != 0 && got.State != probe.Reached:
		return whyState(got.State, 443)
	case got.Err != nil:
		return reason(got.Err)
	case got.Status != http.StatusOK:
		return statusText(got.Web)
	}
	return "its certificate is not valid"
}

// sourceName is the name of a source in reports.
func (j *judgement) sourceName(s source) string {
	domain := string(j.Found.Domain)
	switch {
	case s.srv:
		return "SRV records"
	case s.place == poxSRV:
		return "the SRV record _autodiscover"
	case s.place == ispdbEntry:
		return "Mozilla's database"
	case s.place == configHTTP:
		return "http://autoconfig." + domain
	case s.place == configBareHTTP:
		return "http://" + domain
	}
	return "https://" + j.hostOf(s.place)
}

// profile is what Apple Mail gets. A profile has one server of each kind, the best.
func (j *judgement) profile() (account, error) {
	want, err := mobileconfig.Answer(j.Found, j.postmaster())
	if err != nil {
		return account{}, err
	}
	got := j.web[profileHost]
	switch {
	case got.isUnknown():
		return account{}, unknownPage(got)
	case !got.isGood():
		return account{}, errors.New(whyBad(got))
	case !bytes.Contains(got.Body, want): // a signature leaves the profile readable
		return account{}, errors.New("the answer is not the profile")
	}
	a := account{from: "https://autoconfig." + string(j.Found.Domain) + mobileconfig.Path}
	for _, s := range settings.FirstOfEach(j.Servers) {
		e := &entry{kind: kindOf(s.Protocol), host: j.host(s), port: s.Port, security: s.Security, auths: s.Auth,
			login: string(s.Login.For(j.Found.Domain, j.Primary)), hasLogin: true}
		switch {
		case e.kind == "smtp":
			a.outgoing = e
		case e.kind != "" && a.incoming == nil:
			a.incoming = e
		}
	}
	if a.incoming == nil {
		return account{}, errNothingThere
	}
	return a, nil
}

// srvDocument is what SRV records say, the best server first. The login is the address (RFC 6186 section 4 tries it first).
func (j *judgement) srvDocument(m clientModel) (d document) {
	type ranked struct {
		entry
		rank int
	}
	var all []ranked
	for _, r := range j.published {
		service, ok := r.Data.(dnsrecords.Service)
		label, _, _ := strings.Cut(r.Name, ".")
		kind, known := srvKinds[label]
		if !ok || !known || service.Target == "" {
			continue
		}
		e := entry{kind: kind.name, host: service.Target, port: service.Port, security: kind.security,
			auths: []settings.Auth{settings.Password}}
		for _, s := range j.Servers { // the server itself says how to log in
			if kindOf(s.Protocol) == e.kind && j.host(s) == e.host && s.Port == e.port {
				e.auths = s.Auth
			}
		}
		rank := int(service.Priority)*4 + int(kind.security)
		if m.tieSTARTTLS && kind.name == "smtp" && kind.security == settings.STARTTLS {
			rank -= 2
		}
		all = append(all, ranked{e, rank})
	}
	slices.SortStableFunc(all, func(a, b ranked) int { return cmp.Compare(a.rank, b.rank) })
	for _, r := range all {
		d.servers = append(d.servers, r.entry)
	}
	return d
}

type srvKind struct {
	name     string
	security settings.Security
}

var srvKinds = map[string]srvKind{
	"_imaps": {"imap", settings.ImplicitTLS}, "_imap": {"imap", settings.STARTTLS},
	"_pop3s": {"pop3", settings.ImplicitTLS}, "_pop3": {"pop3", settings.STARTTLS},
	"_submissions": {"smtp", settings.ImplicitTLS}, "_submission": {"smtp", settings.STARTTLS},
}
