// Package certs orders, renews and serves certificates from a certification authority (CA) that speaks ACME (RFC 8555), for every
// name at which mail clients look for us: autoconfig.example.com, autodiscover.example.com and so on.
//
// A name gets its certificate in the background as soon as it is configured and its DNS points here, or during the first TLS
// handshake that asks for it. The caller decides which names may have one; any other name gets a TLS alert, and the CA never hears of
// it. The CA verifies that a name is ours by connecting back, over plain HTTP (HTTP-01) or in a TLS handshake (TLS-ALPN-01, RFC 8737), or by
// a record in its DNS (DNS-01), which also proves wildcards.
//
// A queue limits what reaches the CA: a number of orders an hour, renewals first, one order at a time for a name, and ever longer pauses
// after failures. Certificates, accounts, failures and the count of orders are kept in a storage that several
// processes can share, in the layout of github.com/caddyserver/certmagic; they order each certificate once between them. While the CA
// cannot be reached, existing certificates are still served.
//
// The protocol itself is github.com/mholt/acmez. What to order when, and which certificate to serve, is decided here, so that one
// clock and one queue rule all of it. Read the files in this order:
//
//   - certs.go: the configuration, and what runs
//   - handshake.go, loaded.go: which certificate a client gets
//   - wanted.go, unlisted.go, places.go, queue.go: which name is ordered next
//   - waiting.go, order.go, budget.go, failures.go, health.go, unsaved.go: whether and when an order is placed
//   - authority.go, outcome.go, issue.go, account.go, challenge.go, dnschallenge.go, standin.go: one order with one CA
//   - store.go, localcopy.go, directory.go, known.go: what is stored, and what is known of it
//   - maintain.go, renewal.go, tidy.go: renewals, and what is removed
//   - status.go, report.go, lines.go, metrics.go: what an admin sees
//   - reachability.go, roots.go, text.go: small tools
package certs

