package admin

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"mailhint/accounts"
	"mailhint/doctor"
	"mailhint/domains"
	"mailhint/edits"
	"mailhint/monitor"
	"mailhint/probe"
	"mailhint/settings"
	"mailhint/starter"
	"mailhint/untrusted"
)

// ServerCheck is what was seen of a mail server.
type ServerCheck struct {
	// Key is the key that has the server, such as imap.
	Key string `json:"key"`
	// URL is the server as domains.toml spells it.
	URL  string `json:"url"`
	Host string `json:"host"`
	Port uint16 `json:"port"`
	// State is a state of package monitor; "unknown" if nothing was found out, and Text says why.
	State string `json:"state"`
	Text  string `json:"text,omitempty"`
}

// Works reports whether mail programs can use the server.
func (c ServerCheck) Works() bool {
	return c.State == string(monitor.Good) || c.State == string(monitor.Warning)
}

// ProbeQuery says what to look at.
type ProbeQuery struct {
	// Key and Value are a server that is not saved yet, as domains.toml spells it: imap and imaps://imap.example.com. Empty for those of the domain.
	Key, Value string
}

const (
	// probeTime is how long a look at the servers of a domain may take.
	probeTime = 30 * time.Second
	// concealTime is how long a look for an account that is not an operator takes if something does not answer as a mail server. Otherwise its duration
	// would tell a closed port from one behind a firewall.
	concealTime = 7 * time.Second
	// maxChecks limits the servers of one look.
	maxChecks = 16
)

// Probe looks at the mail servers of a domain, or at one that is about to become one.
func (s *Service) Probe(ctx context.Context, p accounts.Principal, ref edits.Ref, q ProbeQuery) ([]ServerCheck, error) {
	a, err := s.find(ctx, p, ref)
	if err != nil {
		return nil, err
	}
	if !a.may(accounts.Probe) {
		return nil, &DeniedError{"", "this account may not look at mail servers"}
	}
	found, err := s.probed(ctx, a, q)
	if err != nil {
		return nil, err
	}
	return s.look(ctx, a, found)
}

// probed returns the settings with the servers to look at.
func (s *Service) probed(ctx context.Context, a access, q ProbeQuery) (settings.Found, error) {
	name := settings.Domain(sampleName(a.record.Name, s.Current()))
	if q.Key != "" {
		protocol, known := protocols[q.Key]
		if !known {
			return settings.Found{}, invalid("key", "%q has no mail servers; write imap, pop3, smtp or sieve", untrusted.Clip(q.Key, 50))
		}
		if why := a.why(q.Key); why != "" {
			return settings.Found{}, &DeniedError{q.Key, why}
		}
		servers, err := settings.ParseServer(protocol, q.Value)
		if err != nil {
			return settings.Found{}, invalid(q.Key, "%v", err)
		}
		return settings.Found{Domain: name, Primary: name, Settings: &settings.Settings{Servers: servers}}, nil
	}
	current := s.Current()
	if current == nil {
		return settings.Found{}, ErrUnavailable
	}
	found, _, err := current.LookupForZone(ctx, name)
	if err != nil {
		return settings.Found{}, invalid("", "%s is disabled or not served yet, so that there is nothing to look at", a.record.Shown())
	}
	return found, nil
}

// protocols are those of the keys with mail servers.
var protocols = map[string]settings.Protocol{"imap": settings.IMAP, "pop3": settings.POP3, "smtp": settings.Submission, "sieve": settings.ManageSieve}

// look looks at the mail servers of settings, within the budget of the account. Servers that the account could have chosen itself are looked at as
// from outside.
func (s *Service) look(ctx context.Context, a access, found settings.Found) ([]ServerCheck, error) {
	if s.Prober == nil {
		return nil, fmt.Errorf("looking at mail servers is %w", ErrUnavailable)
	}
	end, err := s.budgets.begin(a.who.Name, s.now())
	if err != nil {
		return nil, err
	}
	defer end()
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	servers := found.Servers[:min(len(found.Servers), maxChecks)]
	checks := make([]ServerCheck, len(servers))
	var all sync.WaitGroup
	for i, server := range servers {
		checks[i] = ServerCheck{Key: keyOfProtocol(server.Protocol), URL: server.URL(), Port: server.Port}
		checks[i].Host = server.Host.Expand(string(found.Domain), string(found.Primary))
		all.Go(func() {
			if isInside(a.who) || a.why(checks[i].Key) != "" {
				checks[i].look(ctx, s.Prober, server)
			} else {
				checks[i].lookFromOutside(ctx, s.Outside, server)
			}
		})
	}
	all.Wait()
	return checks, nil
}

// look looks at a server.
func (c *ServerCheck) look(ctx context.Context, prober Prober, server settings.Server) probe.Host {
	seen := prober.Look(ctx, c.Host, probe.Port{Protocol: server.Protocol, Number: server.Port, Security: server.Security})
	verdict := doctor.MonitorVerdict(c.Host, server, seen)
	c.State, c.Text = string(verdict.State), untrusted.Clip(verdict.Text, 500)
	return seen
}

