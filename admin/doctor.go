package admin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"mailhint/accounts"
	"mailhint/dnsrecords"
	"mailhint/doctor"
	"mailhint/domains"
	"mailhint/edits"
	"mailhint/settings"
	"mailhint/starter"
	"mailhint/untrusted"
)

// doctorTime is how long an examination may take.
const doctorTime = 2 * time.Minute

// Doctor examines a domain as it is served.
func (s *Service) Doctor(ctx context.Context, p accounts.Principal, ref edits.Ref) (doctor.Report, error) {
	a, err := s.find(ctx, p, ref)
	if err != nil {
		return doctor.Report{}, err
	}
	current := s.Current()
	switch {
	case !a.may(accounts.Probe):
		return doctor.Report{}, &DeniedError{"", "this account may not make this server connect to others"}
	case s.Examiner == nil || current == nil:
		return doctor.Report{}, fmt.Errorf("examining domains is %w", ErrUnavailable)
	case sampleName(ref.Name) != ref.Name:
		return doctor.Report{}, invalid("domain", "a wildcard cannot be examined; name a domain below it in mailhint doctor")
	}
	target, err := doctor.Target(ctx, current, settings.Domain(ref.Name))
	if err != nil {
		return doctor.Report{}, invalid("domain", "%s is disabled or not served yet, so that there is nothing to examine", a.record.Shown())
	}
	end, err := s.budgets.begin(p.Name, s.now())
	if err != nil {
		return doctor.Report{}, err
	}
	defer end()
	ctx, cancel := context.WithTimeout(ctx, doctorTime)
	defer cancel()
	d := s.Examiner(current)
	if !isInside(p) && a.mayNameServers() {
		if s.Outside == nil {
			return doctor.Report{}, fmt.Errorf("examining domains is %w", ErrUnavailable)
		}
		d.Prober = s.Outside
	}
	return d.Examine(ctx, target), nil
}

// mayNameServers reports whether the account may set a key that makes this server connect to a host.
func (a access) mayNameServers() bool {
	return slices.ContainsFunc(edits.Keys(edits.Domain), func(k domains.Key) bool { return len(k.Formats) > 0 && a.why(k.Name) == "" })
}

// Record is a DNS record that a domain should publish.
type Record struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Value string `json:"value"`
	// State is "published", "missing", "different" or, if that was not looked up, empty.
	State string `json:"state,omitempty"`
	// Published is what is published instead.
	Published []string `json:"published,omitempty"`
}

// DNS is what a domain should publish.
type DNS struct {
	Records []Record `json:"records"`
	// Zone are the records as lines of a zone file.
	Zone string `json:"zone"`
	// Remove are published records that are in the way.
	Remove []Record `json:"remove,omitempty"`
	// Error says why it could not be looked up what is published.
	Error string `json:"error,omitempty"`
}

// dnsTTL is the time to live of records to publish, in seconds, as mailhint dns has it.
const dnsTTL = 3600

// DNS returns the records that a domain should publish and, if lookUp is true, whether it does.
func (s *Service) DNS(ctx context.Context, p accounts.Principal, ref edits.Ref, lookUp bool) (DNS, error) {
	a, err := s.find(ctx, p, ref)
	if err != nil {
		return DNS{}, err
	}
	current := s.Current()
	switch {
	case current == nil:
		return DNS{}, ErrUnavailable
	case sampleName(ref.Name) != ref.Name:
		return DNS{}, invalid("domain", "a wildcard publishes no records of its own; each name below it does")
	}
	found, _, err := current.LookupForZone(ctx, settings.Domain(ref.Name))
	if err != nil {
		return DNS{}, invalid("domain", "%s is disabled or not served yet, so that it has no records to publish", a.record.Shown())
	}
	o := dnsrecords.Options{TTL: dnsTTL, Server: current.Server.Name}
	want, err := starter.Records(found, o)
	switch {
	case errors.Is(err, dnsrecords.ErrNoServer):
		return DNS{}, invalid("domain", "the host name of this server is not known: an operator has to set name in [server]")
	case err != nil:
		return DNS{}, err
	}
	zone, err := dnsrecords.Print("zone", found.Domain, want)
	if err != nil {
		return DNS{}, err
	}
	result := DNS{Records: []Record{}, Zone: string(zone)}
	for _, r := range want {
		result.Records = append(result.Records, Record{Name: r.Name, Type: r.Data.Type(), Value: r.Data.String()})
	}
	if lookUp {
		err = s.lookUpRecords(ctx, a, want, o, &result)
	}
	return result, err
}

// lookUpRecords finds out what is published.
func (s *Service) lookUpRecords(ctx context.Context, a access, want []dnsrecords.Record, o dnsrecords.Options, result *DNS) error {
	if s.Resolver == nil {
		result.Error = "this server does not look up records"
		return nil
	}
	end, err := s.budgets.begin(a.who.Name, s.now())
	if err != nil {
		return err
	}
	defer end()
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	differences, err := dnsrecords.Differences(ctx, s.Resolver, want, o)
	if err != nil {
		result.Error = untrusted.Clip(err.Error(), 500)
		return nil
	}
	for i := range result.Records {
		r := &result.Records[i]
		r.State = "published"
		for _, d := range differences {
			same := strings.EqualFold(d.Name, r.Name) && d.Data.Type() == r.Type
			switch {
			case !d.Extra && same && d.Data.String() == r.Value && r.State == "published":
				r.State = "missing"
			case d.Extra && strings.EqualFold(d.Name, r.Name):
				r.State = "different"
				r.Published = append(r.Published, untrusted.Clip(d.Data.Type()+" "+d.Data.String(), 300))
			}
		}
	}
	for _, d := range differences {
		if d.Extra && !d.Wildcard {
			result.Remove = append(result.Remove, Record{Name: untrusted.Clip(d.Name, 300), Type: d.Data.Type(), Value: untrusted.Clip(d.Data.String(), 300)})
		}
	}
	return nil
}
