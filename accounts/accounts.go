// Package accounts says who may do what: accounts with a role, tokens for programs, sessions of browsers, and the audit trail.
//
// A request proves who makes it with a password (and a code), a session or a token. Service checks the proof and returns a Principal, and
// Principal.May answers whether it may do something. That answer is a pure function of one table, from which the tests of all routes are made.
//
// A Store keeps the records: package accounts/file in the state_dir, others in a database. It knows nothing of passwords or permissions.
//
// The files, in the order in which they are best read:
//
//   - accounts.go: the records; store.go: the contract of a Store; audit.go, refusals.go: the audit trail
//   - permissions.go: roles, actions and the table; principal.go: who acts
//   - password.go: argon2id; codes.go: codes of an app (TOTP) and recovery codes; throttle.go: how wrong sign-ins are slowed
//   - service.go, signin.go, session.go, token.go, account.go: what the page, the API and the commands call; print.go: what commands print
package accounts

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"time"
)

// Account is a person who may sign in.
type Account struct {
	// Name is what the person signs in with: see CheckName.
	Name string
	Role Role
	// Domains are the names of the records that a domain admin or viewer may act on, in lower case and A-labels, "*.example.com" for a
	// wildcard's; a name stands for that record only, not for names below it. A domain admin may also act on the domains whose key admins
	// names the account. For a viewer, none means all. For a provisioner, they are the only names that may be added or removed; none means
	// any. An operator has none.
	Domains []string
	// Profiles are those on which a provisioner may add and remove domains; AllProfiles stands for all. Others have none.
	Profiles []string
	// Password is the encoded hash of the password, as HashPassword returns it; empty if the person cannot sign in with a password.
	Password string
	// TOTP is the secret of the person's authenticator app in Base32; empty if no codes are asked for.
	TOTP string
	// RecoveryCodes are the hashes (see HashSecret) of the codes that replace one of the app, once each.
	RecoveryCodes []string
	// Disabled accounts can neither sign in nor act, and neither can their tokens.
	Disabled bool
	Created  time.Time
	// Revision identifies this state of the record; the store sets it.
	Revision Revision
}

// AllProfiles among the Profiles of a provisioner stands for all of them.
const AllProfiles = "*"

// Stamp identifies what the sessions of an account rely on. A session ends when the stamp of its account differs from the one it was
// opened with: after a change of role, domains, profiles, password or authenticator app, also if somebody made it with an editor.
func (a Account) Stamp() string {
	text, err := json.Marshal([]any{a.Name, a.Role, a.Domains, a.Profiles, a.Password, a.TOTP, a.Disabled, a.Created.UnixNano()})
	if err != nil {
		panic(err) // cannot happen with these types
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// Revision identifies one state of a record. It is opaque: only == is meaningful.
type Revision string

// Absent is the expectation that there is no such record.
const Absent Revision = ""

// Token lets a program act without a password. The secret itself is shown once, when it is made, and is not stored.
type Token struct {
	// Name is unique among all tokens: see CheckName.
	Name string
	// Hash is HashSecret of the secret.
	Hash string
	Role Role
	// Domains and Profiles are as in Account. A domain admin's token without domains may act on those of its creator.
	Domains, Profiles []string
	// Creator is the account that made the token: it can never do more than this account can at that moment, and nothing if that is removed or
	// disabled. Empty for tokens made on the command line.
	Creator string
	// Parent is the token with which this one was made; empty for none. It is no longer valid when the parent is not.
	Parent  string
	Created time.Time
	// Expires is when the token ends; zero for never.
	Expires time.Time
	// LastUse is when the token was last used, to the minute. It is lost in a crash at worst.
	LastUse Use
}

// Use is when something was used, and by which client address.
type Use struct {
	Time    time.Time  `json:"time"`
	Address netip.Addr `json:"address,omitzero"`
}

// Session is a browser that has signed in. The secret is only in its cookie.
type Session struct {
	// ID is HashSecret of the secret. It is safe to show and names the session when somebody ends it.
	ID string
	// Account is the name of the Principal.
	Account string
	// Stamp is Account.Stamp when the session was opened. Sessions of External people have none.
	Stamp string
	// External is what an identity provider said of a person who has no Account here; nil for others.
	External *External
	// CodeNeeded is true between the password and the code: such a session is good for nothing else.
	CodeNeeded bool
	// WrongCodes counts the wrong codes that were given in such a session.
	WrongCodes int
	Created    time.Time
	Expires    time.Time
	// UserAgent is what the browser calls itself: text from a stranger.
	UserAgent string
	// LastUse is to the minute, as in Token.
	LastUse Use
}

// External is a person whom an identity provider vouches for.
type External struct {
	Issuer  string `json:"issuer"`
	Subject string `json:"subject"`
	// Claims are what the provider has said of the person that Options.External makes a role of, and Names the domains that it has named.
	Claims []string `json:"claims,omitempty"`
	Names  []string `json:"names,omitempty"`
	// Role, Domains and Profiles are what that was at the sign-in.
	Role     Role     `json:"role"`
	Domains  []string `json:"domains,omitempty"`
	Profiles []string `json:"profiles,omitempty"`
}
