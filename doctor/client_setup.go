package doctor

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"

	"mailhint/autodiscover"
	"mailhint/choices"
	"mailhint/mobileconfig"
	"mailhint/probe"
	"mailhint/resolver"
	"mailhint/settings"
)

// setUpBy is what a client gets.
func (o *observations) setUpBy(c choices.Client) choices.Account {
	try := func(s choices.Source) (choices.Account, error) {
		a, err := o.try(c, s)
		if err != nil && !errors.As(err, new(choices.Unknown)) && !errors.Is(err, choices.ErrNothing) {
			err = fmt.Errorf("%s: %w", o.sourceName(s), err)
		}
		return a, err
	}
	return c.SetUp(try, func(s choices.Source) bool { return c.StopsAt(o.web[s.Place].answer(), s) })
}

// answer is a page as a client sees it.
func (p page) answer() choices.Answer {
	return choices.Answer{Status: p.Status, ContentType: p.Header.Get("Content-Type"), Body: p.Body, Good: p.Err == nil && trusted(p.TLS)}
}

// try is what a client gets from one source.
func (o *observations) try(c choices.Client, s choices.Source) (choices.Account, error) {
	var d choices.Document
	switch {
	case s.SRV:
		d = choices.FromSRV(c, o.published, o.Found)
		if !d.Has("imap", "pop3") || !d.Has("smtp") {
			return choices.Account{}, o.noSRV()
		}
	case s.Place == choices.ProfileHost:
		return o.profile()
	case c.FollowsToAnother(s.Place) && o.AutodiscoverRedirect != "" && o.isOurs(o.web[s.Place]):
		return choices.Account{From: o.sourceName(s), Why: "redirected to " + o.web[s.Place].Location, Redirect: o.web[s.Place].Location}, nil
	default:
		var err error
		if d, err = o.documentFor(c, s.Place); err != nil {
			return choices.Account{}, err
		}
	}
	in, out, err := c.Choose(d, s)
	if err != nil {
		return choices.Account{}, err
	}
	return choices.Account{Incoming: in, Outgoing: out, From: o.sourceName(s)}, nil
}

// documentFor is the document that a client reads at a place.
func (o *observations) documentFor(c choices.Client, p choices.Place) (choices.Document, error) {
	got := o.web[p]
	switch {
	case got.isUnknown():
		return choices.Document{}, unknownPage(got)
	case p == choices.POXSRV && o.srvTarget == "" && o.unanswered[autodiscover.SRVName(o.Found.Domain)] != nil:
		return choices.Document{}, errNoDNS
	case got.Status == http.StatusNotFound || got.Status == 0 && got.TLS == nil:
		return choices.Document{}, choices.ErrNothing
	case !got.isGood():
		return choices.Document{}, errors.New(whyBad(got))
	}
	if kind := got.Header.Get("Content-Type"); !c.ReadsType(kind) {
		return choices.Document{}, fmt.Errorf("the client does not read Content-Type %q as XML", clip(kind))
	}
	r := o.read(p)
	return r.Document, r.err
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
func (o *observations) sourceName(s choices.Source) string {
	domain := string(o.Found.Domain)
	switch {
	case s.SRV:
		return "SRV records"
	case s.Place == choices.POXSRV:
		return "the SRV record _autodiscover"
	case s.Place == choices.ISPDBEntry:
		return "Mozilla's database"
	case s.Place == choices.ConfigHTTP:
		return "http://autoconfig." + domain
	case s.Place == choices.ConfigBareHTTP:
		return "http://" + domain
	}
	return "https://" + o.hostOf(s.Place)
}

// profileType is the media type of profiles.
const profileType = "application/x-apple-aspen-config"

// profile is what Apple Mail gets. A profile has one server of each kind, the best.
func (o *observations) profile() (choices.Account, error) {
	want, err := mobileconfig.Answer(o.Found, o.postmaster())
	if err != nil {
		return choices.Account{}, err
	}
	got := o.web[choices.ProfileHost]
	switch {
	case got.isUnknown():
		return choices.Account{}, unknownPage(got)
	case !got.isGood():
		return choices.Account{}, errors.New(whyBad(got))
	case got.unread && got.Header.Get("Content-Type") == profileType:
	case !bytes.Contains(got.Body, want): // a signature leaves the profile readable
		return choices.Account{}, errors.New("the answer is not the profile")
	}
	a := choices.Account{From: "https://autoconfig." + string(o.Found.Domain) + mobileconfig.Path}
	for _, s := range settings.FirstOfEach(o.Servers) {
		e := &choices.Entry{Kind: choices.KindOf(s.Protocol), Host: o.host(s), Port: s.Port, Security: s.Security, Auths: s.Auth,
			Login: o.Found.LoginName(s.Login, o.postmaster()), HasLogin: true}
		switch {
		case e.Kind == "smtp":
			a.Outgoing = e
		case e.Kind != "" && a.Incoming == nil:
			a.Incoming = e
		}
	}
	if a.Incoming == nil {
		return choices.Account{}, choices.ErrNothing
	}
	return a, nil
}
