package dnsupdate

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/miekg/dns"

	"mailhint/dnsrecords"
	"mailhint/domains"
	"mailhint/resolver"
)

// Challenges publishes the TXT records with which a CA verifies names by DNS (DNS-01, RFC 8555 section 8.4): texts at the names
// "_acme-challenge." and a name, in the zones that the configuration has at that time. Each text is added to and removed from those that are
// there, so that several certificates can be ordered at once. It implements certs.DNSChallenges.
type Challenges struct {
	// Zones returns the zones that may be changed.
	Zones func() domains.DNS
	// Hosts finds the addresses of the zones' name servers; nil means this machine's resolver.
	Hosts HostResolver
	// Timeout is that of Updater.
	Timeout time.Duration

	// port is that of the zones' name servers: "53", except in tests.
	port string
}

const (
	challengeLabel = "_acme-challenge."
	challengeTTL   = 60 // seconds
	// betweenPolls is the time between two questions whether a name server has a record.
	betweenPolls = time.Second
	// pollTimeout is how long one of them may take.
	pollTimeout = 3 * time.Second
)

// Covers reports whether records for a name may be published.
func (c *Challenges) Covers(name string) bool {
	_, ok := c.Zones().ZoneOf(challengeLabel + name)
	return ok
}

// open connects to the name server of the zone for a name. owner is the name of the record.
func (c *Challenges) open(ctx context.Context, name string) (s *session, owner string, err error) {
	place, ok := c.Zones().ZoneOf(challengeLabel + name)
	if !ok {
		return nil, "", fmt.Errorf("%s%s: %w", challengeLabel, name, ErrNoZone)
	}
	u := &Updater{Timeout: c.Timeout} // a new one: what does not answer now may do so the next time
	s, err = u.open(ctx, place)
	return s, dns.CanonicalName(challengeLabel + name), err
}

// Check returns why records for a name cannot be published now, or nil. It sends updates that change nothing.
func (c *Challenges) Check(ctx context.Context, name string) error {
	s, owner, err := c.open(ctx, name)
	if err != nil {
		return err
	}
	defer s.close()
	exists, err := s.exists(ctx, s.zone, dns.TypeSOA)
	if err == nil && !exists {
		err = fmt.Errorf("%w: it does not have the zone %s", ErrRefused, s.place.Name)
	}
	if err != nil {
		return err
	}
	alias, err := s.exists(ctx, owner, dns.TypeCNAME)
	if err == nil && alias {
		err = aliasError(owner)
	}
	return err
}

// aliasError says that the record of a CA cannot be published at a name because that is an alias.
func aliasError(owner string) error {
	return fmt.Errorf("%s is an alias (CNAME), which leaves the records there to another zone; remove it, so that records can be published at the name itself",
		strings.TrimSuffix(owner, "."))
}

// Publish adds a text for a name, and asks the name server whether it has it.
func (c *Challenges) Publish(ctx context.Context, name, text string) error {
	s, owner, err := c.open(ctx, name)
	if err != nil {
		return err
	}
	defer s.close()
	record := dnsrecords.Record{Name: strings.TrimSuffix(owner, "."), TTL: challengeTTL, Data: dnsrecords.Text(text)}
	m := new(dns.Msg)
	m.SetUpdate(s.zone)
	m.RRsetNotUsed([]rr{&dns.ANY{Hdr: dns.RR_Header{Name: owner, Rrtype: dns.TypeCNAME}}})
	m.Insert([]rr{newRR(record, challengeTTL)})
	err = s.update(ctx, m.Answer, m.Ns, []dnsrecords.Record{record})
	if errors.Is(err, ErrConflict) {
		return aliasError(owner)
	}
	if err != nil {
		return err
	}
	found, err := s.ask(ctx, owner, dns.TypeTXT)
	if err == nil && !hasText(found, text) {
		err = fmt.Errorf("%w: %s TXT", ErrNotPublished, record.Name)
	}
	return err
}

// Withdraw removes a text for a name. Others stay.
func (c *Challenges) Withdraw(ctx context.Context, name, text string) error {
	s, owner, err := c.open(ctx, name)
	if err != nil {
		return err
	}
	defer s.close()
	record := dnsrecords.Record{Name: strings.TrimSuffix(owner, "."), Data: dnsrecords.Text(text)}
	m := new(dns.Msg)
	m.SetUpdate(s.zone)
	m.Remove([]rr{newRR(record, 0)})
	return s.update(ctx, nil, m.Ns, []dnsrecords.Record{record})
}

func hasText(records []rr, text string) bool {
	for _, r := range records {
		if recordOf(r).Data == dnsrecords.Text(text) {
			return true
		}
	}
	return false
}

// Wait waits until every name server of the zone that answers has a text that was published for a name, as the CA may ask any of them. It
// returns nil when ctx ends first: the CA decides.
func (c *Challenges) Wait(ctx context.Context, name, text string) error {
	s, owner, err := c.open(ctx, name)
	if err != nil {
		return nil // it was published a moment ago; if it cannot be seen now, the CA still may
	}
	servers, err := s.ask(ctx, s.zone, dns.TypeNS)
	s.close()
	if err != nil {
		return nil
	}
	var waiting []string
	for _, r := range servers {
		ns, ok := r.(*dns.NS)
		if !ok {
			continue
		}
		addresses, _, _ := c.hosts().Host(ctx, strings.TrimSuffix(ns.Ns, ".")) // a name server without addresses is not asked by the CA either
		for _, a := range addresses {
			waiting = append(waiting, net.JoinHostPort(a.String(), c.portOf()))
		}
	}
	for ctx.Err() == nil {
		var missing []string
		for _, server := range waiting {
			if lacks(ctx, server, owner, text) {
				missing = append(missing, server)
			}
		}
		if waiting = missing; len(waiting) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
		case <-time.After(betweenPolls):
		}
	}
	return nil
}

func (c *Challenges) hosts() HostResolver {
	if c.Hosts == nil {
		return resolver.SystemNow{}
	}
	return c.Hosts
}

func (c *Challenges) portOf() string {
	if c.port == "" {
		return "53"
	}
	return c.port
}

// lacks reports whether a name server answers, and does not have a text at a name.
func lacks(ctx context.Context, server, owner, text string) bool {
	m := new(dns.Msg)
	m.SetQuestion(owner, dns.TypeTXT)
	m.RecursionDesired = false
	client := dns.Client{Net: "tcp", Timeout: pollTimeout}
	answer, _, err := client.ExchangeContext(ctx, m, server)
	return err == nil && !hasText(answer.Answer, text)
}
