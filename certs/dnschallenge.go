package certs

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3"
	"github.com/mholt/acmez/v3/acme"
)

// DNSChallenges publishes the records with which a CA verifies names by DNS (DNS-01, RFC 8555 section 8.4): TXT records of the names
// "_acme-challenge." and a name. All names are without "*.": a wildcard has the record of the name above it. The methods may be called at the
// same time, also for the same name.
type DNSChallenges interface {
	// Covers reports whether records of a name may be published. It answers from memory.
	Covers(name string) bool
	// Check returns why records of a name cannot be published now, or nil.
	Check(ctx context.Context, name string) error
	// Publish adds a text to those that are published for a name.
	Publish(ctx context.Context, name, text string) error
	// Wait waits until the name servers of the zone have a text that has been published, or ctx is done, or it cannot be told.
	Wait(ctx context.Context, name, text string) error
	// Withdraw removes a text.
	Withdraw(ctx context.Context, name, text string) error
}

// errNoDNS means that a wildcard cannot be verified.
var errNoDNS = errors.New("a wildcard can be verified by DNS only; add its zone to [dns]")

// ways returns the kinds of challenges that can verify a name: those whose kind has worked last come first. A name whose DNS does not point
// here can be verified by DNS only, and a wildcard always. Why a name cannot be verified is noted.
func (c *Certificates) ways(ctx context.Context, name string) ([]string, error) {
	base := strings.TrimPrefix(name, "*.")
	byDNS := c.config.DNS != nil && c.config.DNS.Covers(base)
	onlyDNS := []string{acme.ChallengeTypeDNS01}
	switch {
	case isWildcard(name) && byDNS:
		return onlyDNS, nil
	case isWildcard(name):
		c.failures.addDNSError(name, errNoDNS, c.clock.Now(), !c.listed(name))
		return nil, errNoDNS
	}
	if c.config.PointsHere != nil {
		short, cancel := context.WithTimeout(ctx, lookupTime)
		defer cancel()
		err := c.config.PointsHere(short, name)
		switch {
		case err != nil && byDNS && !errors.Is(err, ErrNoAddress) && ctx.Err() == nil:
			return onlyDNS, nil
		case err != nil && ctx.Err() == nil:
			c.failures.addDNSError(name, err, c.clock.Now(), !c.listed(name))
			return nil, err
		case err != nil:
			return nil, err
		}
	}
	kinds := c.kinds.all()
	if !byDNS {
		kinds = slices.DeleteFunc(kinds, func(kind string) bool { return kind == acme.ChallengeTypeDNS01 })
	}
	return kinds, nil
}

const (
	dnsCheckTime  = 15 * time.Second // to see whether records can be published
	propagateTime = 90 * time.Second // until all name servers have a record
)

// checkDNS returns why a name cannot be verified by DNS now, or nil.
func (c *Certificates) checkDNS(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, dnsCheckTime)
	defer cancel()
	return ownFault(c.config.DNS.Check(ctx, strings.TrimPrefix(name, "*.")))
}

// ownFault keeps an error about our own name server from being taken for one of the CA.
func ownFault(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("the record for the CA cannot be published: %s", err)
}

// dnsSolver publishes the record of an order while the CA verifies it, and keeps a note of it in the storage: if the process is killed, the
// record is removed later. It implements acmez.Solver and acmez.Waiter.
type dnsSolver struct {
	dns     DNSChallenges
	storage certmagic.Storage
	fault   *error // receives why the note could not be stored
}

// publishedPrefix is where the notes are: the texts of records, with their names.
const publishedPrefix = "dns_challenges"

func noteKey(text string) string { return path.Join(publishedPrefix, text) }

func (s dnsSolver) Present(ctx context.Context, challenge acme.Challenge) error {
	name, text := challenge.Identifier.Value, challenge.DNS01KeyAuthorization()
	if err := s.storage.Store(ctx, noteKey(text), []byte(name)); err != nil {
		if errors.Is(err, errStorage) {
			*s.fault = err
		}
		return err
	}
	return ownFault(s.dns.Publish(ctx, name, text))
}

func (s dnsSolver) Wait(ctx context.Context, challenge acme.Challenge) error {
	ctx, cancel := context.WithTimeout(ctx, propagateTime)
	defer cancel()
	return ownFault(s.dns.Wait(ctx, challenge.Identifier.Value, challenge.DNS01KeyAuthorization()))
}

func (s dnsSolver) CleanUp(ctx context.Context, challenge acme.Challenge) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dnsCheckTime)
	defer cancel()
	return withdraw(ctx, s.dns, s.storage, challenge.Identifier.Value, challenge.DNS01KeyAuthorization())
}

// withdraw removes a record, and then the note of it.
func withdraw(ctx context.Context, dns DNSChallenges, storage certmagic.Storage, name, text string) error {
	if err := dns.Withdraw(ctx, name, text); err != nil {
		return err
	}
	return storage.Delete(ctx, noteKey(text))
}

// withdrawLeftovers removes the records that killed processes have left in DNS. Those that cannot be removed stay until the next time. A note
// about a name outside of the zones is of no use any more.
func (c *Certificates) withdrawLeftovers(ctx context.Context) {
	for _, key := range c.inside(ctx, publishedPrefix) {
		info, err := c.storage.Stat(ctx, key)
		if err != nil || !info.IsTerminal || time.Since(info.Modified) < leftoverRecordAge {
			continue
		}
		name, err := c.storage.Load(ctx, key)
		switch {
		case err != nil:
			continue
		case c.config.DNS == nil || !c.config.DNS.Covers(string(name)):
			err = c.storage.Delete(ctx, key)
		default:
			short, cancel := context.WithTimeout(ctx, dnsCheckTime)
			err = withdraw(short, c.config.DNS, c.storage, string(name), path.Base(key))
			cancel()
		}
		if err != nil && ctx.Err() == nil {
			c.log.Debug("a record that an interrupted order has left in DNS cannot be removed", "name", string(name), "error", err)
		}
	}
}

// solver returns what answers a kind of challenge.
func (a *authority) solver(kind string, x *exchange) acmez.Solver {
	if kind == acme.ChallengeTypeDNS01 {
		return dnsSolver{a.dns, a.storage, &x.storageFault}
	}
	return solver{a.storage, a.key, &x.storageFault}
}
