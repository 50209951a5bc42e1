// Package certs gets certificates from a certification authority (CA) by itself, for every name at which mail programs look for
// us: autoconfig.example.com, autodiscover.example.com and so on (RFC 8555, ACME).
//
// A name gets its certificate in the background as soon as it is configured and its DNS points here, or during the first
// handshake that asks for it. Which names may have one says the caller; any other gets a TLS alert, and the CA never hears of it.
// The CA proves that a name is ours by asking us back, over plain HTTP (HTTP-01) or in a TLS handshake (TLS-ALPN-01, RFC 8737).
//
// Between the names and the CA stands a queue: so many orders an hour, renewals first, one at a time for a name, failures tried
// again ever later. Certificates, accounts, failures and the count of orders are kept in a storage that processes can share; they
// order a name's certificate once between them. The CA may be away: what there is goes on being served.
//
// The protocol itself (accounts, orders, challenges, renewal information) is github.com/caddyserver/certmagic; when to order what,
// and which certificate to serve, is decided here, so that one clock and one queue rule all of it.
package certs

import (
	"context"
	"crypto/x509"
	"errors"
	"iter"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/certmagic"
)

// Config says for which names to get certificates, where from, and where to keep them.
type Config struct {
	// Allowed says whether a name, in lower case and without a final dot, may have a certificate. It is asked in every handshake
	// and must answer from memory.
	Allowed func(name string) bool
	// Listed says whether an allowed name stands in the configuration by itself. The others are below a wildcard, and whoever asks
	// can make up any number of them. A nil Listed means that all names do.
	Listed func(name string) bool
	// Unlisted is how many names that are not listed may have a certificate; 0 for 100.
	Unlisted int
	// PointsHere returns why a name's DNS does not lead to this server, or nil. It is asked before every order, so that no order
	// is wasted on a name that the CA would not find here. A nil PointsHere means that all names do.
	PointsHere func(ctx context.Context, name string) error
	// CAs are the addresses of ACME directories. The first that is in order gets the orders.
	CAs []string
	// Email is told to the CAs; empty for none.
	Email string
	// Profile is the kind of certificate to ask for, if the CA offers several; empty for the CA's usual one.
	Profile string
	// Roots are what the CAs' own https certificates must come from; nil for those of the system.
	Roots *x509.CertPool
	// Dir is the directory where everything is kept, readable by nobody else. It is made if it does not exist.
	Dir string
	// Storage is used instead of Dir if it is set.
	Storage certmagic.Storage
	// PerHour is how many orders an account may make in any hour; 0 for 100, which stays below Let's Encrypt's 300 in 3 hours.
	PerHour int
	// Parallel is how many orders are made at the same time; 0 for 8.
	Parallel int
	// Loaded is how many certificates are kept in memory; 0 for 10,000. The others are read again when somebody asks.
	Loaded int
	// Wait is how long a handshake waits for a certificate that is being ordered; 0 for 15 seconds. The order goes on after it.
	Wait time.Duration
	// Clock is the time; nil for the true one.
	Clock Clock
	Log   *slog.Logger
}

// Clock is where this package takes the time from. Deadlines of network operations are true time always, and so is what certmagic
// writes into its lock files.
type Clock interface {
	Now() time.Time
	After(time.Duration) <-chan time.Time
}

type systemClock struct{}

