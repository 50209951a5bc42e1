package oidc

import (
	"fmt"

	"mailhint/accounts"
	"mailhint/domains"
	"mailhint/secretfile"
)

// Callback is the path below the URL of the admin page to which the provider sends browsers back.
const Callback = "/sign-in/provider/callback"

// Configure uses the table [oidc] of a configuration. After an error the sign-in is as it was, and the error says what to correct.
func (s *SignIn) Configure(t domains.OIDC) error {
	if t.Issuer == "" {
		return s.Use(nil)
	}
	c := &Config{
		Issuer: t.Issuer, ClientID: t.ClientID, Redirect: t.URL + Callback, Title: t.Title, Scopes: t.Scopes,
		Claim: t.Claim, NamesClaim: t.DomainsClaim, Grants: make(map[string]Grant, len(t.Roles)), Lifetime: t.Session,
	}
	for value, r := range t.Roles {
		c.Grants[value] = Grant{Role: accounts.Role(r.Role), Domains: r.Domains, Profiles: r.Profiles}
	}
	if t.SecretFile != "" {
		var err error
		if c.Secret, err = secretfile.ReadRegular(t.SecretFile); err != nil {
			return fmt.Errorf("%s: oidc.client_secret_file: %w", t.At, err)
		}
	}
	if err := s.Use(c); err != nil {
		return fmt.Errorf("%s: oidc: %w", t.At, err)
	}
	return nil
}
