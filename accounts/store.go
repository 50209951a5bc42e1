package accounts

import (
	"context"
	"errors"
	"time"
)

// Store keeps accounts, tokens, sessions, facts and the audit trail. All methods may be called by several goroutines at once, and several
// processes may use the same store: what one of them changes, the others see within a second. When a method that changes something returns
// without an error, the change will survive a power cut, unless its comment says otherwise. Package accountstest checks that an
// implementation does what is said here.
//
// Service validates what it stores: names, domains and profiles are as CheckName and CheckGrant accept them. Times are kept to the microsecond at least; which time zone they have does not
// matter. Empty and nil lists are the same.
type Store interface {
	// Account returns an account. The error is ErrNotFound if there is none.
	Account(ctx context.Context, name string) (Account, error)
	// Accounts returns all accounts, ordered by name.
	Accounts(ctx context.Context) ([]Account, error)
	// SaveAccount adds an account (if is Absent) or replaces it (if is the Revision with which it was read), and returns it with its new
	// Revision. Otherwise the error is ErrExists or ErrConflict, and nothing has changed. The Revision in the argument is ignored.
	SaveAccount(ctx context.Context, a Account, when Revision) (Account, error)
	// RemoveAccount removes an account, the tokens whose Creator it is, and its sessions. The error is ErrNotFound if there is no such account.
	RemoveAccount(ctx context.Context, name string) error

	// Token returns the token with a Hash. The error is ErrNotFound if there is none. Expired tokens are returned like others.
	Token(ctx context.Context, hash string) (Token, error)
	// Tokens returns all tokens, ordered by name.
	Tokens(ctx context.Context) ([]Token, error)
	// AddToken adds a token. The error is ErrExists if there is one of this name or hash.
	AddToken(ctx context.Context, t Token) error
	// RemoveToken removes the token of a name. The error is ErrNotFound if there is none.
	RemoveToken(ctx context.Context, name string) error
	// UseToken records the last use of the token of a name. It may be lost in a crash. Without such a token it does nothing.
	UseToken(ctx context.Context, name string, use Use) error

	// Session returns the session with an ID. The error is ErrNotFound if there is none or it has expired.
	Session(ctx context.Context, id string) (Session, error)
	// Sessions returns the sessions of an account that have not expired, or of all accounts if the name is empty; the newest first.
	Sessions(ctx context.Context, account string) ([]Session, error)
	// SaveSession adds a session or, if there is one with this ID, replaces it.
	SaveSession(ctx context.Context, s Session) error
	// RemoveSession ends a session. The error is ErrNotFound if there is none, so that of several callers only one succeeds.
	RemoveSession(ctx context.Context, id string) error
	// UseSession records the last use of a session. It may be lost in a crash. Without such a session it does nothing.
	UseSession(ctx context.Context, id string, use Use) error

	// Remember records a fact, any text of at most 1,000 octets, until a time. first is false if it was recorded before and that time has not
	// passed: of several callers, in whichever process, only one gets true. If it is not first, the later of both times counts.
	Remember(ctx context.Context, fact string, until time.Time) (first bool, err error)
	// Remembered reports whether a fact is recorded.
	Remembered(ctx context.Context, fact string) (bool, error)

	// Append adds an event to the audit trail and gives it the next Number. Nothing changes or removes events, except that the oldest are
	// removed when there are very many.
	Append(ctx context.Context, e Event) error
	// Audit returns events, the newest first.
	Audit(ctx context.Context, q AuditQuery) ([]Event, error)

	// Health returns an error if the store can be neither read nor written at the moment, or if it uses an older state because the present one
	// has mistakes.
	Health(ctx context.Context) error
}

// Errors of stores that callers act on.
var (
	// ErrNotFound means that there is no such record.
	ErrNotFound = errors.New("not found")
	// ErrExists means that a record that should be added is already there.
	ErrExists = errors.New("already exists")
	// ErrConflict means that a record was changed or removed in the meantime: read it again, and look whether the change is still right.
	ErrConflict = errors.New("changed in the meantime")
)
