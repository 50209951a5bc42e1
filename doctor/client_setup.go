package doctor

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
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
func (o *observations) setUpBy(m clientModel) account {
	var failed, unknown error // the first of each kind
	for _, s := range m.sources {
		a, err := o.try(m, s)
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
			failed = fmt.Errorf("%s: %w", o.sourceName(s), err)
		}
		if !s.srv && m.stopsAt(o.web[s.place], s.final) {
			return account{why: failed.Error() + "; the client does not look further", unknown: unknown}
		}
	}
	if failed == nil {
		failed = errors.New("nothing found in any place where it looks")
	}
	return account{why: failed.Error(), unknown: unknown}
}

// stopsAt reports whether a client looks no further than a page without settings that it can use. Final is that of the source.
func (m clientModel) stopsAt(p page, final bool) bool {
	if final && p.Status == http.StatusOK || m.password && p.Status == http.StatusUnauthorized {
		return true
	}
	return m.firstAnswer && p.Status/100 == 2 && p.Err == nil && trusted(p.TLS) && isWellFormed(p.Body)
}

// isWellFormed reports whether a text is XML in which every element ends, or has no elements at all.
func isWellFormed(text []byte) bool {
	decoder := xml.NewDecoder(bytes.NewReader(text))
	decoder.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	for {
		if _, err := decoder.Token(); err != nil {
			return errors.Is(err, io.EOF)
		}
	}
}

// try is what a client gets from one source.
func (o *observations) try(m clientModel, s source) (account, error) {
	var d document
	switch {
	case s.srv:
		d = o.srvDocument(m)
		if !d.has("imap", "pop3") || !d.has("smtp") {
			return account{}, o.noSRV()
		}
	case s.place == profileHost:
		return o.profile()
	case m.password && isPOX(s.place) && o.AutodiscoverRedirect != "" && o.isOurs(o.web[s.place]):
		return account{from: o.sourceName(s), why: "redirected to " + o.web[s.place].Location, redirected: true}, nil
	default:
		var err error
		if d, err = o.documentFor(m, s.place); err != nil {
			return account{}, err
		}
	}
	in, out, err := m.choose(d, s)
	if err != nil {
		return account{}, err
	}
	return account{incoming: in, outgoing: out, from: o.sourceName(s)}, nil
}

// documentFor is the document that a client reads at a place.
func (o *observations) documentFor(m clientModel, p place) (document, error) {
	got := o.web[p]
	switch {
	case got.isUnknown():
		return document{}, unknownPage(got)
	case p == poxSRV && o.srvTarget == "" && o.unanswered[autodiscover.SRVName(o.Found.Domain)] != nil:
		return document{}, errNoDNS
	case got.Status == http.StatusNotFound || got.Status == 0 && got.TLS == nil:
		return document{}, errNothingThere
	case !got.isGood():
		return document{}, errors.New(whyBad(got))
	}
	if kind := got.Header.Get("Content-Type"); m.xmlType && !isXML(kind) {
		return document{}, fmt.Errorf("the client does not read Content-Type %q as XML", clip(kind))
	}
	r := o.read(p)
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
func (o *observations) sourceName(s source) string {
	domain := string(o.Found.Domain)
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
	return "https://" + o.hostOf(s.place)
}

// profileType is the media type of profiles.
const profileType = "application/x-apple-aspen-config"

// profile is what Apple Mail gets. A profile has one server of each kind, the best.
func (o *observations) profile() (account, error) {
	want, err := mobileconfig.Answer(o.Found, o.postmaster())
	if err != nil {
		return account{}, err
	}
	got := o.web[profileHost]
	switch {
	case got.isUnknown():
		return account{}, unknownPage(got)
	case !got.isGood():
		return account{}, errors.New(whyBad(got))
	case got.unread && got.Header.Get("Content-Type") == profileType:
	case !bytes.Contains(got.Body, want): // a signature leaves the profile readable
		return account{}, errors.New("the answer is not the profile")
	}
	a := account{from: "https://autoconfig." + string(o.Found.Domain) + mobileconfig.Path}
	for _, s := range settings.FirstOfEach(o.Servers) {
		e := &entry{kind: kindOf(s.Protocol), host: o.host(s), port: s.Port, security: s.Security, auths: s.Auth,
			login: string(s.Login.For(o.Found.Domain, o.Primary)), hasLogin: true}
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
func (o *observations) srvDocument(m clientModel) (d document) {
	type ranked struct {
		entry
		rank int
	}
	var all []ranked
	for _, r := range o.published {
		service, ok := r.Data.(dnsrecords.Service)
		label, _, _ := strings.Cut(r.Name, ".")
		kind, known := srvKinds[label]
		if !ok || !known || service.Target == "" {
			continue
		}
		e := entry{kind: kind.name, host: service.Target, port: service.Port, security: kind.security,
			auths: []settings.Auth{settings.Password}}
		for _, s := range o.Servers { // the server itself says how to log in
			if kindOf(s.Protocol) == e.kind && o.host(s) == e.host && s.Port == e.port {
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
