package certs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3/acme"

	"mailhint/untrusted"
)

// authority is a CA and our account there.
type authority struct {
	url    string
	key    string // its name in the storage
	config *certmagic.Config
	issuer *certmagic.ACMEIssuer
	budget *budget

	mu         sync.Mutex
	until      time.Time     // no orders before
	fault      string        // why
	away       int           // orders in a row that did not get through
	retryAfter time.Duration // what its last refusal asked for, if it has not been used yet
}

func (c *Certificates) newAuthorities() error {
	var magic *certmagic.Config // any will do: it is for certificates in certmagic's cache, where there are none
	c.magic = certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert: func(certmagic.Certificate) (*certmagic.Config, error) { return magic, nil },
		Logger:           newZap(c.log, func(int, http.Header) {}),
	})
	for _, address := range c.config.CAs {
		u, err := url.Parse(address)
		if err != nil || u.Scheme != "https" || u.Host == "" {
			c.magic.Stop()
			return fmt.Errorf("%q is no ACME directory; write an address such as %q", address, certmagic.LetsEncryptProductionCA)
		}
		a := &authority{url: address}
		log := newZap(c.log, a.heard)
		// A certmagic.Config for each CA, so that we decide which one is asked, and see what each one says.
		a.config = certmagic.New(c.magic, certmagic.Config{
			Storage: c.storage, Logger: log, KeySource: certmagic.StandardKeyGenerator{KeyType: certmagic.P256},
			OCSP:                certmagic.OCSPConfig{DisableStapling: true}, // we serve without certmagic's cache
			DisableStorageCheck: true,                                        // it would be the name's fault; see checkStorage
		})
		a.issuer = certmagic.NewACMEIssuer(a.config, certmagic.ACMEIssuer{
			CA: address, Agreed: true, Profile: c.config.Profile, TrustedRoots: c.config.Roots, Logger: log,
			// certmagic asks on the terminal for an empty address, and makes this an empty one.
			Email: cmp.Or(c.config.Email, " "),
		})
		a.issuer.TestCA = "" // else a failure would send us to Let's Encrypt's staging servers
		a.config.Issuers = []certmagic.Issuer{a.issuer}
		a.key = certmagic.StorageKeys.Safe(a.issuer.IssuerKey())
		a.budget = &budget{key: a.key, perHour: c.config.PerHour, storage: c.storage}
		c.cas, magic = append(c.cas, a), a.config
	}
	return nil
}

// maxRetryAfter bounds what a CA can ask for. The longest known window of a limit is a week.
const maxRetryAfter = 7 * 24 * time.Hour

// heard notes what a refusal says about trying again (RFC 8555 section 6.6).
func (a *authority) heard(status int, header http.Header) {
	text := header.Get("Retry-After")
	if status < 400 || text == "" { // in good answers it is about asking how an order goes
		return
	}
	var after time.Duration
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		after = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		after = time.Until(at)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.retryAfter = min(after, maxRetryAfter)
}

// pause returns for how long this CA gets no orders, and why.
func (a *authority) pause(now time.Time) (time.Duration, string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.until.Sub(now), a.fault
}

// errSpent means that the account has made all its orders for now.
var errSpent = errors.New("the orders of this hour are used up")

// What became of an order.
type outcome int

const (
	ordered  outcome = iota
	refused          // this name gets no certificate, there or elsewhere
	declined         // not from this CA
	limited          // this CA wants fewer orders of this name
	held             // this CA wants fewer orders
	away             // this CA does not answer, or not properly
)

func (o outcome) String() string {
	return [...]string{"ok", "refused", "declined", "limited", "limited", "away"}[o]
}

// withoutReplaces is a context in which certmagic does not tell which certificate an order replaces: it counts attempts in there, and
// leaves that out in this one.
func withoutReplaces(ctx context.Context) context.Context {
	attempt := 2
	return context.WithValue(ctx, certmagic.AttemptsCtxKey, &attempt)
}