// lookFromOutside looks at a server that somebody has named who may not learn anything about the network of this one: what does not answer as a
// mail server always looks the same, and takes the same time.
func (c *ServerCheck) lookFromOutside(ctx context.Context, prober Prober, server settings.Server) {
	if prober == nil || !isMailPort(server.Port) {
		c.State, c.Text = string(monitor.Unknown), "only the usual ports of mail servers are looked at for this account"
		return
	}
	timer := time.NewTimer(concealTime)
	defer timer.Stop()
	limited, cancel := context.WithTimeout(ctx, concealTime)
	defer cancel()
	if seen := c.look(limited, prober, server); reachedAll(seen) {
		return
	}
	c.State, c.Text = string(monitor.Closed), "no mail server answers here, or it may not be looked at"
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (s *Service) proberOf(p accounts.Principal) Prober {
	if isInside(p) {
		return s.Prober
	}
	return s.Outside
}

func keyOfProtocol(p settings.Protocol) string {
	for key, of := range protocols {
		if of == p {
			return key
		}
	}
	return ""
}

// isMailPort reports whether a port is one that mail clients use.
func isMailPort(port uint16) bool {
	return slices.Contains([]uint16{143, 993, 110, 995, 465, 587, 4190}, port)
}

// reachedAll reports whether every look has found a service of the right kind.
func reachedAll(h probe.Host) bool {
	for _, look := range h.Looks {
		if look.State != probe.Reached || look.Speaks == 0 {
			return false
		}
	}
	return len(h.Looks) > 0
}

// checkBefore looks at the mail servers of a change before it is saved, if that is asked for. The error is an InvalidError if they are required to
// work and one does not.
func (s *Service) checkBefore(ctx context.Context, a access, planned edits.Result, o Options) ([]ServerCheck, error) {
	if o.Probe != ProbeRequire && o.Probe != ProbeWarn || planned.Config == nil || a.record.Kind != edits.Domain {
		return nil, nil
	}
	if len(planned.Changes) == 1 && planned.Changes[0].After == nil {
		return nil, nil
	}
	if !a.may(accounts.Probe) && a.exists() {
		return nil, &DeniedError{"", "this account may not look at mail servers"}
	}
	checks, err := s.lookAtPlanned(ctx, a, planned.Config)
	if err != nil {
		if o.Probe == ProbeWarn {
			return []ServerCheck{{State: string(monitor.Unknown), Text: err.Error()}}, nil
		}
		return nil, err
	}
	var problems []Problem
	for _, c := range checks {
		if !c.Works() {
			problems = append(problems, Problem{c.Key, c.URL + ": " + c.Text})
		}
	}
	if o.Probe == ProbeRequire && problems != nil && !o.DryRun {
		return checks, &InvalidError{problems}
	}
	return checks, nil
}

func (s *Service) lookAtPlanned(ctx context.Context, a access, config *domains.Snapshot) ([]ServerCheck, error) {
	found, _, err := config.LookupForZone(ctx, settings.Domain(sampleName(a.record.Name, config)))
	if err != nil { // it is disabled
		return nil, nil
	}
	return s.look(ctx, a, found)
}

// FoundServers is what a search for the servers of a domain has come to.
type FoundServers struct {
	probe.Report
	// Values are the entry that they make; nil unless there are servers for receiving and for sending.
	Values edits.Values `json:"values,omitempty"`
}

// Find looks for the mail servers of a domain that is to be added.
func (s *Service) Find(ctx context.Context, p accounts.Principal, ref edits.Ref) (FoundServers, error) {
	if p.Role != accounts.Operator && p.Role != accounts.Provisioner {
		return FoundServers{}, &DeniedError{"", "only those who may add domains may search for servers"}
	}
	prober := s.proberOf(p)
	if prober == nil || s.Resolver == nil {
		return FoundServers{}, fmt.Errorf("looking at mail servers is %w", ErrUnavailable)
	}
	if sampleName(ref.Name) != ref.Name {
		return FoundServers{}, invalid("domain", "a wildcard has no mail servers of its own; write a domain")
	}
	end, err := s.budgets.begin(p.Name, s.now())
	if err != nil {
		return FoundServers{}, err
	}
	defer end()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	found, err := prober.Find(ctx, probe.Search{Name: settings.Domain(ref.Name), MailDomain: true, DNS: s.Resolver})
	if err != nil {
		return FoundServers{}, invalid("domain", "%s", untrusted.Clip(err.Error(), 500))
	}
	result := FoundServers{Report: found.Report(s.now())}
	if !isInside(p) {
		result.Hosts = nil // what does not answer is nobody's business
	}
	if !found.Complete() {
		return result, nil
	}
	text, err := starter.Entry(found)
	if err != nil {
		return result, err
	}
	records, problems := domains.ReadRecords(ref.Name, text)
	if i := slices.IndexFunc(records, func(r domains.Record) bool { return r.Name == ref.Name }); problems == nil && i >= 0 {
		result.Values = records[i].Values
	}
	return result, nil
}
