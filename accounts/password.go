package accounts

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"
)

// cost is what a hash costs. The default is OWASP's recommendation for argon2id, of which each check takes about 40 ms and 19 MiB.
type cost struct {
	memory  uint32 // KiB
	time    uint32
	threads uint8
}

var defaultCost = cost{memory: 19 << 10, time: 2, threads: 1}

// maxCost limits what hashes in a store, which people can edit, may cost: with more, a sign-in would exhaust the machine.
var maxCost = cost{memory: 64 << 10, time: 10, threads: 4}

// Lengths of salts and hashes in octets.
const (
	saltLength             = 16
	hashLength             = 32
	minSalt, maxSaltOrHash = 8, 64
)

// encoded is a hash and what it was made with.
type encoded struct {
	cost
	salt, sum []byte
}

// String spells it in the PHC string format, as other programs do: $argon2id$v=19$m=19456,t=2,p=1$salt$hash.
func (e encoded) String() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, e.memory, e.time, e.threads,
		base64.RawStdEncoding.EncodeToString(e.salt), base64.RawStdEncoding.EncodeToString(e.sum))
}

// CheckHash says what is wrong with an encoded hash; nil if it can be used. It refuses hashes that would cost too much to check.
func CheckHash(hash string) error {
	_, err := decodeHash(hash)
	return err
}

func decodeHash(hash string) (encoded, error) {
	parts := strings.Split(hash, "$") // line breaks would be skipped by package base64
	if strings.ContainsAny(hash, "\r\n") || len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" {
		return encoded{}, errors.New("not an argon2id hash; set the password with mailhint user passwd")
	}
	if parts[2] != "v="+strconv.Itoa(argon2.Version) {
		return encoded{}, fmt.Errorf("argon2id version %q is not supported; set the password with mailhint user passwd", parts[2])
	}
	var e encoded
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &e.memory, &e.time, &e.threads); err != nil || e.params() != parts[3] {
		return encoded{}, errors.New("argon2id parameters are not of the form m=19456,t=2,p=1")
	}
	switch {
	case e.memory > maxCost.memory, e.time > maxCost.time, e.threads > maxCost.threads:
		return encoded{}, fmt.Errorf("argon2id parameters %s are above the limit %s: a sign-in could exhaust this machine", e.params(), maxCost.params())
	case e.memory < 8*uint32(e.threads), e.time < 1, e.threads < 1:
		return encoded{}, fmt.Errorf("argon2id parameters %s are too small", e.params())
	}
	var err error
	if e.salt, err = base64.RawStdEncoding.Strict().DecodeString(parts[4]); err != nil || len(e.salt) < minSalt || len(e.salt) > maxSaltOrHash {
		return encoded{}, errors.New("the salt of the argon2id hash is not valid")
	}
	if e.sum, err = base64.RawStdEncoding.Strict().DecodeString(parts[5]); err != nil || len(e.sum) < saltLength || len(e.sum) > maxSaltOrHash {
		return encoded{}, errors.New("the argon2id hash is damaged")
	}
	return e, nil
}

func (c cost) params() string { return fmt.Sprintf("m=%d,t=%d,p=%d", c.memory, c.time, c.threads) }

// Bounds of passwords, in octets. Longer ones would only keep the machine busy.
const (
	MinPassword = 10
	MaxPassword = 1024
)

// CheckPassword says why a new password is not acceptable; nil if it is.
func CheckPassword(name, password string) error {
	switch {
	case len(password) < MinPassword:
		return &InvalidError{"password", fmt.Sprintf("too short; use at least %d characters", MinPassword)}
	case len(password) > MaxPassword:
		return &InvalidError{"password", fmt.Sprintf("too long; use at most %d octets", MaxPassword)}
	case strings.EqualFold(password, name):
		return &InvalidError{"password", "must not be the name of the account"}
	case strings.ContainsAny(password, "\r\n\x00"):
		return &InvalidError{"password", "must not contain line breaks or NUL"}
	}
	return nil
}

// hasher computes a bounded number of hashes at a time, because each takes 19 MiB and a core; some more wait.
type hasher struct {
	running, waiting chan struct{}
}

func newHasher(running, waiting int) *hasher {
	return &hasher{make(chan struct{}, running), make(chan struct{}, running+waiting)}
}

// hash computes a hash. The error is a *TryLaterError if too many wait already.
func (h *hasher) hash(ctx context.Context, password string, c cost, salt []byte, length int) ([]byte, error) {
	select {
	case h.waiting <- struct{}{}:
		defer func() { <-h.waiting }()
	default:
		return nil, &TryLaterError{After: time.Second}
	}
	select {
	case h.running <- struct{}{}:
		defer func() { <-h.running }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return argon2.IDKey([]byte(password), salt, c.time, c.memory, c.threads, uint32(length)), nil
}

// encode returns the encoded hash of a new password.
func (h *hasher) encode(ctx context.Context, password string) (string, error) {
	e := encoded{cost: defaultCost, salt: make([]byte, saltLength)}
	rand.Read(e.salt) // never fails
	var err error
	if e.sum, err = h.hash(ctx, password, e.cost, e.salt, hashLength); err != nil {
		return "", err
	}
	return e.String(), nil
}

// nobody is what passwords of accounts that do not exist are compared with, so that a client cannot tell from the time that there is none.
var nobody = encoded{cost: defaultCost, salt: make([]byte, saltLength), sum: make([]byte, hashLength)}

// check reports whether a password is the one that was hashed. Without a hash it takes as long, and the answer is no.
func (h *hasher) check(ctx context.Context, password, hash string) (bool, error) {
	e, err := decodeHash(hash)
	known := err == nil
	if !known {
		e = nobody
	}
	if len(password) > MaxPassword {
		password, known = "", false
	}
	sum, err := h.hash(ctx, password, e.cost, e.salt, len(e.sum))
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(sum, e.sum) == 1 && known, nil
}

// NewSecret returns a random secret of 256 bits, in letters, digits, - and _.
func NewSecret() string {
	secret := make([]byte, 32)
	rand.Read(secret) // never fails
	return base64.RawURLEncoding.EncodeToString(secret)
}

// HashSecret returns what is kept of a secret that NewSecret made: its SHA-256 in hexadecimal. Secrets of 256 bits need no slow hash.
func HashSecret(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}
