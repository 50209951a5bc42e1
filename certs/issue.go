package certs

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/mholt/acmez/v3"
	"github.com/mholt/acmez/v3/acme"
)

// issued is what a CA has issued.
type issued struct {
	chain acme.Certificate
	key   crypto.Signer
}

// requestTime bounds one request to a CA.
const requestTime = 30 * time.Second

// client returns a client for requests to this CA that x records. acmez remembers the CA's directory for 12 hours. It gets no logger:
// its errors come back, and are logged once, where they are dealt with.
func (a *authority) client(x *exchange) *acme.Client {
	return &acme.Client{Directory: a.url, UserAgent: "mailhint", PollTimeout: orderTime,
		HTTPClient: &http.Client{Transport: x, Timeout: requestTime}}
}

// errDirectory means that the CA's directory cannot be read, which is never the fault of a name.
var errDirectory = errors.New("the CA's directory cannot be read")

// issue places one order for a name, proved by one kind of challenge. With another kind in reserve, acmez would place a second order
// when the first fails; which kind to try next is decided by the caller, who counts orders.
func (a *authority) issue(ctx context.Context, name, kind string, old *stored, x *exchange) (*issued, error) {
	client := acmez.Client{Client: a.client(x), ChallengeSolvers: map[string]acmez.Solver{kind: a.solver(kind, x)}}
	directory, err := client.GetDirectory(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDirectory, err)
	}
	x.newOrder = directory.NewOrder
	account, err := a.account(ctx, client.Client)
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	csr, err := acmez.NewCSR(key, []string{name})
	if err != nil {
		return nil, err
	}
	params, err := acmez.OrderParametersFromCSR(account, csr)
	if err != nil {
		return nil, err
	}
	params.Profile = a.profile
	if old != nil && old.issuer == a.key {
		params.Replaces = old.leaf
	}
	chain, err := a.obtain(ctx, &client, params, x)
	if err != nil {
		return nil, err
	}
	return &issued{chain, key}, nil
}

// obtain places the order. An order that was refused because of something that it can do without is placed again, once for each.
func (a *authority) obtain(ctx context.Context, client *acmez.Client, params acmez.OrderParameters, x *exchange) (acme.Certificate, error) {
	for registered := false; ; {
		chains, err := client.ObtainCertificate(ctx, params)
		if err == nil && len(chains) == 0 {
			err = errors.New("the CA returned no certificate")
		}
		if err == nil {
			return chains[0], nil
		}
		var problem acme.Problem
		if x.orders > 0 || !errors.As(err, &problem) {
			return acme.Certificate{}, err
		}
		switch {
		case problem.Type == acme.ProblemTypeAccountDoesNotExist && !registered: // as after the reinstallation of a CA of one's own
			registered = true
			if err := a.forgetAccount(ctx); err != nil {
				return acme.Certificate{}, err
			}
			if params.Account, err = a.account(ctx, client.Client); err != nil {
				return acme.Certificate{}, err
			}
		case params.Replaces != nil && !isRateLimit(problem):
			// The CA does not know the certificate any more, or another account's, or misreads its number (Pebble 2.10.1: numbers that
			// DER begins with a zero, 1 of 256).
			params.Replaces = nil
		default:
			return acme.Certificate{}, err
		}
	}
}

// exchange is the conversation with a CA about one order. It notes what acmez does not return. The requests come one at a time.
type exchange struct {
	next     http.RoundTripper
	newOrder string // the URL for new orders

	orders     int           // placed, and accepted
	lost       int           // perhaps placed: the answer did not arrive
	status     int           // of the last answer; 0 if there was none
	retryAfter time.Duration // how long the last refusal asks us to wait

	storageFault error // why a challenge could not be stored
}

func (x *exchange) RoundTrip(r *http.Request) (*http.Response, error) {
	order := r.Method == http.MethodPost && r.URL.String() == x.newOrder
	x.status = 0
	res, err := x.next.RoundTrip(r)
	if err != nil {
		if order {
			x.lost++
		}
		return nil, err
	}
	x.status = res.StatusCode
	if order && res.StatusCode < 300 {
		x.orders++
	}
	if after := retryAfter(res.Header); after > 0 && res.StatusCode >= 400 { // in good answers it is about polling
		x.retryAfter = after
	}
	return res, nil
}

// maxRetryAfter bounds what a CA can ask for. The longest known window of a rate limit is a week.
const maxRetryAfter = 7 * 24 * time.Hour

// retryAfter reads the header Retry-After (RFC 9110 section 10.2.3); 0 if there is none.
func retryAfter(header http.Header) time.Duration {
	text := header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(time.Until(at), maxRetryAfter)
	}
	return 0
}
