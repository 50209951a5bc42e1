package dnsupdate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"mailhint/dnsrecords"
)

// apply makes the changes of a plan, and asks whether the name server has the records.
func (u *Updater) apply(ctx context.Context, p *Plan) {
	if p.Err != nil || p.Changes() == 0 {
		return
	}
	s, err := u.open(ctx, p.Place)
	if err != nil {
		p.Err = err
		return
	}
	defer s.close()
	if s.key.Name() != p.Key {
		p.Err = fmt.Errorf("%w: key_file has another key than when the plan was made", ErrConflict)
		return
	}
	if p.Err = s.update(ctx, p.prerequisites, p.updates, p.Records); p.Err != nil {
		return
	}
	p.Err = s.check(ctx, p, u.pointsHere(ctx))
	p.Done = p.Err == nil
}

// update sends an update. It panics rather than to change a record whose name and kind are not those of a planned one: no plan has such a
// change.
func (s *session) update(ctx context.Context, prerequisites, updates []rr, planned []dnsrecords.Record) error {
	for _, r := range updates {
		inZone := dns.IsSubDomain(s.zone, r.Header().Name)
		if !inZone || !slices.ContainsFunc(planned, func(p dnsrecords.Record) bool { return groupOf(p) == groupOf(recordOf(r)) }) {
			panic("dnsupdate: the update would change " + r.Header().Name + " " + dns.Type(r.Header().Rrtype).String() + ", which is not planned")
		}
	}
	m := new(dns.Msg)
	m.SetUpdate(s.zone)
	m.Answer, m.Ns = copies(prerequisites), copies(updates)
	answer, err := s.exchange(ctx, m)
	switch {
	case err != nil:
		return err
	case answer.Rcode == dns.RcodeSuccess:
		return nil
	case answer.Rcode == dns.RcodeNameError || isPrerequisite(answer.Rcode):
		return ErrConflict
	}
	return s.refusal(answer.Rcode)
}

func copies(list []rr) []rr {
	var all []rr
	for _, r := range list {
		all = append(all, dns.Copy(r))
	}
	return all
}

// check asks the name server whether it has what a plan has changed.
func (s *session) check(ctx context.Context, p *Plan, pointsHere func([]dnsrecords.Record) bool) error {
	has, err := s.read(ctx, p.Records)
	if err != nil {
		return fmt.Errorf("the update was accepted, but it cannot be verified: %w", err)
	}
	again := Plan{Wanted: p.Wanted, Place: p.Place}
	again.decide(has, true, pointsHere)
	var wrong []string
	for _, r := range p.Add {
		if slices.ContainsFunc(again.Add, func(other dnsrecords.Record) bool { return other.Name == r.Name && other.Data == r.Data }) {
			wrong = append(wrong, r.Name+" "+r.Data.Type())
		}
	}
	for _, r := range p.Remove {
		if slices.ContainsFunc(again.Remove, func(other dnsrecords.Record) bool { return other.Name == r.Name && other.Data == r.Data }) {
			wrong = append(wrong, r.Name+" "+r.Data.Type())
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%w: %s", ErrNotPublished, strings.Join(wrong, ", "))
	}
	return nil
}