// order gets a certificate from this CA, into the storage. failed is how often that has failed. after is how long the CA wants us to
// wait if it gives none.
func (a *authority) order(ctx context.Context, name string, failed int, clock Clock, p place) (what outcome, after time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, orderTime)
	defer cancel()
	// A CA may refuse a renewal because of the certificate that it replaces: it does not know it any more, or misreads its number
	// (Pebble 2.10.1, numbers that DER begins with a zero: 1 of 256). So every other attempt does without.
	a.mu.Lock()
	failed += a.away
	a.mu.Unlock()
	if failed%2 == 1 {
		ctx = withoutReplaces(ctx)
	}
	// Sync means: once, without certmagic's own retries. It orders a first certificate as well. Forced, because we have decided
	// that it is time, by our clock and holding the name's lock.
	err = a.config.RenewCertSync(ctx, name, true)
	now := clock.Now()
	what = outcomeOf(name, err)
	if what == away && ctx.Err() == nil { // nothing was ordered; else an outage would use up the orders of the hour after it
		a.budget.giveBack(ctx, p)
	}
	if what == refused && !a.issuer.DisableHTTPChallenge && !a.issuer.DisableTLSALPNChallenge {
		a.budget.add(ctx, now) // the library has asked to be looked for in both ways, which takes two orders
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	after, a.retryAfter = a.retryAfter, 0
	switch what {
	case held:
		after = cmp.Or(after, time.Hour)
		a.until, a.fault = now.Add(after), untrusted.Clip(err.Error(), maxText)
	case limited:
		after = cmp.Or(after, time.Hour)
	case away:
		a.away++
		after = min(max(after, spread(awayPause)), maxAway)
		a.until, a.fault = now.Add(after), untrusted.Clip(err.Error(), maxText)
	default:
		a.away, a.fault = 0, ""
		after = 0 // of another order at the same time: nobody asks to wait after a failed challenge
	}
	return what, after, err
}

// awayPause is the time between attempts to reach a CA. One name at a time is tried then, so that it can be short.
const awayPause = 8 * time.Second

// maxAway bounds it when a CA, or whatever stands in front of it, answers with an error and asks for more.
const maxAway = time.Hour

// outcomeOf says what an error of an order means.
func outcomeOf(name string, err error) outcome {
	var problem acme.Problem
	switch {
	case err == nil:
		return ordered
	case !errors.As(err, &problem):
		if unreachable(err) {
			return away
		}
		return refused
	case problem.Type == acme.ProblemTypeRateLimited || problem.Status == http.StatusTooManyRequests:
		if concerns(name, problem.Detail) {
			return limited
		}
		return held
	case problem.Status >= 500 || problem.Type == acme.ProblemTypeServerInternal:
		return away
	}
	switch problem.Type {
	case acme.ProblemTypeConnection, acme.ProblemTypeDNS, acme.ProblemTypeTLS, acme.ProblemTypeUnauthorized,
		acme.ProblemTypeIncorrectResponse, acme.ProblemTypeMalformed, acme.ProblemTypeBadCSR:
		return refused // the next CA would find the same
	}
	return declined
}

// unreachable reports whether err is about the way to the CA.
func unreachable(err error) bool {
	var network net.Error
	var address *url.Error
	return errors.As(err, &network) || errors.As(err, &address) ||
		strings.Contains(err.Error(), ": HTTP 5") // acmez has no type for a bad gateway's page
}

// concerns reports whether a refusal for too many orders is about this name or a domain above it: "too many certificates already
// issued for example.com", and not "too many new orders". Only the words tell (Boulder, 2026). Else one name that was asked for
// too often would hold up all others.
func concerns(name, detail string) bool {
	for domain := name; strings.Contains(domain, "."); _, domain, _ = strings.Cut(domain, ".") {
		if strings.Contains(strings.ToLower(detail), domain) {
			return true
		}
	}
	return false
}

// spread returns d give or take a quarter, so that what failed together is not tried again together.
func spread(d time.Duration) time.Duration {
	return d*3/4 + rand.N(d/2+1)
}
