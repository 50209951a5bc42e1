package accounts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"mailhint/untrusted"
)

// tokenPrefix is how the secrets of tokens begin, so that people and programs that look for leaked secrets recognise them.
const tokenPrefix = "mailhint_"

// maxTokens is how many tokens a store can have, maxOwnTokens how many of them one who is not an operator can have made.
const (
	maxTokens    = 10_000
	maxOwnTokens = 100
)

// NewToken is what a new token should be; see Token.
type NewToken struct {
	Name              string
	Role              Role
	Domains, Profiles []string
	Expires           time.Time // zero for never
}

// Token returns who acts with the secret of a token. The error is ErrSignedOut if it is not valid: it never was, it has expired or was
// revoked, or the account that made it is gone.
func (s *Service) Token(ctx context.Context, secret string, client Client) (Principal, error) {
	if !strings.HasPrefix(secret, tokenPrefix) || len(secret) > 100 {
		return Principal{}, ErrSignedOut
	}
	t, err := s.store.Token(ctx, HashSecret(secret))
	if err != nil {
		if errors.Is(err, ErrNotFound) {
			err = ErrSignedOut
		}
		return Principal{}, err
	}
	p, err := s.bearer(ctx, t, client)
	if err != nil {
		return Principal{}, err
	}
	if now := s.Now(); now.Sub(t.LastUse.Time) >= time.Minute || t.LastUse.Address != client.Address {
		err = s.store.UseToken(ctx, t.Name, Use{now, client.Address})
	}
	return p, err
}

// bearer returns who acts with a token: within the limits of its parent and creator as they are now.
func (s *Service) bearer(ctx context.Context, t Token, client Client) (Principal, error) {
	if !t.Expires.IsZero() && !s.Now().Before(t.Expires) {
		return Principal{}, ErrSignedOut
	}
	p := Principal{Name: t.Owner(), Role: t.Role, Domains: t.Domains, Profiles: t.Profiles, Token: t.Name, Address: client.Address}
	switch {
	case t.Parent != "":
		parent, err := s.tokenNamed(ctx, t.Parent)
		if err == nil && (parent.Parent != "" || parent.Creator != t.Creator || t.Created.Before(parent.Created)) {
			err = ErrNotFound
		}
		if err != nil {
			return Principal{}, signedOutIf(err, ErrNotFound)
		}
		within, err := s.bearer(ctx, parent, client)
		if err != nil {
			return Principal{}, err
		}
		p.within = &within
	case t.Creator != "":
		creator, err := s.store.Account(ctx, t.Creator)
		if err == nil && (creator.Disabled || t.Created.Before(creator.Created)) { // another account of the same name is not the creator
			err = ErrNotFound
		}
		if err != nil {
			return Principal{}, signedOutIf(err, ErrNotFound)
		}
		within := creator.Principal(client.Address)
		p.within = &within
	default:
		p.Name = "token:" + t.Name
	}
	if p.Role == DomainAdmin && len(p.Domains) == 0 && p.within != nil && p.within.Role == DomainAdmin {
		p.Domains = p.within.Domains
	}
	return p, nil
}

func signedOutIf(err, expected error) error {
	if errors.Is(err, expected) {
		return ErrSignedOut
	}
	return err
}

// Owner is the Target.Account of a token: who may list and revoke it besides operators.
func (t Token) Owner() string {
	if t.Creator == "" && t.Parent != "" {
		return "token:" + t.Parent
	}
	return t.Creator
}

func (s *Service) tokenNamed(ctx context.Context, name string) (Token, error) {
	all, err := s.store.Tokens(ctx)
	if err != nil {
		return Token{}, err
	}
	if i := slices.IndexFunc(all, func(t Token) bool { return t.Name == name }); i >= 0 {
		return all[i], nil
	}
	return Token{}, ErrNotFound
}

// AddToken makes a token and returns its secret, which is not stored: it cannot be shown again. The token can do nothing that its maker
// cannot. A token that was made with a token cannot make others.
func (s *Service) AddToken(ctx context.Context, p Principal, n NewToken) (secret string, t Token, err error) {
	if !p.May(ManageTokens, Target{Account: p.Name}) {
		return "", Token{}, ErrDenied
	}
	if err := CheckName(n.Name); err != nil {
		return "", Token{}, err
	}
	t = Token{Name: n.Name, Role: n.Role, Profiles: n.Profiles, Created: s.second(), Expires: n.Expires.Truncate(time.Second), Parent: p.Token}
	if t.Domains, err = CheckGrant(n.Role, n.Domains, n.Profiles); err != nil {
		return "", Token{}, err
	}
	if err := s.checkMaker(ctx, p, &t); err != nil {
		return "", Token{}, err
	}
	if !t.Expires.IsZero() && !t.Expires.After(s.Now()) {
		return "", Token{}, &InvalidError{"expires", "is in the past"}
	}
	all, err := s.store.Tokens(ctx)
	if err != nil {
		return "", Token{}, err
	}
	if len(all) >= maxTokens {
		return "", Token{}, &InvalidError{"name", fmt.Sprintf("there are %d tokens already; revoke some", len(all))}
	}
	own := slices.DeleteFunc(slices.Clone(all), func(other Token) bool { return other.Owner() != t.Owner() })
	if p.Role != Operator && len(own) >= maxOwnTokens {
		return "", Token{}, &InvalidError{"name", fmt.Sprintf("this account has %d tokens already; revoke some", len(own))}
	}
	secret = tokenPrefix + NewSecret()
	t.Hash = HashSecret(secret)
	if err := s.store.AddToken(ctx, t); err != nil {
		return "", Token{}, err
	}
	return secret, t, s.Record(ctx, p, Event{Action: "add token", Subject: t.Name, Detail: describeGrant(t.Role, t.Domains, t.Profiles)})
}

