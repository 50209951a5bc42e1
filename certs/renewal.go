package certs

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3/acme"
)

const (
	askTime     = 10 * time.Second // for the renewal information of one certificate
	maxAsked    = 50               // certificates asked about in one go
	minAskAgain = time.Minute      // between two requests about one certificate
	maxAskAgain = 24 * time.Hour

	// minKeep is how long a certificate is kept at least, unless a tenth of its lifetime is shorter: a CA whose suggested times are
	// always in the past, because its clock is wrong, would be ordered endlessly. CAs date certificates back by an hour.
	minKeep = 6 * time.Hour
)

// setRenewal decides when to renew: at the moment the CA suggests, if it does; otherwise when a third of the lifetime is left, or half
// for certificates of a few days, as Let's Encrypt advises. Whatever the CA suggests, the last tenth is too late.
func (s *stored) setRenewal() {
	life := s.notAfter.Sub(s.notBefore)
	left := life / 3
	if life < 10*24*time.Hour {
		left = life / 2
	}
	s.renewAt = s.notAfter.Add(-left)
	s.askAgain = s.notBefore // which is now
	if s.ari == nil || s.ari.SelectedTime.IsZero() {
		return
	}
	early, late := s.notBefore.Add(min(life/10, minKeep)), s.notAfter.Add(-life/10)
	s.renewAt = s.ari.SelectedTime
	if s.renewAt.Before(early) {
		s.renewAt = early
	}
	if s.renewAt.After(late) {
		s.renewAt = late
	}
	if s.ari.RetryAfter != nil {
		s.askAgain = *s.ari.RetryAfter
	}
}

// askAboutRenewals asks the CAs again when to renew (ARI, RFC 9773), about each certificate as often as its CA has said. This is where a
// CA that has to revoke certificates says so first.
func (c *Certificates) askAboutRenewals(ctx context.Context) {
	asked := 0
	for name, e := range c.known.all() {
		now := c.clock.Now()
		// A time later than any of ours was stored as the CA said it, or the clock has been set back.
		if wait := e.askAgain.Sub(now); wait > 0 && wait <= maxAskAgain || now.After(e.notAfter) || !c.allowed(name) {
			continue
		}
		if asked++; asked > maxAsked || ctx.Err() != nil {
			return
		}
		err := c.askAboutRenewal(ctx, name)
		if err == nil {
			continue
		}
		later := *e
		later.askAgain = now.Add(spread(time.Hour))
		never := errors.Is(err, acme.ErrUnsupported) || errors.Is(err, errOtherCA)
		if never {
			later.askAgain = now.Add(maxAskAgain)
		}
		c.known.put(name, &later)
		c.log.Debug("the CA does not say when to renew", "name", name, "error", clip(err))
		if !never {
			return // the other requests to this CA would take as long
		}
	}
}

// errOtherCA means that the CA of a certificate is no longer configured.
var errOtherCA = errors.New("its CA is not in the configuration")

func (c *Certificates) askAboutRenewal(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	s, err := c.read(ctx, name)
	if err != nil {
		return err
	}
	ca := c.authority(s.issuer)
	if ca == nil {
		return errOtherCA
	}
	info, err := ca.client(&exchange{next: ca.next}).GetRenewalInfo(ctx, s.leaf)
	if err != nil {
		return err
	}
	if current, err := c.read(ctx, name); err != nil {
		return err
	} else if !current.leaf.Equal(s.leaf) { // renewed meanwhile, perhaps by another process: the answer is about the old one
		c.known.put(name, &current.entry)
		return nil
	}
	if s.ari != nil && info.SameWindow(*s.ari) && !s.ari.SelectedTime.IsZero() {
		info.SelectedTime = s.ari.SelectedTime // it is chosen at random, once
	}
	wait := 6 * time.Hour // RFC 9773 section 4.3.2, as are the bounds
	if info.RetryAfter != nil {
		wait = min(max(time.Until(*info.RetryAfter), minAskAgain), maxAskAgain)
	}
	next := c.clock.Now().Add(wait)
	info.RetryAfter = &next
	if err := c.storeRenewalInfo(ctx, s, info); err != nil {
		return err
	}
	s.ari = &info
	s.setRenewal()
	e := s.entry
	c.known.put(name, &e)
	return nil
}

// renewalInfo returns the CA's renewal information that is stored with a certificate; nil if there is none.
func renewalInfo(meta []byte) *acme.RenewalInfo {
	_, certificate, err := parseMeta(meta)
	if err != nil {
		return nil
	}
	return certificate.RenewalInfo
}

// parseMeta reads what certmagic keeps beside a certificate.
func parseMeta(meta []byte) (resource certmagic.CertificateResource, certificate acme.Certificate, err error) {
	if err := json.Unmarshal(meta, &resource); err != nil {
		return resource, certificate, err
	}
	err = json.Unmarshal(resource.IssuerData, &certificate)
	return resource, certificate, err
}

// storeRenewalInfo keeps the CA's renewal information beside the certificate.
func (c *Certificates) storeRenewalInfo(ctx context.Context, s *stored, info acme.RenewalInfo) error {
	key := certmagic.StorageKeys.SiteMeta(s.issuer, s.name)
	text, err := c.storage.Load(ctx, key)
	if err != nil {
		return err
	}
	resource, certificate, err := parseMeta(text)
	if err != nil {
		return err
	}
	certificate.RenewalInfo = &info
	if resource.IssuerData, err = json.Marshal(certificate); err != nil {
		return err
	}
	if text, err = json.MarshalIndent(resource, "", "\t"); err != nil {
		return err
	}
	return c.storage.Store(ctx, key, text)
}
