package certs

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3/acme"
)

// account returns our account at this CA. The first time it is registered, once between all processes on the storage.
func (a *authority) account(ctx context.Context, client *acme.Client) (acme.Account, error) {
	account, err := a.loadAccount(ctx)
	if !errors.Is(err, fs.ErrNotExist) {
		return account, err
	}
	a.registering.Lock() // those who wait for a lock in a file look for it once a second
	defer a.registering.Unlock()
	lock := "register_acme_account" // certmagic's name for it
	if a.email != "" {
		lock += "_" + a.email
	}
	if account, err = a.loadAccount(ctx); !errors.Is(err, fs.ErrNotExist) {
		return account, err
	}
	if err := a.storage.Lock(ctx, lock); err != nil {
		return account, fmt.Errorf("waiting for another process to register the account: %w", err)
	}
	defer a.storage.Unlock(context.WithoutCancel(ctx), lock) // one that stays becomes stale
	if account, err = a.loadAccount(ctx); !errors.Is(err, fs.ErrNotExist) {
		return account, err
	}
	account = acme.Account{TermsOfServiceAgreed: true}
	if a.email != "" {
		account.Contact = []string{"mailto:" + a.email}
	}
	if account.PrivateKey, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return account, err
	}
	if account, err = client.NewAccount(ctx, account); err != nil {
		return account, fmt.Errorf("registering an account: %w", err)
	}
	return account, a.saveAccount(ctx, account)
}

// accountKeys are where certmagic keeps the account of an e-mail address, and its key.
func (a *authority) accountKeys() (registration, key string) {
	folder, file := "default", "default"
	if a.email != "" {
		folder = a.email
		local, _, _ := strings.Cut(a.email, "@")
		if file = local; file == "" {
			file = strings.TrimPrefix(a.email, "@")
		}
	}
	safe := certmagic.StorageKeys.Safe
	base := path.Join(accountsPrefix, a.key, "users", safe(folder), safe(file))
	return base + ".json", base + ".key"
}

// loadAccount reads the account; fs.ErrNotExist if there is none.
func (a *authority) loadAccount(ctx context.Context) (account acme.Account, err error) {
	registration, key := a.accountKeys()
	text, err := a.storage.Load(ctx, registration)
	if err != nil {
		return account, fmt.Errorf("reading the account: %w", err)
	}
	keyPEM, err := a.storage.Load(ctx, key)
	if err != nil {
		return account, fmt.Errorf("reading the account's key: %w", err)
	}
	if err := json.Unmarshal(text, &account); err != nil {
		return account, fmt.Errorf("%s is damaged; remove it to register a new account: %w", registration, err)
	}
	if account.PrivateKey, err = certmagic.PEMDecodePrivateKey(keyPEM); err != nil {
		return account, fmt.Errorf("%s is damaged; remove it to register a new account: %w", key, err)
	}
	return account, nil
}

func (a *authority) saveAccount(ctx context.Context, account acme.Account) error {
	text, err := json.MarshalIndent(account, "", "\t")
	if err != nil {
		return err
	}
	keyPEM, err := certmagic.PEMEncodePrivateKey(account.PrivateKey)
	if err != nil {
		return err
	}
	registration, key := a.accountKeys()
	// The key first: without it the registration would be of no use.
	err = storeAll(ctx, a.storage, []value{{key, keyPEM}, {registration, text}})
	if err != nil {
		return fmt.Errorf("saving the account: %w", err)
	}
	return nil
}

// forgetAccount removes an account that the CA no longer knows.
func (a *authority) forgetAccount(ctx context.Context) error {
	registration, key := a.accountKeys()
	return errors.Join(a.storage.Delete(ctx, registration), a.storage.Delete(ctx, key))
}
