package oidc

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// begun is what is remembered of a sign-in while the browser is at the provider. It travels in a cookie of the browser, sealed, so that nothing
// has to be kept for visitors who never come back, and any replica can finish what another has begun.
type begun struct {
	State    string    `json:"state"`
	Nonce    string    `json:"nonce"`
	Verifier string    `json:"verifier"`
	Next     string    `json:"next"`
	Until    time.Time `json:"until"`
}

// timeAtProvider is how long people may take there.
const timeAtProvider = 10 * time.Minute

// sealer encrypts and authenticates.
type sealer struct{ cipher.AEAD }

// newSealer derives the key from the secret of the client, which all replicas know, for this provider: what began at another cannot be opened.
// A public client has no secret, and a key of this process.
func newSealer(c Config) sealer {
	secret := []byte(c.Secret)
	if len(secret) == 0 {
		secret = make([]byte, 32)
		rand.Read(secret) // never fails
	}
	key, err := hkdf.Key(sha256.New, secret, nil, "mailhint oidc state "+c.Issuer+" "+c.ClientID, 32)
	if err != nil {
		panic(err) // only for lengths that are too large
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // only for other lengths
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // only for other ciphers
	}
	return sealer{aead}
}

func (s sealer) seal(b begun) (string, error) {
	text, err := json.Marshal(b)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(s.Seal(nil, nil, text, nil)), nil
}

var errState = errors.New("the browser did not begin this sign-in, or too long ago")

func (s sealer) open(sealed string, now time.Time) (begun, error) {
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil || len(sealed) > 4096 {
		return begun{}, errState
	}
	text, err := s.Open(nil, nil, raw, nil)
	if err != nil {
		return begun{}, errState
	}
	var b begun
	if err := json.Unmarshal(text, &b); err != nil || !now.Before(b.Until) {
		return begun{}, errState
	}
	return b, nil
}

// local returns a path of this server; "/" in place of anything that could lead elsewhere.
func local(next string) string {
	if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") || len(next) > 1000 {
		return "/"
	}
	return next
}
