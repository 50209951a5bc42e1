package accounts

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// maxAccounts is how many accounts a store can have.
const maxAccounts = 10_000

// Accounts returns all accounts, ordered by name.
func (s *Service) Accounts(ctx context.Context, p Principal) ([]Account, error) {
	if !p.May(ManageAccounts, Target{}) {
		return nil, ErrDenied
	}
	return s.store.Accounts(ctx)
}

// Account returns an account: one's own, or that of somebody whom the Principal manages.
func (s *Service) Account(ctx context.Context, p Principal, name string) (Account, error) {
	if !p.May(ManageAccounts, Target{}) && !p.May(ManageSelf, Target{Account: name}) {
		return Account{}, ErrDenied
	}
	return s.store.Account(ctx, name)
}

// AddAccount adds an account. Its Password is a hash or empty: to set one, call SetPassword, or pass it here.
func (s *Service) AddAccount(ctx context.Context, p Principal, a Account, password string) (Account, error) {
	if !p.May(ManageAccounts, Target{}) {
		return Account{}, ErrDenied
	}
	err := CheckName(a.Name)
	if err != nil {
		return Account{}, err
	}
	if a.Domains, err = CheckGrant(a.Role, a.Domains, a.Profiles); err != nil {
		return Account{}, err
	}
	all, err := s.store.Accounts(ctx)
	if err != nil {
		return Account{}, err
	}
	if len(all) >= maxAccounts {
		return Account{}, &InvalidError{"name", fmt.Sprintf("there are %d accounts already; remove some", len(all))}
	}
	if slices.ContainsFunc(all, func(other Account) bool { return other.Name == a.Name }) {
		return Account{}, ErrExists
	}
	a.Created, a.TOTP, a.RecoveryCodes = s.second(), "", nil
	if a.Password, err = s.newHash(ctx, a.Name, password); err != nil {
		return Account{}, err
	}
	if a, err = s.store.SaveAccount(ctx, a, Absent); err != nil {
		return Account{}, err
	}
	return a, s.Record(ctx, p, Event{Action: "add account", Subject: a.Name, Detail: describeGrant(a.Role, a.Domains, a.Profiles)})
}

// newHash returns the hash of a new password.
func (s *Service) newHash(ctx context.Context, name, password string) (string, error) {
	if err := CheckPassword(name, password); err != nil {
		return "", err
	}
	return s.hasher.encode(ctx, password)
}

// ChangeAccount changes role, domains, profiles and Disabled of an account that was read with its Revision. Its sessions end. The errors are
// ErrConflict and ErrLastOperator, among others.
func (s *Service) ChangeAccount(ctx context.Context, p Principal, a Account) (Account, error) {
	if !p.May(ManageAccounts, Target{}) {
		return Account{}, ErrDenied
	}
	domains, err := CheckGrant(a.Role, a.Domains, a.Profiles)
	if err != nil {
		return Account{}, err
	}
	old, err := s.store.Account(ctx, a.Name)
	if err != nil {
		return Account{}, err
	}
	if old.Revision != a.Revision {
		return Account{}, ErrConflict
	}
	changed := old
	changed.Role, changed.Domains, changed.Profiles, changed.Disabled = a.Role, domains, a.Profiles, a.Disabled
	if isOperator(old) && !isOperator(changed) {
		if err := s.notLastOperator(ctx, p, a.Name); err != nil {
			return Account{}, err
		}
	}
	e := Event{Action: "change account", Subject: a.Name, Detail: describeGrant(a.Role, domains, a.Profiles)}
	if a.Disabled {
		e.Detail += ", disabled"
	}
	return s.saveAccount(ctx, p, changed, "", e)
}

// saveAccount replaces an account, ends its sessions except one, and records that.
func (s *Service) saveAccount(ctx context.Context, p Principal, a Account, except string, e Event) (Account, error) {
	a, err := s.store.SaveAccount(ctx, a, a.Revision)
	if err != nil {
		return Account{}, err
	}
	return a, errors.Join(s.endSessions(ctx, a.Name, except), s.Record(ctx, p, e))
}

// notLastOperator returns ErrLastOperator if nobody but the named account could manage accounts. People on the command line always can.
func (s *Service) notLastOperator(ctx context.Context, p Principal, name string) error {
	all, err := s.store.Accounts(ctx)
	if err != nil || p.onCommandLine() {
		return err
	}
	if !slices.ContainsFunc(all, func(a Account) bool { return isOperator(a) && a.Name != name }) {
		return ErrLastOperator
	}
	return nil
}

func (p Principal) onCommandLine() bool { return p.Session == "" && p.Token == "" }

// RemoveAccount removes an account with its sessions and tokens.
func (s *Service) RemoveAccount(ctx context.Context, p Principal, name string) error {
	if !p.May(ManageAccounts, Target{}) {
		return ErrDenied
	}
	if err := s.notLastOperator(ctx, p, name); err != nil {
		return err
	}
	if err := s.store.RemoveAccount(ctx, name); err != nil {
		return err
	}
	return s.Record(ctx, p, Event{Action: "remove account", Subject: name})
}

// SetPassword sets the password of somebody else's account. Its sessions end.
func (s *Service) SetPassword(ctx context.Context, p Principal, name, password string) error {
	if !p.May(ManageAccounts, Target{}) {
		return ErrDenied
	}
	a, err := s.store.Account(ctx, name)
	if err != nil {
		return err
	}
	if a.Password, err = s.newHash(ctx, name, password); err != nil {
		return err
	}
	_, err = s.saveAccount(ctx, p, a, "", Event{Action: "set password", Subject: name})
	return err
}

