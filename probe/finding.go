package probe

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"mailhint/resolver"
	"mailhint/settings"
)

// Finding is what was found out about the mail servers of a domain.
type Finding struct {
	// Domain is the mail domain: the name that was given, or if that is a host, the registered domain that it belongs to.
	Domain settings.Domain
	// IsHost says that the name is a host, so that Domain is a guess.
	IsHost bool
	MX     []resolver.MX
	// Candidates are the hosts that exist, in the order in which they were found, from the best source to the worst. Hosts is what each
	// of them offers, in the same order.
	Candidates []Candidate
	Hosts      []Host
	// Servers are those to advertise, the protocols in the order of settings, best first, with the address as login.
	Servers []settings.Server
	// Services are services at URLs that SRV records name. Those without a Fault can be advertised.
	Services []Service
	// Problems are what an admin should fix: no usable server, records that point to no server, addresses that do not answer. They and
	// Remarks are safe for terminals.
	Problems []string
	Remarks  []string
}

// evidence is what Find found out, before it is judged.
type evidence struct {
	mx         []resolver.MX
	declined   map[Port]bool // an SRV record says that it is not offered
	isHost     bool          // the name is a host's
	candidates []*Candidate
	hosts      []Host // what each of the candidates offers
	services   []Service
	remarks    []string
}

// conclude judges the evidence, without the network. It returns an error if DNS does not answer for the name itself and nothing else was
// found.
func conclude(name settings.Domain, e evidence, now time.Time) (*Finding, error) {
	f := &Finding{Domain: name, IsHost: e.isHost, MX: e.mx, Services: e.services, Remarks: e.remarks}
	if f.IsHost {
		f.Domain = registered(name)
	}
	for i, c := range e.candidates {
		if len(e.hosts[i].Addresses) > 0 {
			f.Candidates, f.Hosts = append(f.Candidates, *c), append(f.Hosts, e.hosts[i])
		}
		f.noteUnresolved(*c, e.hosts[i])
	}
	f.choose(e.declined)
	if err := e.nameErr(); err != nil && len(f.Servers) == 0 {
		return nil, err
	}
	f.findProblems(now)
	return f, nil
}

// nameErr is the error of DNS for the name itself, if it is a candidate.
func (e evidence) nameErr() error {
	for i, c := range e.candidates {
		if err := e.hosts[i].Err; c.Source == FromName && len(e.hosts[i].Addresses) == 0 && errors.Is(err, resolver.ErrFailed) {
			return err
		}
	}
	return nil
}

// noteUnresolved notes that a candidate has no address, or may have more.
func (f *Finding) noteUnresolved(c Candidate, h Host) {
	switch {
	case h.Err == nil:
	case len(h.Addresses) > 0:
		f.remark("%s may have more addresses: %v", c.Host, h.Err)
	case c.Source == FromSRV:
		f.problem("an SRV record points to %s, which cannot be resolved: %v", c.Host, h.Err)
	case c.Source == FromMX:
		f.problem("the MX record points to %s, which cannot be resolved: %v", c.Host, h.Err)
	case c.Source == FromName && errors.Is(h.Err, resolver.ErrFailed): // see nameErr
	case !errors.Is(h.Err, resolver.ErrNone):
		f.remark("%s was not probed: %v", c.Host, h.Err)
	}
}

func (f *Finding) problem(format string, values ...any) {
	f.Problems = append(f.Problems, fmt.Sprintf(format, values...))
}

func (f *Finding) remark(format string, values ...any) {
	f.Remarks = append(f.Remarks, fmt.Sprintf(format, values...))
}

// Complete reports whether there is a server to receive mail from and one to send mail through. Otherwise there are no settings to
// advertise.
func (f *Finding) Complete() bool {
	return (f.offers(settings.IMAP) || f.offers(settings.POP3)) && f.offers(settings.Submission)
}

// Settings returns the settings of a domain with the servers that were chosen. The login is the address; a probe cannot find out whether
// that is right.
func (f *Finding) Settings() *settings.Settings {
	s := &settings.Settings{Servers: f.Servers, Login: settings.EmailAddress, Auth: []settings.Auth{settings.Password}}
	for _, service := range f.Services {
		field := map[string]*settings.Pattern{"CalDAV": &s.CalDAV, "CardDAV": &s.CardDAV, "JMAP": &s.JMAP}[service.Name]
		if service.Fault == "" {
			*field = service.URL
		}
	}
	return s
}

// offers reports whether a server of a protocol was chosen.
func (f *Finding) offers(p settings.Protocol) bool {
	return slices.ContainsFunc(f.Servers, func(s settings.Server) bool { return s.Protocol == p })
}

// chose reports whether the server at a port was chosen.
func (f *Finding) chose(host string, p Port) bool {
	return slices.ContainsFunc(f.Servers, func(s settings.Server) bool {
		return string(s.Host) == host && s.Protocol == p.Protocol && s.Port == p.Number
	})
}
