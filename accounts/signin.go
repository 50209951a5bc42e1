package accounts

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"time"

	"mailhint/untrusted"
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
	if CheckName(a.Name) != nil {
		a.Name = "" // no such account; what strangers make up is not kept
	}
	known, err := s.known(ctx, a)
	if err != nil {
		return Opened{}, err
	}
	account, err := s.checkPassword(ctx, attempt{account: a.Name, address: a.Address, known: known}, a.Password)
	if err != nil {
		return Opened{}, err
	}
	if err := s.endOld(ctx, a.Old); err != nil {
		return Opened{}, err
	}
	opened, err := s.open(ctx, Session{Account: account.Name, Stamp: account.Stamp(), CodeNeeded: account.TOTP != ""}, a.Client)
	if err != nil || opened.CodeNeeded {
		return opened, err
	}
	return s.signedIn(ctx, account, opened, a.Device, "password")
}

// endOld ends the session that a browser had before it signed in.
func (s *Service) endOld(ctx context.Context, secret string) error {
	if secret == "" {
		return nil
	}
	return ignore(s.store.RemoveSession(ctx, HashSecret(secret)), ErrNotFound)
}

// signedIn completes an opened session.
func (s *Service) signedIn(ctx context.Context, a Account, opened Opened, device, with string) (Opened, error) {
	opened.Principal = a.Principal(opened.Session.LastUse.Address)
	opened.Principal.Session = opened.Session.ID
	var err error
	if opened.Device, err = s.remember(ctx, a.Name, device, opened.Session.LastUse.Address); err != nil {
		return Opened{}, err
	}
	s.metrics.signIn(succeeded)
	return opened, s.Record(ctx, opened.Principal, Event{Action: "sign in", Detail: with})
}

// knownFor is for how long a device or network is known after a sign-in.
const knownFor = 90 * 24 * time.Hour

func deviceFact(account, device string) string { return "device " + account + " " + HashSecret(device) }

func networkFact(account string, address netip.Addr) string {
	return "network " + account + " " + neighbours(address).String()
}

// known returns the device or network of an attempt from which the account has signed in before; empty if there is none.
func (s *Service) known(ctx context.Context, a Attempt) (string, error) {
	for _, fact := range []string{deviceFact(a.Name, a.Device), networkFact(a.Name, a.Address)} {
		if known, err := s.store.Remembered(ctx, fact); known || err != nil {
			return fact, err
		}
	}
	return "", nil
}

// remember makes device and network of a sign-in known, and returns the value of the device's cookie.
func (s *Service) remember(ctx context.Context, account, device string, address netip.Addr) (string, error) {
	known, err := s.store.Remembered(ctx, deviceFact(account, device))
	if err != nil {
		return "", err
	}
	if !known { // never what somebody else has chosen
		device = NewSecret()
	}
	for _, fact := range []string{deviceFact(account, device), networkFact(account, address)} {
		if _, err := s.store.Remember(ctx, fact, s.Now().Add(knownFor)); err != nil {
			return "", err
		}
	}
	return device, nil
}

// checkPassword returns the account that a password proves.
func (s *Service) checkPassword(ctx context.Context, at attempt, password string) (Account, error) {
	a, err := s.store.Account(ctx, at.account)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Account{}, err
	}
	done, err := s.throttle.begin(ctx, at)
	if err != nil {
		s.metrics.signIn(slowed)
		return Account{}, err
	}
	proved, err := s.hasher.check(ctx, password, a.Password)
	switch {
	case err != nil:
		done(unchecked)
		s.metrics.signIn(busy)
		return Account{}, err
	case !proved || a.Disabled:
		done(wrong)
		return Account{}, s.refuse(ctx, a, at.address, "wrong password")
	}
	done(right)
	return a, nil
}

// refuse records a sign-in that failed and returns ErrWrong. The name is recorded only if there is such an account: people type their
// password into the wrong field.
func (s *Service) refuse(ctx context.Context, a Account, address netip.Addr, why string) error {
	s.metrics.signIn(refused)
	if a.Name == "" {
		a.Name, why = "unknown", "no such account"
	}
	if err := s.Record(ctx, Principal{Name: a.Name, Address: address}, Event{Action: "sign in", Refused: true, Detail: why}); err != nil {
		return err
	}
	return ErrWrong
}

// maxWrongCodes is how many wrong codes can be given in a session. Then it ends, and the password is asked for again.
const maxWrongCodes = 5

// CodeAttempt completes a sign-in.
type CodeAttempt struct {
	Client
	// Secret is that of the session that SignIn has opened with CodeNeeded.
	Secret string
	// Code is one that the app shows, or a recovery code.
	Code string
	// Device is as in Attempt.
	Device string
}

