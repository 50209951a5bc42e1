package certs

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3"
	"github.com/mholt/acmez/v3/acme"
)

// ChallengeProtocol is what tls.Config.NextProtos must contain for TLS-ALPN-01, besides the protocols of HTTP.
const ChallengeProtocol = acmez.ACMETLS1Protocol

// solver keeps the challenge of an order in the storage while the CA verifies it, so that every process on the same storage can
// answer. It implements acmez.Solver.
type solver struct {
	storage certmagic.Storage
	issuer  string // the CA's name in the storage
	fault   *error // receives why a challenge could not be stored
}

const (
	accountsPrefix  = "acme"
	challengeFolder = "challenge_tokens"
)

// challengeKey is where certmagic keeps the challenge of a name.
func challengeKey(issuer, name string) string {
	return path.Join(accountsPrefix, issuer, challengeFolder, certmagic.StorageKeys.Safe(name)+".json")
}

func (s solver) Present(ctx context.Context, challenge acme.Challenge) error {
	text, err := json.Marshal(challenge)
	if err != nil {
		return err
	}
	err = s.storage.Store(ctx, challengeKey(s.issuer, challenge.Identifier.Value), text)
	if errors.Is(err, errStorage) {
		*s.fault = err
	}
	return err
}

func (s solver) CleanUp(ctx context.Context, challenge acme.Challenge) error {
	return s.storage.Delete(context.WithoutCancel(ctx), challengeKey(s.issuer, challenge.Identifier.Value))
}

// challenge returns the open challenge of a name; fs.ErrNotExist if there is none of this kind.
func (c *Certificates) challenge(ctx context.Context, name, kind string) (acme.Challenge, error) {
	err := fs.ErrNotExist
	for _, ca := range c.cas {
		text, loadErr := c.storage.Load(ctx, challengeKey(ca.key, name))
		if loadErr != nil {
			if !errors.Is(loadErr, fs.ErrNotExist) {
				err = loadErr
			}
			continue
		}
		var challenge acme.Challenge
		if json.Unmarshal(text, &challenge) == nil && challenge.Type == kind && challenge.Identifier.Value == name {
			return challenge, nil
		}
	}
	return acme.Challenge{}, err
}

// challengePath begins the paths that a CA asks for (RFC 8555 section 8.3).
const challengePath = "/.well-known/acme-challenge/"

// HTTPChallenge answers the HTTP-01 requests of CAs, also those about orders of other processes on the same storage, and leaves
// everything else to next.
func (c *Certificates) HTTPChallenge(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := hostOf(r.Host)
		if r.Method != http.MethodGet || !strings.HasPrefix(r.URL.Path, challengePath) || !c.allowed(host) {
			next.ServeHTTP(w, r)
			return
		}
		challenge, err := c.challenge(r.Context(), host, acme.ChallengeTypeHTTP01)
		if err != nil || r.URL.Path != challenge.HTTP01ResourcePath() {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/plain")
		io.WriteString(w, challenge.KeyAuthorization) // a CA whose connection breaks asks again
	})
}

// isChallenge reports whether a handshake is the CA's: it offers this one protocol (RFC 8737 section 3).
func isChallenge(hello *tls.ClientHelloInfo) bool {
	return slices.Equal(hello.SupportedProtos, []string{ChallengeProtocol})
}

// challengeCertificate answers the TLS-ALPN-01 handshakes of CAs, also those about orders of other processes on the same storage.
func (c *Certificates) challengeCertificate(ctx context.Context, name string) (*tls.Certificate, error) {
	challenge, err := c.challenge(ctx, name, acme.ChallengeTypeTLSALPN01)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("a CA asked about a name that is not being ordered")
	}
	if err != nil {
		return nil, err
	}
	return acmez.TLSALPN01ChallengeCert(challenge)
}

// kinds are the kinds of challenges that can be answered, the one that worked last first.
type kinds struct {
	mu   sync.Mutex
	list []string
}

func (k *kinds) set(http, https, dns bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.list = nil
	if http {
		k.list = append(k.list, acme.ChallengeTypeHTTP01)
	}
	if https {
		k.list = append(k.list, acme.ChallengeTypeTLSALPN01)
	}
	if dns {
		k.list = append(k.list, acme.ChallengeTypeDNS01)
	}
}

func (k *kinds) all() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.list)
}

// worked remembers that a kind has led to a certificate.
func (k *kinds) worked(kind string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	slices.SortStableFunc(k.list, func(a, b string) int {
		switch kind {
		case a:
			return -1
		case b:
			return 1
		}
		return 0
	})
}
