package accounts

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/pquerna/otp/hotp"
	"rsc.io/qr"
)

// Codes of authenticator apps follow RFC 6238 with the parameters that all apps support: SHA-1, six digits, 30 seconds. A code is accepted
// one step early or late, because clocks differ, and only once.
const (
	codeStep   = 30 * time.Second
	codeSkew   = 1
	codeDigits = 6
)

var secretEncoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// newCodeSecret returns a secret for an app: 160 bits, as RFC 4226 section 4 recommends, in Base32.
func newCodeSecret() string {
	secret := make([]byte, 20)
	rand.Read(secret) // never fails
	return secretEncoding.EncodeToString(secret)
}

// CheckTOTP says what is wrong with the secret of an app; nil if it can be used.
func CheckTOTP(secret string) error {
	raw, err := secretEncoding.DecodeString(secret)
	if err != nil || len(raw) < 16 || len(raw) > 64 {
		return errors.New("not a valid secret of an authenticator app: it must be 128 to 512 bits in Base32 without padding")
	}
	return nil
}

// OTPAuth returns the otpauth URL of a secret, which apps read as a QR code.
func OTPAuth(issuer, account, secret string) string {
	label := url.PathEscape(issuer) + ":" + url.PathEscape(account)
	return "otpauth://totp/" + label + "?secret=" + secret + "&issuer=" + url.QueryEscape(issuer)
}

// stepAt returns the time step at a time: RFC 6238 section 4.2.
func stepAt(now time.Time) int64 { return now.Unix() / int64(codeStep/time.Second) }

// stepOf returns the time step whose code is the given one; ok is false if there is none near now.
func stepOf(secret, code string, now time.Time) (step int64, ok bool) {
	current := stepAt(now)
	for step := current - codeSkew; step <= current+codeSkew; step++ {
		want, err := hotp.GenerateCode(secret, uint64(step))
		if err == nil && len(code) == codeDigits && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			return step, true
		}
	}
	return 0, false
}

// useCode checks a code of an account, which then cannot be used again, and says what it was.
func (s *Service) useCode(ctx context.Context, a Account, code string) (with string, err error) {
	code = strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' {
			return -1
		}
		return r
	}, strings.ToLower(code))
	if a.TOTP == "" || len(code) > 100 {
		return "", ErrWrong
	}
	if step, ok := stepOf(a.TOTP, code, s.Now()); ok {
		first, err := s.store.Remember(ctx, fmt.Sprintf("code %s %d", HashSecret(a.Name+"\n"+a.TOTP), step), s.Now().Add((2*codeSkew+2)*codeStep))
		if err == nil && !first {
			err = ErrWrong
		}
		return "code", err
	}
	return "recovery code", s.useRecoveryCode(ctx, a, code)
}

// recoveryCodes is how many there are. Each has 80 bits, so that SHA-256 is enough to keep them.
const recoveryCodes = 10

// newRecoveryCodes returns codes for people, and their hashes.
func newRecoveryCodes() (codes, hashes []string) {
	for range recoveryCodes {
		raw := make([]byte, 10)
		rand.Read(raw) // never fails
		code := strings.ToLower(secretEncoding.EncodeToString(raw))
		codes = append(codes, code[:4]+"-"+code[4:8]+"-"+code[8:12]+"-"+code[12:])
		hashes = append(hashes, HashSecret(code))
	}
	return codes, hashes
}

// useRecoveryCode removes a recovery code from an account. Of several that use it at the same time, only one succeeds.
func (s *Service) useRecoveryCode(ctx context.Context, a Account, code string) error {
	for {
		i := slices.Index(a.RecoveryCodes, HashSecret(code))
		if i < 0 {
			return ErrWrong
		}
		a.RecoveryCodes = slices.Delete(slices.Clone(a.RecoveryCodes), i, i+1)
		_, err := s.store.SaveAccount(ctx, a, a.Revision)
		if !errors.Is(err, ErrConflict) {
			return err
		}
		if a, err = s.store.Account(ctx, a.Name); err != nil {
			return signedOutIf(err, ErrNotFound)
		}
	}
}

// QR draws a text as a QR code for a terminal, two modules to a character, dark on light.
func QR(text string) (string, error) {
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return "", err
	}
	const quiet = 2 // modules around the code
	dark := func(x, y int) bool { return code.Black(x-quiet, y-quiet) }
	var b strings.Builder
	for y := 0; y < code.Size+2*quiet; y += 2 {
		for x := range code.Size + 2*quiet {
			b.WriteString(map[[2]bool]string{{false, false}: "█", {false, true}: "▀", {true, false}: "▄", {true, true}: " "}[[2]bool{dark(x, y), dark(x, y+1)}])
		}
		b.WriteByte('\n')
	}
	return b.String(), nil
}