func (systemClock) Now() time.Time                         { return time.Now() }
func (systemClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

// Certificates gets, renews and serves certificates. Make it with New.
type Certificates struct {
	config   Config
	log      *slog.Logger
	clock    Clock
	storage  certmagic.Storage
	cas      []*authority
	magic    *certmagic.Cache // certmagic needs one; nothing is in it
	loaded   *loaded
	queue    *queue
	failures *failures
	waiting  atomic.Int64 // handshakes
	unlisted atomic.Int64 // names that are not listed and have a certificate, or a failed order
	results  results
	storing  storing

	wanted    atomic.Pointer[iter.Seq[string]]
	wantedNow chan struct{} // wakes whoever goes through wanted
	kept      chan struct{} // wakes whoever waits for the next renewal

	mu     sync.Mutex
	known  map[string]*entry // every certificate in the storage
	chains [][]byte          // the parts that certificates of a CA share
}

// maxName bounds names, in octets: their files have longer names, and file systems allow 255.
const maxName = 235

var setThrottle sync.Once

// New prepares everything and reads what has failed before. It orders nothing; Run does.
func New(config Config) (*Certificates, error) {
	switch {
	case config.Allowed == nil:
		return nil, errors.New("certificates: nothing says which names may have one")
	case len(config.CAs) == 0:
		return nil, errors.New("certificates: there is no CA to ask")
	}
	setDefaults(&config)
	c := &Certificates{
		config: config, log: config.Log, clock: config.Clock, storage: config.Storage,
		loaded: newLoaded(config.Loaded), queue: newQueue(), known: make(map[string]*entry),
		wantedNow: make(chan struct{}, 1), kept: make(chan struct{}, 1),
	}
	if c.storage == nil {
		if err := prepareDir(config.Dir, config.Log); err != nil {
			return nil, err
		}
		c.storage = &certmagic.FileStorage{Path: config.Dir}
	}
	setThrottle.Do(func() { // certmagic's own limit of orders is a variable of the package; 0 means that ours rules
		certmagic.RateLimitEvents, certmagic.RateLimitEventsWindow = 0, 0
		certmagic.UserAgent = "mailhint"
	})
	if err := c.newAuthorities(); err != nil {
		return nil, err
	}
	failures, err := readFailures(context.Background(), c.storage)
	if err != nil {
		return nil, err
	}
	c.failures = failures
	return c, nil
}

func setDefaults(config *Config) {
	if config.PerHour <= 0 {
		config.PerHour = 100
	}
	if config.Parallel <= 0 {
		config.Parallel = 8
	}
	if config.Unlisted <= 0 {
		config.Unlisted = 100
	}
	if config.Loaded <= 0 {
		config.Loaded = 10_000
	}
	if config.Wait <= 0 {
		config.Wait = 15 * time.Second
	}
	if config.Clock == nil {
		config.Clock = systemClock{}
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
}

// ListensOn tells the ports at which this process answers http and https, or 0 where it does not: that way of proving a name is
// not offered then. Call it before Run. Without it they are 80 and 443.
func (c *Certificates) ListensOn(http, https int) {
	for _, ca := range c.cas {
		ca.issuer.AltHTTPPort, ca.issuer.DisableHTTPChallenge = http, http == 0
		ca.issuer.AltTLSALPNPort, ca.issuer.DisableTLSALPNChallenge = https, https == 0
	}
}

// ListensAt tells the one IP address at which this process answers. Call it before Run. Without it that is every address; certmagic
// looks there whether somebody listens, and would listen itself if not.
func (c *Certificates) ListensAt(address string) {
	for _, ca := range c.cas {
		ca.issuer.ListenHost = address
	}
}

// Run works the queue, renews what ends, and looks after the names of Want, until ctx is done. What is being ordered then is given
// up.
func (c *Certificates) Run(ctx context.Context) {
	var running sync.WaitGroup
	running.Go(func() { c.work(ctx) })
	running.Go(func() { c.maintain(ctx) })
	running.Go(func() { c.lookAfterWanted(ctx) })
	running.Wait()
}

// Close ends what New has begun. Call it after Run.
func (c *Certificates) Close() { c.magic.Stop() }

// Want makes certificates be ordered in the background for names, as far as they are allowed. It replaces the names of the call
// before. The sequence is gone through now and from time to time.
func (c *Certificates) Want(names iter.Seq[string]) {
	c.wanted.Store(&names)
	signal(c.wantedNow)
}

const (
	// betweenLooks is the time after which the wanted names are gone through again: DNS may have begun to point here.
	betweenLooks = time.Hour
	// betweenNames spares the name servers of somebody with a million domains.
	betweenNames = 10 * time.Millisecond
)

func (c *Certificates) lookAfterWanted(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.wantedNow:
		case <-c.clock.After(betweenLooks):
		}
		names := c.wanted.Load()
		if names == nil {
			continue
		}
		for name := range *names {
			if ctx.Err() != nil {
				return
			}
			if !c.allowed(name) || c.entry(name) != nil || c.failures.wait(name, c.clock.Now()) > 0 {
				continue
			}
			for c.queue.add(name, forLater) == nil { // full: the CA gives no more for now
				select {
				case <-ctx.Done():
					return
				case <-c.queue.room:
				}
			}
			time.Sleep(betweenNames)
		}
	}
}

func (c *Certificates) allowed(name string) bool {
	return name != "" && len(name) <= maxName && c.config.Allowed(name)
}

// HTTPChallenge answers the CA's HTTP-01 questions at /.well-known/acme-challenge/, also those about orders of other processes on
// the same storage, and leaves everything else to next.
func (c *Certificates) HTTPChallenge(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if certmagic.LooksLikeHTTPChallenge(r) && c.allowed(hostOf(r.Host)) {
			for _, ca := range c.cas {
				if ca.issuer.HandleHTTPChallenge(w, r) {
					return
				}
			}
		}
		next.ServeHTTP(w, r)
	})
}
