package probe

import (
	"time"

	"mailhint/settings"
	"mailhint/untrusted"
)

// Report is a Finding in JSON, with everything that was seen. Members may be added; their names and meanings never change.
type Report struct {
	Domain   string          `json:"domain"`
	IsHost   bool            `json:"is_host"` // the name is a host's, so that the domain is a guess
	Servers  []serverReport  `json:"servers"` // to advertise
	Services []serviceReport `json:"services"`
	Problems []string        `json:"problems"`
	Remarks  []string        `json:"remarks"`
	Hosts    []hostReport    `json:"hosts"`
	// TOML is the entry for domains.toml. Finding.Report leaves it empty.
	TOML string `json:"toml,omitempty"`
}

type serviceReport struct {
	Name  string `json:"name"` // CalDAV, CardDAV, JMAP
	URL   string `json:"url"`
	Fault string `json:"fault,omitempty"` // why it is not in the entry
}

type serverReport struct {
	URL  string          `json:"url"` // as domains.toml spells it
	Auth []settings.Auth `json:"auth"`
}

type hostReport struct {
	Name      string       `json:"name"`
	Source    string       `json:"source"`
	Addresses []string     `json:"addresses"`
	Looks     []lookReport `json:"looks"`
}

type lookReport struct {
	Protocol     string              `json:"protocol"`
	Port         uint16              `json:"port"`
	Address      string              `json:"address"`
	State        string              `json:"state"` // one of stateNames
	NoRoute      bool                `json:"no_route,omitempty"`
	Speaks       string              `json:"speaks,omitempty"`
	TLS          *tlsReport          `json:"tls,omitempty"`
	Before       *capabilitiesReport `json:"before_tls,omitempty"`
	After        *capabilitiesReport `json:"after_tls,omitempty"`
	Error        string              `json:"error,omitempty"`
	Milliseconds int64               `json:"ms"`
	Greeting     int64               `json:"greeting_ms,omitempty"` // how long the server took to greet
}

type tlsReport struct {
	Version    string    `json:"version"`
	Names      []string  `json:"names"` // of the server's certificate
	Issuer     string    `json:"issuer"`
	NotAfter   time.Time `json:"not_after"`
	DaysLeft   int       `json:"days_left"`
	NameError  string    `json:"name_error,omitempty"`
	ChainError string    `json:"chain_error,omitempty"`
}

type capabilitiesReport struct {
	All        []string `json:"all"`
	Mechanisms []string `json:"mechanisms"`
	STARTTLS   bool     `json:"starttls"`
}

// Report returns the finding in its JSON form. The time is the one that certificates are judged by.
func (f *Finding) Report(now time.Time) Report {
	r := Report{
		Domain: string(f.Domain), IsHost: f.IsHost, Servers: []serverReport{}, Services: []serviceReport{}, Hosts: []hostReport{},
		Problems: append([]string{}, f.Problems...), Remarks: append([]string{}, f.Remarks...),
	}
	for _, s := range f.Servers {
		r.Servers = append(r.Servers, serverReport{s.URL(), s.Auth})
	}
	for _, s := range f.Services {
		r.Services = append(r.Services, serviceReport{s.Name, string(s.URL), s.Fault})
	}
	for i, h := range f.Hosts {
		host := hostReport{Name: h.Name, Source: f.Candidates[i].Source.String(), Addresses: []string{}, Looks: []lookReport{}}
		for _, a := range h.Addresses {
			host.Addresses = append(host.Addresses, a.String())
		}
		for _, l := range h.Looks {
			host.Looks = append(host.Looks, l.report(now))
		}
		r.Hosts = append(r.Hosts, host)
	}
	return r
}

// stateNames are the states in JSON.
var stateNames = map[State]string{
	0: "not probed", Reached: "reached", Refused: "refused", Silent: "no answer", Unreachable: "unreachable", Forbidden: "private",
}

func (l Look) report(now time.Time) lookReport {
	out := lookReport{
		Protocol: l.Port.Protocol.String(), Port: l.Port.Number, Address: l.Address.String(), State: stateNames[l.State], NoRoute: l.NoRoute,
		Error: errorText(l.Err), Milliseconds: l.Took.Milliseconds(), Greeting: l.Greeted.Milliseconds(), Before: l.Before.report(), After: l.After.report(),
	}
	if l.Speaks != 0 {
		out.Speaks = l.Speaks.String()
	}
	if l.TLS != nil {
		out.TLS = l.TLS.report(now)
	}
	return out
}

func (c Capabilities) report() *capabilitiesReport {
	if len(c.All)+len(c.Mechanisms) == 0 {
		return nil
	}
	return &capabilitiesReport{c.All, append([]string{}, c.Mechanisms...), c.STARTTLS}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

const (
	maxReportedNames = 100 // of one certificate
	maxName          = 253 // characters of one of its names, as long as a host name can be
)

func (t *TLS) report(now time.Time) *tlsReport {
	leaf := t.Leaf()
	out := &tlsReport{
		Version: t.VersionName(), Names: []string{}, Issuer: untrusted.Clip(leaf.Issuer.String(), maxName), NotAfter: leaf.NotAfter.UTC(),
		DaysLeft:  Days(leaf.NotAfter, now),
		NameError: errorText(t.NameErr), ChainError: errorText(t.ChainErr),
	}
	for _, name := range leaf.DNSNames[:min(len(leaf.DNSNames), maxReportedNames)] {
		out.Names = append(out.Names, untrusted.Clip(name, maxName))
	}
	return out
}
