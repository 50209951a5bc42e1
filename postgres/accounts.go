package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"mailhint/accounts"
	"mailhint/edits"
)

// Accounts keeps the accounts of the API and the page, in the same database. It is an accounts.Store.
type Accounts struct{ s *Store }

var _ accounts.Store = Accounts{}

// Accounts returns the accounts of the database.
func (s *Store) Accounts() Accounts { return Accounts{s} }

// auditLock is the number of the advisory lock under which events of the audit trail get their numbers.
const auditLock = 7306086861316317026

// maxEvents is how many events of the audit trail are kept.
const maxEvents = 10_000_000

const accountColumns = "name, role, domains, profiles, password, totp, recovery_codes, disabled, created, revision"

func scanAccount(row pgx.CollectableRow) (a accounts.Account, err error) {
	var revision int64
	err = row.Scan(&a.Name, &a.Role, &a.Domains, &a.Profiles, &a.Password, &a.TOTP, &a.RecoveryCodes, &a.Disabled, &a.Created, &revision)
	a.Revision = accounts.Revision(revisionText(revision))
	return plain(a), err
}

// plain returns an account with nil for empty lists, so that its stamp is always the same.
func plain(a accounts.Account) accounts.Account {
	for _, list := range []*[]string{&a.Domains, &a.Profiles, &a.RecoveryCodes} {
		if len(*list) == 0 {
			*list = nil
		}
	}
	return a
}

// one returns the only row of a query, or accounts.ErrNotFound.
func one[T any](ctx context.Context, q querier, scan pgx.RowToFunc[T], sql string, args ...any) (T, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return *new(T), err
	}
	v, err := pgx.CollectExactlyOneRow(rows, scan)
	if errors.Is(err, pgx.ErrNoRows) {
		err = accounts.ErrNotFound
	}
	return v, err
}

func all[T any](ctx context.Context, q querier, scan pgx.RowToFunc[T], sql string, args ...any) ([]T, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scan)
}

