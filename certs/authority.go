package certs

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
)

// authority is a CA and our account there.
type authority struct {
	url     string
	key     string // its name in the storage, as certmagic calls it
	email   string
	profile string
	storage certmagic.Storage
	next    http.RoundTripper
	dns     DNSChallenges // nil if names are not verified by DNS
	budget  *budget

	registering sync.Mutex // held while an account is registered

	mu        sync.Mutex
	until     time.Time // no orders before
	fault     string    // why
	unreached int       // orders in a row that did not get through
}

func newAuthority(address string, config Config, storage certmagic.Storage, next http.RoundTripper) (*authority, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%q is not a valid ACME directory; write a URL such as %q", address, certmagic.LetsEncryptProductionCA)
	}
	key := certmagic.StorageKeys.Safe((&certmagic.ACMEIssuer{CA: address}).IssuerKey())
	return &authority{
		url: address, key: key, email: strings.ToLower(strings.TrimSpace(config.Email)), profile: config.Profile,
		storage: storage, next: next, dns: config.DNS, budget: &budget{key: key, perHour: config.PerHour, storage: storage},
	}, nil
}

// pause returns for how long this CA gets no orders, and why.
func (a *authority) pause(now time.Time) (time.Duration, string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.until.Sub(now), a.fault
}

func (a *authority) isAway() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.unreached > 0
}

// result is what one order has come to.
type result struct {
	outcome outcome
	issued  *issued       // if it was ordered
	err     error         // if not
	after   time.Duration // how long the CA wants no orders, for this name or at all
	placed  bool          // the CA has accepted the order, and perhaps issued nothing
}

// order places one order with this CA, proved by one kind of challenge, and notes what that says about the CA. old is the certificate
// to be renewed, or nil. p is the order's place in the budget.
func (a *authority) order(ctx context.Context, name, kind string, old *stored, clock Clock, p place) result {
	ctx, cancel := context.WithTimeout(ctx, orderTime)
	defer cancel()
	x := &exchange{next: a.next}
	cert, err := a.issue(ctx, name, kind, old, x)
	if err != nil && x.storageFault != nil {
		err = x.storageFault // acmez may hide it, and the CA has nothing to do with it
	}
	now := clock.Now()
	r := result{outcome: outcomeOf(name, err, x.status), issued: cert, err: err, after: x.retryAfter, placed: x.orders > 0}
	switch {
	case !r.placed && (r.outcome == unreachable || r.outcome == unsavable) && (ctx.Err() == nil || x.lost == 0): // otherwise an outage would use up the next hour's orders
		a.budget.giveBack(ctx, p)
	case r.placed:
		for range x.lost { // the CA may have accepted these too
			a.budget.add(ctx, now, p.domain)
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	switch r.outcome {
	case held:
		r.after = cmp.Or(r.after, time.Hour)
		a.until, a.fault = now.Add(r.after), clip(err)
	case limited:
		r.after = cmp.Or(r.after, time.Hour)
	case unsavable: // which says nothing about the CA
		r.after = 0
	case unreachable:
		a.unreached++
		r.after = min(max(r.after, spread(unreachablePause)), maxUnreachablePause)
		a.until, a.fault = now.Add(r.after), clip(err)
	default:
		a.unreached, a.fault = 0, ""
		r.after = 0 // nothing asks to wait after a failed challenge; it was about an earlier request
	}
	return r
}

// unreachablePause is the time between attempts to reach a CA. One name at a time is tried then, so that it can be short.
const unreachablePause = 8 * time.Second

// maxUnreachablePause bounds the pause when a CA, or a proxy in front of it, answers with an error and asks for a longer one.
const maxUnreachablePause = time.Hour

// spread returns d give or take a quarter, so that what failed together is not tried again together.
func spread(d time.Duration) time.Duration {
	return d*3/4 + rand.N(d/2+1)
}

// authority returns the CA with a name in the storage, or nil if it is not configured.
func (c *Certificates) authority(issuer string) *authority {
	for _, ca := range c.cas {
		if ca.key == issuer {
			return ca
		}
	}
	return nil
}
