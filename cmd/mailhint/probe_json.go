package main

import (
	"time"

	"mailhint/probe"
	"mailhint/settings"
	"mailhint/untrusted"
)

// probeReport is what probe --json prints. Names are added to it, never changed.
type probeReport struct {
	Domain   string         `json:"domain"`
	IsHost   bool           `json:"is_host"` // the name is a host's, so that the domain is a guess
	Servers  []probeServer  `json:"servers"`
	Services []probeService `json:"services"`
	Problems []string       `json:"problems"`
	Remarks  []string       `json:"remarks"`
	Hosts    []probeHost    `json:"hosts"`
	TOML     string         `json:"toml,omitempty"`
}

type probeService struct {
	Name  string `json:"name"` // CalDAV, CardDAV, JMAP
	URL   string `json:"url"`
	Fault string `json:"fault,omitempty"` // why it is not in the entry
}

type probeServer struct {
	URL  string          `json:"url"` // as domains.toml spells it
	Auth []settings.Auth `json:"auth"`
}

type probeHost struct {
	Name      string      `json:"name"`
	Source    string      `json:"source"`
	Addresses []string    `json:"addresses"`
	Looks     []probeLook `json:"looks"`
}

type probeLook struct {
	Protocol     string             `json:"protocol"`
	Port         uint16             `json:"port"`
	Address      string             `json:"address"`
	State        string             `json:"state"` // reached, refused, silent, unreachable, private, or not looked at
	NoRoute      bool               `json:"no_route,omitempty"`
	Speaks       string             `json:"speaks,omitempty"`
	TLS          *probeTLS          `json:"tls,omitempty"`
	Before       *probeCapabilities `json:"before_tls,omitempty"`
	After        *probeCapabilities `json:"after_tls,omitempty"`
	Error        string             `json:"error,omitempty"`
	Milliseconds int64              `json:"ms"`
}

type probeTLS struct {
	Version    string    `json:"version"`
	Names      []string  `json:"names"`
	Issuer     string    `json:"issuer"`
	NotAfter   time.Time `json:"not_after"`
	DaysLeft   int       `json:"days_left"`
	NameError  string    `json:"name_error,omitempty"`
	ChainError string    `json:"chain_error,omitempty"`
}

type probeCapabilities struct {
	All        []string `json:"all"`
	Mechanisms []string `json:"mechanisms"`
	STARTTLS   bool     `json:"starttls"`
}

func reportOf(f *probe.Finding, now time.Time) probeReport {
	r := probeReport{
		Domain: string(f.Domain), IsHost: f.IsHost, Servers: []probeServer{}, Services: []probeService{}, Hosts: []probeHost{},
		Problems: append([]string{}, f.Problems...), Remarks: append([]string{}, f.Remarks...),
	}
	for _, s := range f.Servers {
		r.Servers = append(r.Servers, probeServer{s.URL(), s.Auth})
	}
	for _, s := range f.Services {
		r.Services = append(r.Services, probeService{s.Name, string(s.URL), s.Fault})
	}
	for i, h := range f.Hosts {
		host := probeHost{Name: h.Name, Source: f.Candidates[i].Source.String(), Addresses: []string{}, Looks: []probeLook{}}
		for _, a := range h.Addresses {
			host.Addresses = append(host.Addresses, a.String())
		}
		for _, l := range h.Looks {
			host.Looks = append(host.Looks, lookOf(l, now))
		}
		r.Hosts = append(r.Hosts, host)
	}
	return r
}

func lookOf(l probe.Look, now time.Time) probeLook {
	out := probeLook{
		Protocol: l.Port.Protocol.String(), Port: l.Port.Number, Address: l.Address.String(), State: l.State.String(), NoRoute: l.NoRoute,
		Error: errorText(l.Err), Milliseconds: l.Took.Milliseconds(), Before: capabilitiesOf(l.Before), After: capabilitiesOf(l.After),
	}
	if l.Speaks != 0 {
		out.Speaks = l.Speaks.String()
	}
	if l.TLS != nil {
		leaf := l.TLS.Leaf()
		out.TLS = &probeTLS{
			Version: l.TLS.VersionName(), Names: []string{}, Issuer: short(leaf.Issuer.String()), NotAfter: leaf.NotAfter.UTC(),
			DaysLeft:  probe.Days(leaf.NotAfter, now),
			NameError: errorText(l.TLS.NameErr), ChainError: errorText(l.TLS.ChainErr),
		}
		for _, name := range leaf.DNSNames[:min(len(leaf.DNSNames), 100)] {
			out.TLS.Names = append(out.TLS.Names, short(name))
		}
	}
	return out
}

func capabilitiesOf(c probe.Capabilities) *probeCapabilities {
	if len(c.All)+len(c.Mechanisms) == 0 {
		return nil
	}
	return &probeCapabilities{c.All, append([]string{}, c.Mechanisms...), c.STARTTLS}
}

// short makes a name in a certificate fit for a terminal, and no longer than a name can be.
func short(s string) string {
	const most = 253
	return untrusted.Clip(s, most)
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