// SignInCode completes a sign-in with a code. The new session has another secret. The errors are ErrWrong, ErrSignedOut (begin again with the
// password) and *TryLaterError.
func (s *Service) SignInCode(ctx context.Context, c CodeAttempt) (Opened, error) {
	session, a, err := s.live(ctx, c.Secret)
	if err == nil && !session.CodeNeeded {
		err = ErrSignedOut
	}
	if err != nil {
		return Opened{}, err
	}
	known, err := s.known(ctx, Attempt{Client: c.Client, Name: a.Name, Device: c.Device})
	if err != nil {
		return Opened{}, err
	}
	with, err := s.checkCode(ctx, attempt{account: a.Name, address: c.Address, known: known, code: true}, a, c.Code)
	if errors.Is(err, ErrWrong) {
		err = errors.Join(err, s.wrongCode(ctx, session))
	}
	if err != nil {
		return Opened{}, err
	}
	if err := s.store.RemoveSession(ctx, session.ID); err != nil {
		return Opened{}, signedOutIf(err, ErrNotFound)
	}
	opened, err := s.open(ctx, Session{Account: a.Name, Stamp: a.Stamp()}, c.Client)
	if err != nil {
		return Opened{}, err
	}
	return s.signedIn(ctx, a, opened, c.Device, "password and "+with)
}

// checkCode checks a code as checkPassword does a password, and says what it was.
func (s *Service) checkCode(ctx context.Context, at attempt, a Account, code string) (with string, err error) {
	done, err := s.throttle.begin(ctx, at)
	if err != nil {
		s.metrics.signIn(slowed)
		return "", err
	}
	with, err = s.useCode(ctx, a, code)
	switch {
	case errors.Is(err, ErrWrong):
		done(wrong)
		return "", s.refuse(ctx, a, at.address, "wrong code")
	case err != nil:
		done(unchecked)
		return "", err
	}
	done(right)
	return with, nil
}

// wrongCode counts a wrong code in a session.
func (s *Service) wrongCode(ctx context.Context, session Session) error {
	if session.WrongCodes++; session.WrongCodes >= maxWrongCodes {
		return ignore(s.store.RemoveSession(ctx, session.ID), ErrNotFound)
	}
	return s.store.SaveSession(ctx, session)
}

// Vouched is somebody who has just signed in at an identity provider.
type Vouched struct {
	External
	// Name is what the provider calls the person. It is shown and recorded with the prefix "oidc:", so that it is never taken for that of an
	// account.
	Name string
	// Lifetime is after how long the provider must vouch again: whoever has left, or lost the role there, is out then. 0 stands for SessionMax.
	Lifetime time.Duration
}

// OpenExternal opens a session for somebody whom an identity provider vouches for. old is the secret of the session that the browser has at the
// moment, if any.
func (s *Service) OpenExternal(ctx context.Context, v Vouched, old string, client Client) (Opened, error) {
	p, err := s.external(v.External, externalPrefix+untrusted.Clip(v.Name, 200), client)
	if err != nil {
		return Opened{}, err
	}
	if err := s.endOld(ctx, old); err != nil {
		return Opened{}, err
	}
	session := Session{Account: p.Name, External: &v.External, Expires: s.Now().Add(min(cmp.Or(v.Lifetime, s.SessionMax), s.SessionMax))}
	opened, err := s.open(ctx, session, client)
	if err != nil {
		return Opened{}, err
	}
	p.Session = opened.Session.ID
	opened.Principal = p
	s.metrics.signIn(succeeded)
	return opened, s.Record(ctx, p, Event{Action: "sign in", Detail: "identity provider " + v.Issuer + ", subject " + v.Subject})
}

// RefuseExternal records that somebody whom an identity provider vouches for, or says it does, was refused.
func (s *Service) RefuseExternal(ctx context.Context, client Client, why error) error {
	s.metrics.signIn(refused)
	return s.Record(ctx, Principal{Name: externalPrefix + "unknown", Address: client.Address}, Event{Action: "sign in", Refused: true, Detail: why.Error()})
}

// external returns what a person of an identity provider may do now.
func (s *Service) external(e External, name string, client Client) (Principal, error) {
	ok := s.Options.External != nil
	if ok {
		e, ok = s.Options.External(e)
	}
	if !ok {
		return Principal{}, ErrSignedOut
	}
	domains, err := CheckGrant(e.Role, e.Domains, e.Profiles)
	if err != nil {
		return Principal{}, err
	}
	return Principal{Name: name, Role: e.Role, Domains: domains, Profiles: e.Profiles, Address: client.Address}, nil
}

const externalPrefix = "oidc:"
