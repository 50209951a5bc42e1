package accounts

import (
	"context"
	"errors"
	"slices"
)

// Attempt is a sign-in with a password.
type Attempt struct {
	Client
	Name, Password string
	// Device is the value of the cookie that an earlier sign-in of this browser was given as Opened.Device; may be empty.
	Device string
	// Old is the secret of the session that the browser has at the moment, if any. It is ended: a session never outlives a sign-in.
	Old string
}

// SignIn checks name and password and opens a session. It takes as long for an account that does not exist. The errors are ErrWrong and
// *TryLaterError.
func (s *Service) SignIn(ctx context.Context, a Attempt) (Opened, error) {
	account, err := s.checkPassword(ctx, a)
	if err != nil {
		return Opened{}, err
	}
	if a.Old != "" {
		if err := ignore(s.store.RemoveSession(ctx, HashSecret(a.Old)), ErrNotFound); err != nil {
			return Opened{}, err
		}
	}
	opened, err := s.open(ctx, Session{Account: account.Name, Stamp: account.Stamp(), CodeNeeded: account.TOTP != ""}, a.Client)
	if err != nil || opened.CodeNeeded {
		return opened, err
	}
	return s.signedIn(ctx, account, opened, "password")
}

// signedIn completes an opened session.
func (s *Service) signedIn(ctx context.Context, a Account, opened Opened, with string) (Opened, error) {
	opened.Principal = a.Principal(opened.Session.LastUse.Address)
	opened.Principal.Session = opened.Session.ID
	return opened, s.Record(ctx, opened.Principal, Event{Action: "sign in", Detail: with})
}

// checkPassword returns the account that a password proves.
func (s *Service) checkPassword(ctx context.Context, at Attempt) (Account, error) {
	a, err := s.store.Account(ctx, at.Name)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Account{}, err
	}
	right, err := s.hasher.check(ctx, at.Password, a.Password)
	if err != nil {
		return Account{}, err
	}
	if !right || a.Disabled {
		return Account{}, s.refused(ctx, a, at.Client, "wrong password")
	}
	return a, nil
}

// refused records a sign-in that failed and returns ErrWrong. The name is recorded only if there is such an account: people type their
// password into the wrong field.
func (s *Service) refused(ctx context.Context, a Account, client Client, why string) error {
	if a.Name == "" {
		a.Name, why = "unknown", "no such account"
	}
	if err := s.Record(ctx, Principal{Name: a.Name, Address: client.Address}, Event{Action: "sign in", Refused: true, Detail: why}); err != nil {
		return err
	}
	return ErrWrong
}

// maxWrongCodes is how many wrong codes can be given in a session. Then it ends, and the password is asked for again.
const maxWrongCodes = 5

// SignInCode completes the session of a secret that SignIn has opened with CodeNeeded: with a code of the app, or a recovery code. The new
// session has another secret. The errors are ErrWrong, ErrSignedOut (begin again with the password) and *TryLaterError.
func (s *Service) SignInCode(ctx context.Context, secret, code string, client Client) (Opened, error) {
	session, a, err := s.live(ctx, secret)
	if err == nil && !session.CodeNeeded {
		err = ErrSignedOut
	}
	if err != nil {
		return Opened{}, err
	}
	with, err := s.useCode(ctx, a, code)
	if errors.Is(err, ErrWrong) {
		return Opened{}, s.wrongCode(ctx, session, a, client)
	}
	if err != nil {
		return Opened{}, err
	}
	if err := s.store.RemoveSession(ctx, session.ID); err != nil {
		return Opened{}, signedOutIf(err, ErrNotFound)
	}
	opened, err := s.open(ctx, Session{Account: a.Name, Stamp: a.Stamp()}, client)
	if err != nil {
		return Opened{}, err
	}
	return s.signedIn(ctx, a, opened, "password and "+with)
}

// wrongCode counts a wrong code.
func (s *Service) wrongCode(ctx context.Context, session Session, a Account, client Client) error {
	session.WrongCodes++
	var err error
	if session.WrongCodes >= maxWrongCodes {
		err = ignore(s.store.RemoveSession(ctx, session.ID), ErrNotFound)
	} else {
		err = s.store.SaveSession(ctx, session)
	}
	if err != nil {
		return err
	}
	return s.refused(ctx, a, client, "wrong code")
}

// OpenExternal opens a session for a person whom an identity provider vouches for. The name is what the provider calls the person; it is
// shown and recorded with the prefix "oidc:", so that it is never taken for that of an account. The session lasts at most as long as given.
func (s *Service) OpenExternal(ctx context.Context, name string, e External, old string, client Client) (Opened, error) {
	domains, err := CheckGrant(e.Role, e.Domains, e.Profiles)
	if err != nil {
		return Opened{}, err
	}
	e.Domains, e.Profiles = domains, slices.Clone(e.Profiles)
	if old != "" {
		if err := ignore(s.store.RemoveSession(ctx, HashSecret(old)), ErrNotFound); err != nil {
			return Opened{}, err
		}
	}
	opened, err := s.open(ctx, Session{Account: externalPrefix + name, External: &e}, client)
	if err != nil {
		return Opened{}, err
	}
	opened.Principal = Principal{Name: opened.Session.Account, Role: e.Role, Domains: e.Domains, Profiles: e.Profiles, Session: opened.Session.ID, Address: client.Address}
	return opened, s.Record(ctx, opened.Principal, Event{Action: "sign in", Detail: "identity provider " + e.Issuer})
}

const externalPrefix = "oidc:"