import (
	"context"
	"crypto/tls"
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

// Config says for which names to order certificates, from which CA, and where to keep them.
type Config struct {
	// Allowed reports whether a name, in lower case and without a trailing dot, may have a certificate. It is called in every
	// handshake and must answer from memory.
	Allowed func(name string) bool
	// Listed reports whether an allowed name is listed in the configuration. The other allowed names are below a wildcard, and a
	// stranger can make up any number of them. If nil, all names are listed.
	Listed func(name string) bool
	// Unlisted is how many names that are not listed may have a certificate; 0 means 100. Of one registered domain they are ten at most.
	Unlisted int
	// CertificateFor returns the name of the certificate that serves an allowed name: that name, or a wildcard such as "*.example.com",
	// for which Allowed and Listed are asked as well. It must answer from memory. If nil, each name has a certificate of its own.
	CertificateFor func(name string) string
	// DNS publishes the records with which a CA verifies names by DNS, without connecting to this server. If nil, none are verified so.
	DNS DNSChallenges
	// PointsHere returns why a name's DNS does not point to this server, or nil. It is called before every order, so that no order
	// is wasted on a name that the CA would not find here. If nil, all names point here. A name that can be verified by DNS may point
	// elsewhere, but the error must not be ErrNoAddress.
	PointsHere func(ctx context.Context, name string) error
	// CAs are the URLs of ACME directories. The first CA that accepts orders gets them.
	CAs []string
	// Email is the contact address for the accounts at the CAs; empty for none.
	Email string
	// Profile is the certificate profile to ask for, if the CA offers several; empty for the CA's default.
	Profile string
	// Roots are the certificates that the CAs' own https servers are checked against; nil for those of the system.
	Roots *x509.CertPool
	// Dir is the directory where everything is kept, readable by no other user. It is created if it does not exist.
	Dir string
	// Storage is used instead of Dir if it is set. Processes that share it share certificates, accounts and the order budget. If Dir is set too,
	// it has copies of the certificates, from which they are served while the storage does not answer.
	Storage certmagic.Storage
	// PerHour is how many orders an account may place in any hour; 0 means 100, which is what Let's Encrypt's 300 in 3 hours allow.
	PerHour int
	// Parallel is how many orders are worked on at the same time; 0 means 16. An eighth of it is kept for each rank of the queue.
	Parallel int
	// Loaded is how many certificates are kept in memory; 0 means 10,000. The others are read again when a client asks.
	Loaded int
	// Wait is how long a handshake waits for a certificate that is being ordered; 0 means 15 seconds. The order continues after it.
	Wait time.Duration
	// FirstExpiry returns when the first of the certificates expires that the server has besides these, for the metric; zero if there are
	// none. It may be nil.
	FirstExpiry func() time.Time
	// Clock tells the time; nil for the real time.
	Clock Clock
	// Log receives what an admin should know; nil for no log.
	Log *slog.Logger
}

// Clock is where this package takes the time from. Deadlines of network operations always use the real time, and so do certmagic's
// lock files.
type Clock interface {
	Now() time.Time
	After(time.Duration) <-chan time.Time
}

type systemClock struct{}

func (systemClock) Now() time.Time                         { return time.Now() }
func (systemClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

// Certificates orders, renews and serves certificates. Create it with New.
type Certificates struct {
	config    Config
	log       *slog.Logger
	clock     Clock
	plain     certmagic.Storage // as it was configured
	storage   certmagic.Storage // plain, watched
	transport *http.Transport   // to the CAs
	cas       []*authority
	kinds     kinds // of challenges that can be answered here
	loaded    *loaded
	known     known
	queue     *queue
	failures  *failures
	waiting   waiting
	unlisted  unlisted
	asked     asked
	results   results
	refusals  refusals
	health    *storageHealth
	unsaved   unsaved
	serving   atomic.Bool // Run has been called
	chains    chains

	wanted    atomic.Pointer[iter.Seq[string]]
	wantedNow chan struct{} // receives when wanted has changed
	renewed   chan struct{} // receives when there is a new certificate
}

// maxName bounds the length of names, in octets: file names add to it, and file systems allow 255.
const maxName = 235

// New prepares everything and reads which orders have failed before. It places no orders; Run does.
func New(config Config) (*Certificates, error) {
	switch {
	case config.Allowed == nil:
		return nil, errors.New("certificates: no function decides which names may have one")
	case len(config.CAs) == 0:
		return nil, errors.New("certificates: no CA is configured")
	}
	setDefaults(&config)
	c := &Certificates{
		config: config, log: config.Log, clock: config.Clock, plain: config.Storage, health: newStorageHealth(),
		transport: newTransport(config.Roots), loaded: newLoaded(config.Loaded), queue: newQueue(checks, config.Parallel),
		unlisted:  unlisted{places: make(places)},
		wantedNow: make(chan struct{}, 1), renewed: make(chan struct{}, 1),
	}
	c.kinds.set(true, true, config.DNS != nil)
	if c.plain == nil || config.Dir != "" {
		if err := prepareDir(config.Dir, config.Log); err != nil {
			return nil, err
		}
	}
	if c.plain == nil {
		c.plain = &certmagic.FileStorage{Path: config.Dir}
	} else if config.Dir != "" {
		c.plain = newLocalCopy(c.plain, config.Dir)
	}
	c.storage = watchedStorage{c.plain, c.health}
	for _, address := range config.CAs {
		ca, err := newAuthority(address, config, c.storage, c.transport)
		if err != nil {
			return nil, err
		}
		c.cas = append(c.cas, ca)
	}
	var err error
	if c.failures, err = readFailures(context.Background(), c.storage); err != nil && config.Storage == nil {
		return nil, err
	} else if err != nil { // a shared storage may be away at the start
		c.log.Warn("cannot read which orders have failed before", "error", clip(err))
	}
	return c, nil
}

// newTransport returns the connections to the CAs. A proxy is taken from the environment.
func newTransport(roots *x509.CertPool) *http.Transport {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	return transport
}

func setDefaults(config *Config) {
	if config.PerHour <= 0 {
		config.PerHour = defaultPerHour
	}
	if config.Parallel <= 0 {
		config.Parallel = 16
	}
	if config.Unlisted <= 0 {
		config.Unlisted = defaultUnlisted
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

// ReachableBy says whether this server answers plain http, and https. A challenge whose protocol is not answered is not used. Call it
// before Run; without it both are answered.
func (c *Certificates) ReachableBy(http, https bool) { c.kinds.set(http, https, c.config.DNS != nil) }

// Run works off the queue, renews what is about to expire, and orders certificates for the names of Want, until ctx is done. Orders
// in progress are abandoned then.
func (c *Certificates) Run(ctx context.Context) {
	c.serving.Store(true)
	c.checkStorage(ctx) // so that a fault is reported before a client waits for a certificate
	var running sync.WaitGroup
	running.Go(func() { c.watchStorage(ctx) })
	running.Go(func() { c.check(ctx) })
	running.Go(func() { c.work(ctx) })
	running.Go(func() { c.maintain(ctx) })
	running.Go(func() { c.orderWanted(ctx) })
	running.Wait()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTime)
	defer cancel()
	c.saveUnsaved(last)
}

// Close closes the idle connections to the CAs. Call it after Run.
func (c *Certificates) Close() { c.transport.CloseIdleConnections() }