// text returns what a database can have of a text from a stranger.
func text(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// Account implements accounts.Store.
func (a Accounts) Account(ctx context.Context, name string) (accounts.Account, error) {
	return one(ctx, a.s.pool, scanAccount, "SELECT "+accountColumns+" FROM mailhint.accounts WHERE name = $1", text(name))
}

// Accounts implements accounts.Store.
func (a Accounts) Accounts(ctx context.Context) ([]accounts.Account, error) {
	return all(ctx, a.s.pool, scanAccount, "SELECT "+accountColumns+" FROM mailhint.accounts ORDER BY name")
}

// SaveAccount implements accounts.Store.
func (a Accounts) SaveAccount(ctx context.Context, account accounts.Account, when accounts.Revision) (accounts.Account, error) {
	revision := newRevision()
	args := []any{account.Name, string(account.Role), nonNil(account.Domains), nonNil(account.Profiles), account.Password, account.TOTP,
		nonNil(account.RecoveryCodes), account.Disabled, account.Created, revision}
	sql, missed := "INSERT INTO mailhint.accounts ("+accountColumns+") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING", accounts.ErrExists
	if when != accounts.Absent {
		old, err := parseRevision(edits.Revision(when))
		if err != nil {
			return accounts.Account{}, accounts.ErrConflict
		}
		sql, missed = "UPDATE mailhint.accounts SET ("+accountColumns+") = ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) WHERE name = $1 AND revision = $11", accounts.ErrConflict
		args = append(args, old)
	}
	tag, err := a.s.pool.Exec(ctx, sql, args...)
	if err == nil && tag.RowsAffected() == 0 {
		err = missed
	}
	if err != nil {
		return accounts.Account{}, err
	}
	account.Revision = accounts.Revision(revisionText(revision))
	return plain(account), nil
}

// RemoveAccount implements accounts.Store.
func (a Accounts) RemoveAccount(ctx context.Context, name string) error {
	return pgx.BeginFunc(ctx, a.s.pool, func(tx pgx.Tx) error {
		if err := found(tx.Exec(ctx, "DELETE FROM mailhint.accounts WHERE name = $1", text(name))); err != nil {
			return err
		}
		for _, sql := range []string{"DELETE FROM mailhint.tokens WHERE creator = $1", "DELETE FROM mailhint.sessions WHERE account = $1"} {
			if _, err := tx.Exec(ctx, sql, name); err != nil {
				return err
			}
		}
		return nil
	})
}

// found returns accounts.ErrNotFound if a statement has changed nothing.
func found(tag pgconn.CommandTag, err error) error {
	if err == nil && tag.RowsAffected() == 0 {
		return accounts.ErrNotFound
	}
	return err
}

const tokenColumns = "name, hash, role, domains, profiles, creator, parent, created, expires, used, used_by"

func scanToken(row pgx.CollectableRow) (t accounts.Token, err error) {
	var expires, used *time.Time
	var usedBy string
	err = row.Scan(&t.Name, &t.Hash, &t.Role, &t.Domains, &t.Profiles, &t.Creator, &t.Parent, &t.Created, &expires, &used, &usedBy)
	if expires != nil {
		t.Expires = *expires
	}
	t.LastUse = use(used, usedBy)
	return t, err
}

func use(at *time.Time, by string) (u accounts.Use) {
	if at != nil {
		u.Time = *at
	}
	u.Address, _ = netip.ParseAddr(by) // empty for none
	return u
}

// timeOf is a time that may be missing.
func timeOf(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func addressOf(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// Token implements accounts.Store.
func (a Accounts) Token(ctx context.Context, hash string) (accounts.Token, error) {
	return one(ctx, a.s.pool, scanToken, "SELECT "+tokenColumns+" FROM mailhint.tokens WHERE hash = $1", text(hash))
}

// Tokens implements accounts.Store.
func (a Accounts) Tokens(ctx context.Context) ([]accounts.Token, error) {
	return all(ctx, a.s.pool, scanToken, "SELECT "+tokenColumns+" FROM mailhint.tokens ORDER BY name")
}

// AddToken implements accounts.Store.
func (a Accounts) AddToken(ctx context.Context, t accounts.Token) error {
	tag, err := a.s.pool.Exec(ctx, "INSERT INTO mailhint.tokens ("+tokenColumns+") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING",
		t.Name, t.Hash, string(t.Role), nonNil(t.Domains), nonNil(t.Profiles), t.Creator, t.Parent, t.Created, timeOf(t.Expires), timeOf(t.LastUse.Time), addressOf(t.LastUse.Address))
	if err == nil && tag.RowsAffected() == 0 {
		err = accounts.ErrExists
	}
	return err
}

// RemoveToken implements accounts.Store.
func (a Accounts) RemoveToken(ctx context.Context, name string) error {
	return found(a.s.pool.Exec(ctx, "DELETE FROM mailhint.tokens WHERE name = $1", text(name)))
}

// UseToken implements accounts.Store.
func (a Accounts) UseToken(ctx context.Context, name string, u accounts.Use) error {
	_, err := a.s.pool.Exec(ctx, "UPDATE mailhint.tokens SET used = $2, used_by = $3 WHERE name = $1", text(name), timeOf(u.Time), addressOf(u.Address))
	return err
}

const sessionColumns = "id, account, stamp, external, code_needed, wrong_codes, created, expires, user_agent, used, used_by"

func scanSession(row pgx.CollectableRow) (s accounts.Session, err error) {
	var external []byte
	var used *time.Time
	var usedBy string
	err = row.Scan(&s.ID, &s.Account, &s.Stamp, &external, &s.CodeNeeded, &s.WrongCodes, &s.Created, &s.Expires, &s.UserAgent, &used, &usedBy)
	if err == nil && external != nil {
		err = json.Unmarshal(external, &s.External)
	}
	s.LastUse = use(used, usedBy)
	return s, err
}

// Session implements accounts.Store.
func (a Accounts) Session(ctx context.Context, id string) (accounts.Session, error) {
	return one(ctx, a.s.pool, scanSession, "SELECT "+sessionColumns+" FROM mailhint.sessions WHERE id = $1 AND expires > $2", text(id), time.Now())
}

// Sessions implements accounts.Store.
func (a Accounts) Sessions(ctx context.Context, account string) ([]accounts.Session, error) {
	return all(ctx, a.s.pool, scanSession, "SELECT "+sessionColumns+" FROM mailhint.sessions WHERE ($1 = '' OR account = $1) AND expires > $2 ORDER BY created DESC", text(account), time.Now())
}

// SaveSession implements accounts.Store. It also forgets what has expired.
func (a Accounts) SaveSession(ctx context.Context, s accounts.Session) error {
	var external []byte
	if s.External != nil {
		var err error
		if external, err = json.Marshal(s.External); err != nil {
			return err
		}
	}
	batch := &pgx.Batch{}
	batch.Queue("DELETE FROM mailhint.sessions WHERE expires < $1", time.Now())
	batch.Queue("DELETE FROM mailhint.facts WHERE until < $1", time.Now())
	batch.Queue(`INSERT INTO mailhint.sessions (`+sessionColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
		ON CONFLICT (id) DO UPDATE SET (`+sessionColumns+`) = ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		s.ID, s.Account, s.Stamp, external, s.CodeNeeded, s.WrongCodes, s.Created, s.Expires, text(s.UserAgent), timeOf(s.LastUse.Time), addressOf(s.LastUse.Address))
	return a.s.pool.SendBatch(ctx, batch).Close()
}

// RemoveSession implements accounts.Store.
func (a Accounts) RemoveSession(ctx context.Context, id string) error {
	return found(a.s.pool.Exec(ctx, "DELETE FROM mailhint.sessions WHERE id = $1 AND expires > $2", text(id), time.Now()))
}

// UseSession implements accounts.Store.
func (a Accounts) UseSession(ctx context.Context, id string, u accounts.Use) error {
	_, err := a.s.pool.Exec(ctx, "UPDATE mailhint.sessions SET used = $2, used_by = $3 WHERE id = $1", text(id), timeOf(u.Time), addressOf(u.Address))
	return err
}

// Remember implements accounts.Store. Each of its statements either is the first to record the fact, or is not.
func (a Accounts) Remember(ctx context.Context, fact string, until time.Time) (first bool, err error) {
	for _, sql := range []string{
		"INSERT INTO mailhint.facts (fact, until) VALUES ($1, $2) ON CONFLICT DO NOTHING",
		"UPDATE mailhint.facts SET until = $2 WHERE fact = $1 AND until <= now()",
	} {
		tag, err := a.s.pool.Exec(ctx, sql, text(fact), until)
		if err != nil || tag.RowsAffected() > 0 {
			return err == nil, err
		}
	}
	_, err = a.s.pool.Exec(ctx, "UPDATE mailhint.facts SET until = greatest(until, $2) WHERE fact = $1", text(fact), until)
	return false, err
}

// Remembered implements accounts.Store.
func (a Accounts) Remembered(ctx context.Context, fact string) (known bool, err error) {
	err = a.s.pool.QueryRow(ctx, "SELECT EXISTS (SELECT FROM mailhint.facts WHERE fact = $1 AND until > now())", text(fact)).Scan(&known)
	return known, err
}

const eventColumns = "number, time, actor, token, address, action, refused, domain, subject, revision, detail"

// Append implements accounts.Store.
func (a Accounts) Append(ctx context.Context, e accounts.Event) error {
	return pgx.BeginFunc(ctx, a.s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(auditLock)); err != nil {
			return err
		}
		var number int64
		err := tx.QueryRow(ctx, "INSERT INTO mailhint.audit ("+eventColumns+") SELECT coalesce(max(number), 0) + 1, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10 FROM mailhint.audit RETURNING number",
			e.Time, text(e.Actor), text(e.Token), addressOf(e.Address), text(e.Action), e.Refused, text(e.Domain), text(e.Subject), text(e.Revision), text(e.Detail)).Scan(&number)
		if err != nil || number%1000 != 0 {
			return err
		}
		_, err = tx.Exec(ctx, "DELETE FROM mailhint.audit WHERE number <= $1", number-maxEvents)
		return err
	})
}

// Audit implements accounts.Store.
func (a Accounts) Audit(ctx context.Context, q accounts.AuditQuery) ([]accounts.Event, error) {
	w, condition := new(where), "true"
	for column, value := range map[string]string{"actor": q.Actor, "domain": q.Domain, "subject": q.Subject} {
		if value != "" {
			condition += " AND " + column + " = " + w.arg(text(value))
		}
	}
	if q.Domain != "" {
		condition += " AND domain <> ''" // so that the index is used
	}
	if !q.Since.IsZero() {
		condition += " AND time >= " + w.arg(q.Since)
	}
	if q.Before != 0 {
		condition += " AND number < " + w.arg(q.Before)
	}
	limit := ""
	if q.Limit > 0 {
		limit = fmt.Sprintf(" LIMIT %d", q.Limit)
	}
	return all(ctx, a.s.pool, scanEvent, "SELECT "+eventColumns+" FROM mailhint.audit WHERE "+condition+" ORDER BY number DESC"+limit, w.args...)
}

func scanEvent(row pgx.CollectableRow) (e accounts.Event, err error) {
	var address string
	err = row.Scan(&e.Number, &e.Time, &e.Actor, &e.Token, &address, &e.Action, &e.Refused, &e.Domain, &e.Subject, &e.Revision, &e.Detail)
	e.Address, _ = netip.ParseAddr(address) // empty for none
	return e, err
}

// Health implements accounts.Store.
func (a Accounts) Health(ctx context.Context) error {
	_, err := a.s.pool.Exec(ctx, "SELECT FROM mailhint.accounts LIMIT 1")
	return err
}
