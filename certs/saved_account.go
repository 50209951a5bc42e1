package certs

import (
	"context"
	"encoding/json"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3/acme"
)

// SavedAccount returns the URL of the account with a CA that is saved in a directory; empty if there is none, or this process may not read
// it. CAA records can name it (RFC 8657). It changes nothing. ca is the URL of the CA's directory, email the address of the account.
func SavedAccount(ctx context.Context, dir, ca, email string) string {
	a, err := newAuthority(ca, Config{Email: email}, &certmagic.FileStorage{Path: dir}, nil)
	if err != nil {
		return ""
	}
	registration, _ := a.accountKeys()
	text, err := a.storage.Load(ctx, registration)
	if err != nil {
		return ""
	}
	var account acme.Account
	if err := json.Unmarshal(text, &account); err != nil {
		return ""
	}
	return account.Location
}
