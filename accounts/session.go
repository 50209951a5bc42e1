package accounts

import (
	"context"
	"errors"
	"time"

	"mailhint/untrusted"
)

// Opened is a session that has just begun.
type Opened struct {
	// Secret is for the cookie.
	Secret string
	// CodeNeeded is true if the password was right, and SignInCode must be called with a code before the session is good for anything.
	CodeNeeded bool
	Session    Session
	Principal  Principal // the zero value if a code is needed
	// Device is for a long-lived cookie that is given to later sign-ins, so that they are not slowed by what strangers do; empty for no
	// change.
	Device string
}

// codeTime is for how long a code can be given after the password.
const codeTime = 5 * time.Minute

// maxSessions is how many sessions an account can have. A further one ends the oldest.
const maxSessions = 20

// open begins a session.
func (s *Service) open(ctx context.Context, session Session, client Client) (Opened, error) {
	secret := NewSecret()
	now := s.Now()
	session.ID, session.Created, session.LastUse = HashSecret(secret), now, Use{now, client.Address}
	session.UserAgent = untrusted.Clip(client.UserAgent, 200)
	switch {
	case session.CodeNeeded:
		session.Expires = now.Add(codeTime)
	case session.External == nil:
		session.Expires = now.Add(s.SessionMax)
	}
	others, err := s.store.Sessions(ctx, session.Account)
	if err != nil {
		return Opened{}, err
	}
	for len(others) >= maxSessions {
		if err := s.store.RemoveSession(ctx, others[len(others)-1].ID); err != nil && !errors.Is(err, ErrNotFound) {
			return Opened{}, err
		}
		others = others[:len(others)-1]
	}
	if err := s.store.SaveSession(ctx, session); err != nil {
		return Opened{}, err
	}
	return Opened{Secret: secret, CodeNeeded: session.CodeNeeded, Session: session}, nil
}

// Session returns who has the session of a secret. The error is ErrSignedOut if it is not valid: it never was, it has expired, it was ended,
// or role or password of the account have changed.
func (s *Service) Session(ctx context.Context, secret string, client Client) (Principal, Session, error) {
	session, a, err := s.live(ctx, secret)
	if err == nil && session.CodeNeeded {
		err = ErrSignedOut
	}
	if err != nil {
		return Principal{}, Session{}, err
	}
	if now := s.Now(); now.Sub(session.LastUse.Time) >= time.Minute || session.LastUse.Address != client.Address {
		session.LastUse = Use{now, client.Address}
		if err := s.store.UseSession(ctx, session.ID, session.LastUse); err != nil {
			return Principal{}, Session{}, err
		}
	}
	p := a.Principal(client.Address)
	if session.External != nil {
		if p, err = s.external(*session.External, session.Account, client); err != nil {
			return Principal{}, Session{}, err
		}
	}
	p.Session = session.ID
	return p, session, nil
}

// live returns the session of a secret, and its account unless the person is external.
func (s *Service) live(ctx context.Context, secret string) (Session, Account, error) {
	if secret == "" {
		return Session{}, Account{}, ErrSignedOut
	}
	session, err := s.store.Session(ctx, HashSecret(secret))
	if errors.Is(err, ErrNotFound) {
		err = ErrSignedOut
	}
	if err != nil {
		return Session{}, Account{}, err
	}
	now := s.Now()
	if !now.Before(session.Expires) || now.Sub(session.LastUse.Time) >= s.SessionIdle {
		return Session{}, Account{}, ErrSignedOut
	}
	if session.External != nil {
		return session, Account{}, nil
	}
	a, err := s.store.Account(ctx, session.Account)
	if errors.Is(err, ErrNotFound) || err == nil && (a.Disabled || a.Stamp() != session.Stamp) {
		err = ErrSignedOut
	}
	return session, a, err
}

// SignOut ends the session of a secret, if there is one.
func (s *Service) SignOut(ctx context.Context, secret string, client Client) error {
	p, session, err := s.Session(ctx, secret, client)
	if err != nil {
		session.ID, session.Account = HashSecret(secret), ""
	}
	if err := s.store.RemoveSession(ctx, session.ID); err != nil {
		return ignore(err, ErrNotFound)
	}
	if session.Account == "" {
		return nil
	}
	return s.Record(ctx, p, Event{Action: "sign out"})
}

// ignore returns nil in place of an error that is expected.
func ignore(err, expected error) error {
	if errors.Is(err, expected) {
		return nil
	}
	return err
}

// Sessions returns the sessions of an account, or of all if the name is empty, the newest first.
func (s *Service) Sessions(ctx context.Context, p Principal, account string) ([]Session, error) {
	if !p.May(ManageSessions, Target{Account: account}) {
		return nil, ErrDenied
	}
	list, err := s.store.Sessions(ctx, account)
	var opened []Session
	for _, session := range list {
		if !session.CodeNeeded {
			opened = append(opened, session)
		}
	}
	return opened, err
}

// EndSession ends the session with an ID. The error is ErrNotFound if there is none that the Principal may end.
func (s *Service) EndSession(ctx context.Context, p Principal, id string) error {
	session, err := s.store.Session(ctx, id)
	if err != nil {
		return err
	}
	if !p.May(ManageSessions, Target{Account: session.Account}) {
		return ErrNotFound
	}
	if err := s.store.RemoveSession(ctx, id); err != nil {
		return err
	}
	return s.Record(ctx, p, Event{Action: "end session", Subject: session.Account})
}

// endSessions ends all sessions of an account except one.
func (s *Service) endSessions(ctx context.Context, account, except string) error {
	list, err := s.store.Sessions(ctx, account)
	for _, session := range list {
		if session.ID != except {
			err = errors.Join(err, ignore(s.store.RemoveSession(ctx, session.ID), ErrNotFound))
		}
	}
	return err
}
