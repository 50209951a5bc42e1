package file

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"mailhint/accounts"
	"mailhint/statedir"
	"mailhint/tomledit"
)

// preface begins a new accounts.toml.
const preface = `# The accounts and API tokens of mailhint. The commands mailhint user and mailhint token change this file; you can also edit it, and a
# running server follows. Passwords and tokens are kept as hashes, the secrets of authenticator apps (totp) as they are: keep it to yourself.

`

// change edits the text of accounts.toml: change gets what it says now, and edits it.
func (s *Store) change(ctx context.Context, change func(root *os.Root, now content, text *tomledit.Text) error) error {
	return s.locked(ctx, func(root *os.Root) error {
		v, err := s.look()
		if err != nil {
			return err
		}
		old, err := s.text(v)
		if err != nil {
			return err
		}
		now, err := parse(s.Name(), old)
		if err != nil {
			return fmt.Errorf("nothing was saved, because the file has mistakes; fix them first: %w", err)
		}
		if len(old) == 0 {
			old = []byte(preface)
		}
		text, err := tomledit.Open(old)
		if err != nil {
			return err
		}
		if err := change(root, now, text); err != nil {
			return err
		}
		if string(text.Bytes()) == string(old) {
			return nil
		}
		if _, err := parse(s.Name(), text.Bytes()); err != nil {
			return fmt.Errorf("nothing was saved: %w", err)
		}
		err = statedir.Replace(root, sumName, []byte(sumOf(text.Bytes())))
		if err == nil {
			err = statedir.Replace(root, textName, text.Bytes())
		}
		if err != nil {
			return fmt.Errorf("%s cannot be written: %w", s.Name(), err)
		}
		return nil
	})
}

// SaveAccount implements accounts.Store.
func (s *Store) SaveAccount(ctx context.Context, a accounts.Account, when accounts.Revision) (accounts.Account, error) {
	err := s.change(ctx, func(_ *os.Root, now content, text *tomledit.Text) error {
		old, exists := now.accounts[a.Name]
		switch {
		case exists && when == accounts.Absent:
			return accounts.ErrExists
		case old.Revision != when:
			return accounts.ErrConflict
		}
		path := []string{"users", a.Name}
		members := []tomledit.Member{
			{Key: "role", Value: string(a.Role)},
			{Key: "domains", Value: list(a.Domains)},
			{Key: "profiles", Value: list(a.Profiles)},
			{Key: "password", Value: word(a.Password)},
			{Key: "totp", Value: word(a.TOTP)},
			{Key: "recovery_codes", Value: list(a.RecoveryCodes)},
			{Key: "disabled", Value: flag(a.Disabled)},
			{Key: "created", Value: moment(a.Created)},
		}
		if exists {
			_, err := text.Set(path, members)
			return err
		}
		_, err := text.Add(path, present(members))
		return err
	})
	if err != nil {
		return accounts.Account{}, err
	}
	a.Created = a.Created.Truncate(0) // as it will be read
	a.Revision = revisionOf(a)
	return a, nil
}

// The values of members; nil, which stands for no such key, for zero values.
func word(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func flag(b bool) any {
	if !b {
		return nil
	}
	return b
}

func moment(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC()
}

func list(values []string) any {
	if len(values) == 0 {
		return nil
	}
	var list []any
	for _, v := range values {
		list = append(list, v)
	}
	return list
}

// present leaves out the keys that have no value.
func present(members []tomledit.Member) []tomledit.Member {
	var list []tomledit.Member
	for _, m := range members {
		if m.Value != nil {
			list = append(list, m)
		}
	}
	return list
}

// RemoveAccount implements accounts.Store.
func (s *Store) RemoveAccount(ctx context.Context, name string) error {
	err := s.change(ctx, func(_ *os.Root, now content, text *tomledit.Text) error {
		if _, exists := now.accounts[name]; !exists {
			return accounts.ErrNotFound
		}
		for _, t := range now.tokens {
			if t.Creator == name {
				if _, err := text.Remove([]string{"tokens", t.Name}); err != nil {
					return err
				}
			}
		}
		_, err := text.Remove([]string{"users", name})
		return err
	})
	if err != nil {
		return err
	}
	sessions, err := s.Sessions(ctx, name)
	for _, session := range sessions {
		if e := s.RemoveSession(ctx, session.ID); !errors.Is(e, accounts.ErrNotFound) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// AddToken implements accounts.Store.
func (s *Store) AddToken(ctx context.Context, t accounts.Token) error {
	return s.change(ctx, func(_ *os.Root, now content, text *tomledit.Text) error {
		for _, other := range now.tokens {
			if other.Name == t.Name || other.Hash == t.Hash {
				return accounts.ErrExists
			}
		}
		_, err := text.Add([]string{"tokens", t.Name}, present([]tomledit.Member{
			{Key: "role", Value: string(t.Role)},
			{Key: "domains", Value: list(t.Domains)},
			{Key: "profiles", Value: list(t.Profiles)},
			{Key: "hash", Value: t.Hash},
			{Key: "creator", Value: word(t.Creator)},
			{Key: "parent", Value: word(t.Parent)},
			{Key: "created", Value: moment(t.Created)},
			{Key: "expires", Value: moment(t.Expires)},
		}))
		return err
	})
}

// RemoveToken implements accounts.Store.
func (s *Store) RemoveToken(ctx context.Context, name string) error {
	return s.change(ctx, func(_ *os.Root, now content, text *tomledit.Text) error {
		for _, t := range now.tokens {
			if t.Name == name {
				_, err := text.Remove([]string{"tokens", name})
				return err
			}
		}
		return accounts.ErrNotFound
	})
}