// self returns one's own account after the password, and the code if there is an app, have been checked again. Wrong ones count for the session:
// somebody who has found it open can guess slowly, and slows nobody else.
func (s *Service) self(ctx context.Context, p Principal, again Again) (Account, error) {
	if !p.May(ManageSelf, Target{Account: p.Name}) || p.Session == "" {
		return Account{}, ErrDenied
	}
	at := attempt{account: p.Name, address: p.Address, known: "session " + p.Session}
	a, err := s.checkPassword(ctx, at, again.Password)
	if err != nil || a.TOTP == "" {
		return a, err
	}
	at.code = true
	if _, err := s.checkCode(ctx, at, a, again.Code); err != nil {
		return Account{}, err
	}
	return s.store.Account(ctx, a.Name) // a recovery code may be gone
}

// Again is how people prove once more who they are before they change their password or codes: a session that somebody left open is not
// enough.
type Again struct {
	Client
	Password string
	Code     string // of the app or a recovery code; empty if there is no app
}

// ChangePassword changes one's own password. All other sessions end, and this one is replaced: its secret is in the result.
func (s *Service) ChangePassword(ctx context.Context, p Principal, again Again, password string) (Opened, error) {
	a, err := s.self(ctx, p, again)
	if err != nil {
		return Opened{}, err
	}
	if a.Password, err = s.newHash(ctx, a.Name, password); err != nil {
		return Opened{}, err
	}
	return s.changeSelf(ctx, p, a, again.Client, Event{Action: "change password", Subject: a.Name})
}

// changeSelf saves one's own account and replaces the session.
func (s *Service) changeSelf(ctx context.Context, p Principal, a Account, client Client, e Event) (Opened, error) {
	a, err := s.saveAccount(ctx, p, a, "", e)
	if err != nil {
		return Opened{}, err
	}
	opened, err := s.open(ctx, Session{Account: a.Name, Stamp: a.Stamp()}, client)
	opened.Principal = a.Principal(client.Address)
	opened.Principal.Session = opened.Session.ID
	return opened, err
}

// NewTOTP returns a secret for an authenticator app. Nothing is saved before ConfirmTOTP.
func (s *Service) NewTOTP(p Principal) (secret string, err error) {
	if !p.May(ManageSelf, Target{Account: p.Name}) {
		return "", ErrDenied
	}
	return newCodeSecret(), nil
}

// ConfirmTOTP sets up an app with a secret of NewTOTP, after a code has shown that the app has it. The app replaces another, of which
// again.Code must be a code. It returns the recovery codes, which are shown once; sessions as in ChangePassword.
func (s *Service) ConfirmTOTP(ctx context.Context, p Principal, again Again, secret, code string) (Opened, []string, error) {
	a, err := s.self(ctx, p, again)
	if err != nil {
		return Opened{}, nil, err
	}
	codes, err := s.newApp(ctx, &a, secret, code)
	if err != nil {
		return Opened{}, nil, err
	}
	opened, err := s.changeSelf(ctx, p, a, again.Client, Event{Action: "set up codes", Subject: a.Name})
	return opened, codes, err
}

// RemoveTOTP removes one's own app and recovery codes; sessions as in ChangePassword.
func (s *Service) RemoveTOTP(ctx context.Context, p Principal, again Again) (Opened, error) {
	a, err := s.self(ctx, p, again)
	if err != nil {
		return Opened{}, err
	}
	a.TOTP, a.RecoveryCodes = "", nil
	return s.changeSelf(ctx, p, a, again.Client, Event{Action: "remove codes", Subject: a.Name})
}

// SetTOTP sets up an app for an account on the command line, after a code has shown that the app has the secret, and returns the recovery
// codes. The sessions of the account end.
func (s *Service) SetTOTP(ctx context.Context, p Principal, name, secret, code string) ([]string, error) {
	if !p.onCommandLine() || !p.May(ManageAccounts, Target{}) {
		return nil, ErrDenied
	}
	a, err := s.store.Account(ctx, name)
	if err != nil {
		return nil, err
	}
	codes, err := s.newApp(ctx, &a, secret, code)
	if err != nil {
		return nil, err
	}
	_, err = s.saveAccount(ctx, p, a, "", Event{Action: "set up codes", Subject: name})
	return codes, err
}

// newApp gives an account an app that has shown a code, and recovery codes, which it returns. Nothing is saved.
func (s *Service) newApp(ctx context.Context, a *Account, secret, code string) ([]string, error) {
	if err := CheckTOTP(secret); err != nil {
		return nil, &InvalidError{"code", err.Error()}
	}
	a.TOTP, a.RecoveryCodes = secret, nil
	if _, err := s.useCode(ctx, *a, code); errors.Is(err, ErrWrong) {
		return nil, &InvalidError{"code", "is not the code that the app shows now; check the clock of the device"}
	} else if err != nil {
		return nil, err
	}
	codes, hashes := newRecoveryCodes()
	a.RecoveryCodes = hashes
	return codes, nil
}

// ResetTOTP removes the app and recovery codes of somebody who has lost them. The sessions of the account end.
func (s *Service) ResetTOTP(ctx context.Context, p Principal, name string) error {
	if !p.May(ManageAccounts, Target{}) {
		return ErrDenied
	}
	a, err := s.store.Account(ctx, name)
	if err != nil {
		return err
	}
	a.TOTP, a.RecoveryCodes = "", nil
	_, err = s.saveAccount(ctx, p, a, "", Event{Action: "remove codes", Subject: name})
	return err
}
