package ispdb

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"mailhint/autoconfig"
	"mailhint/settings"
	"mailhint/untrusted"
)

// Lengths of names that clients show (draft-ietf-mailmaint-autoconfig-06 section 4).
const (
	maxName      = 60
	maxShortName = 20
)

// Read converts a provider file and returns the providers in it, of which there is at least one. The remarks say, in the order of the lines,
// where the answers will differ from the file. The error is an *Error, for a file of which nothing can be converted.
//
// Clients that get a file with several providers use the first; in answers, each domain gets its own. What is beside the providers, such as
// the calendar, belongs to the first.
func Read(text []byte) ([]*Provider, []Remark, error) {
	root, comments, err := parse(text)
	if err != nil {
		return nil, nil, err
	}
	if root.name != "clientConfig" {
		return nil, nil, fault(root.line, "the root element is <%s> instead of <clientConfig>, so this is not a provider file", oneLine(root.name))
	}
	root.attr("version")
	elements := root.all("emailProvider")
	if len(elements) == 0 {
		return nil, nil, fault(root.line, "it has no <emailProvider>")
	}
	var providers []*Provider
	var remarks []Remark
	var faults []*Error
	beside := root
	for _, ep := range elements {
		r := &reader{}
		p, err := r.provider(beside, ep)
		if err == nil {
			providers = append(providers, p)
			beside = &node{name: root.name, line: ep.line}
		} else {
			faults = append(faults, err)
			ep.forget()
		}
		remarks = append(remarks, r.remarks...)
	}
	if len(providers) == 0 {
		return nil, sorted(remarks), faults[0]
	}
	r := &reader{remarks: remarks}
	for _, f := range faults {
		r.lose(f.Line, kindDomain, "this <emailProvider> is left out: %s", f.Text)
	}
	providers[0].Comments = comments
	r.unread(root)
	return providers, sorted(r.remarks), nil
}

// reader collects the content of a file.
type reader struct {
	s       settings.Settings
	servers []*server
	remarks []Remark
	// the logins and login methods of the services named by URL
	urlLogins []settings.Login
	urlAuths  [][]settings.Auth
}

func (r *reader) remark(line int, kind kind, format string, args ...any) {
	r.remarks = append(r.remarks, Remark{Line: line, Text: untrusted.Clip(fmt.Sprintf(format, args...), maxRemark), kind: kind})
}

// lose is remark for a domain, a server or a provider that is not converted.
func (r *reader) lose(line int, kind kind, format string, args ...any) {
	r.remark(line, kind, format, args...)
	r.remarks[len(r.remarks)-1].Lost = true
}

func sorted(remarks []Remark) []Remark {
	slices.SortStableFunc(remarks, func(a, b Remark) int { return cmp.Compare(a.Line, b.Line) })
	return remarks
}

// provider reads an <emailProvider>, and what is beside it in the root element.
func (r *reader) provider(root, ep *node) (*Provider, *Error) {
	domains := r.domains(ep)
	if len(domains) == 0 {
		return nil, fault(ep.line, "it has no valid <domain>")
	}
	r.s.Name = r.displayName(ep, "displayName", maxName)
	r.s.ShortName = r.displayName(ep, "displayShortName", maxShortName)
	r.readServers(ep, "incomingServer", autoconfig.IncomingTypes)
	r.readServers(ep, "outgoingServer", autoconfig.OutgoingTypes)
	r.readServers(root, "setupServer", autoconfig.SetupTypes)
	r.services(root)
	if r.s.JMAP == "" && !slices.ContainsFunc(r.servers, func(s *server) bool { return s.Protocol != settings.ManageSieve }) {
		return nil, fault(ep.line, "it has no server that can be converted")
	}
	r.finishServers()
	r.checkComplete(ep)
	r.documentation(ep)
	r.webmail(root)
	r.oauth2(root, ep)
	return &Provider{Domains: domains, Settings: &r.s}, nil
}

// domains reads the domains. The main one is first: the provider's id, or else the first in the file.
func (r *reader) domains(ep *node) []settings.Domain {
	id := r.trim(ep.line, ep.attr("id"))
	var domains []settings.Domain
	seen := make(map[settings.Domain]bool)
	for _, n := range ep.all("domain") {
		text := r.text(n)
		d, err := settings.ParseDomain(text)
		switch {
		case err != nil:
			r.lose(n.line, kindDomain, "the domain %q is left out: %v", oneLine(text), err)
			continue
		case seen[d]:
			r.remark(n.line, kindDomain, "the domain %s appears twice", d)
			continue
		}
		if purpose := n.attr("purpose"); purpose != "" {
			r.remark(n.line, kindDomain, "%s is converted like any other domain; its purpose %q is ignored", d, oneLine(purpose))
		}
		seen[d] = true
		domains = append(domains, d)
	}
	if i := slices.Index(domains, settings.Domain(strings.ToLower(id))); i >= 0 {
		main := domains[i]
		domains = slices.Insert(slices.Delete(domains, i, i+1), 0, main)
	} else if len(domains) > 0 && id != "" {
		r.remark(ep.line, kindID, "the id %q is not one of the domains and is ignored: in answers, the id is the requested domain", oneLine(id))
	}
	return domains
}

func (r *reader) displayName(ep *node, element string, limit int) settings.Pattern {
	n := ep.child(element)
	if n == nil {
		return ""
	}
	text := r.text(n)
	if text == "" {
		return ""
	}
	name, err := settings.ParseText(text, limit)
	if err == nil && strings.Contains(text, settings.PrimaryDomain) {
		err = fmt.Errorf("unknown placeholder %s", settings.PrimaryDomain)
	}
	if err != nil {
		r.remark(n.line, kindName, "<%s> %q is left out: %v", element, oneLine(text), err)
		return ""
	}
	return name
}

// checkComplete adds remarks on what will make clients reject the answer.
func (r *reader) checkComplete(ep *node) {
	if len(r.s.Incoming()) == 0 {
		r.remark(ep.line, kindServer, "no IMAP or POP3 server can be converted: clients will reject the answer")
	}
	if len(r.s.Outgoing()) == 0 {
		r.remark(ep.line, kindServer, "no submission server can be converted: Thunderbird and others will reject the answer")
	}
}