// checkMaker checks that a token does not exceed its maker, and enters who that is.
func (s *Service) checkMaker(ctx context.Context, p Principal, t *Token) error {
	switch {
	case p.Token != "":
		parent, err := s.tokenNamed(ctx, p.Token)
		if err != nil {
			return signedOutIf(err, ErrNotFound)
		}
		if parent.Parent != "" {
			return fmt.Errorf("%w: a token that was made with a token cannot make others", ErrDenied)
		}
		t.Creator = parent.Creator
	case p.Session != "":
		if _, err := s.store.Account(ctx, p.Name); errors.Is(err, ErrNotFound) {
			return fmt.Errorf("%w: only accounts of mailhint can make tokens", ErrDenied)
		} else if err != nil {
			return err
		}
		t.Creator = p.Name
	}
	if !p.covers(t.Role, t.Domains, t.Profiles) {
		return &InvalidError{"role", "a token cannot do more than its maker; choose another role, or fewer domains or profiles"}
	}
	return nil
}

// covers reports whether a grant is obviously within what somebody may do. Domains that only the key admins gives are not seen here:
// Principal.May judges those each time.
func (p Principal) covers(role Role, domains, profiles []string) bool {
	within := func(list, all []string) bool {
		return !slices.ContainsFunc(list, func(name string) bool { return !slices.Contains(all, name) })
	}
	switch {
	case p.Role == Operator:
		return p.within == nil || p.within.Role == Operator
	case p.Role == Provisioner && role == Provisioner:
		return !slices.ContainsFunc(profiles, func(profile string) bool { return !p.AllowsProfile(profile) }) && (len(p.Domains) == 0 || len(domains) > 0 && within(domains, p.Domains))
	case p.Role == DomainAdmin && (role == DomainAdmin || role == Viewer):
		return within(domains, p.Domains)
	case p.Role == Viewer && role == Viewer:
		return len(p.Domains) == 0 || within(domains, p.Domains)
	}
	return false
}

// Tokens returns the tokens that somebody may manage, ordered by name.
func (s *Service) Tokens(ctx context.Context, p Principal) ([]Token, error) {
	all, err := s.store.Tokens(ctx)
	return slices.DeleteFunc(all, func(t Token) bool { return !p.May(ManageTokens, Target{Account: t.Owner()}) }), err
}

// RevokeToken removes a token, and with it those that were made with it. The error is ErrNotFound if there is none that the Principal may
// manage.
func (s *Service) RevokeToken(ctx context.Context, p Principal, name string) error {
	t, err := s.tokenNamed(ctx, name)
	if err != nil {
		return err
	}
	if !p.May(ManageTokens, Target{Account: t.Owner()}) {
		return ErrNotFound
	}
	all, err := s.store.Tokens(ctx)
	if err != nil {
		return err
	}
	for _, child := range all {
		if child.Parent == name {
			if err := ignore(s.store.RemoveToken(ctx, child.Name), ErrNotFound); err != nil {
				return err
			}
		}
	}
	if err := s.store.RemoveToken(ctx, name); err != nil {
		return err
	}
	return s.Record(ctx, p, Event{Action: "revoke token", Subject: name})
}

// describeGrant says in a line what somebody may do.
func describeGrant(role Role, domains, profiles []string) string {
	text := string(role)
	if len(domains) > 0 {
		text += ", domains " + strings.Join(domains, ", ")
	}
	if len(profiles) > 0 {
		text += ", profiles " + strings.Join(profiles, ", ")
	}
	return text
}

// ParseExpiry reads when a token is to expire: in how much time (12h, 30d, 8w), on a date (2027-01-31) in the time zone of now, or as in RFC 3339.
func ParseExpiry(text string, now time.Time) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return t, nil
		}
	}
	units := map[string]time.Duration{"h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour}
	number := strings.TrimRight(text, "hdw")
	const longest = 100_000
	if n, err := strconv.Atoi(number); err == nil && n > 0 && n < longest && units[text[len(number):]] > 0 {
		return now.Add(time.Duration(n) * units[text[len(number):]]), nil
	}
	return time.Time{}, &InvalidError{"expires", fmt.Sprintf("%q is not a valid time; write it like 30d, 12h or 2027-01-31", untrusted.Clip(text, 40))}
}
