package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"mailhint/edits"
	"mailhint/settings"
)

// Get implements edits.Store.
func (s *Store) Get(ctx context.Context, ref edits.Ref) (edits.Record, error) {
	if !canExist(ref) {
		return edits.Record{}, edits.ErrNotFound
	}
	return get(ctx, s.pool, ref)
}

// canExist reports whether a database can have a record with such a name.
func canExist(ref edits.Ref) bool {
	return (ref.Kind == edits.Domain || ref.Kind == edits.Profile) && utf8.ValidString(ref.Name) && !strings.Contains(ref.Name, "\x00")
}

func get(ctx context.Context, q querier, ref edits.Ref) (edits.Record, error) {
	r, err := scanRecord(q.QueryRow(ctx, "SELECT "+columns+" FROM mailhint.records r WHERE kind = $1::text::mailhint.record_kind AND name = $2", string(ref.Kind), ref.Name))
	if errors.Is(err, pgx.ErrNoRows) {
		return edits.Record{}, edits.ErrNotFound
	}
	return r, err
}

// List implements edits.Store.
func (s *Store) List(ctx context.Context, q edits.Query) (edits.Page, error) {
	var page edits.Page
	if q.ManagedBy != "" && q.ManagedBy != edits.ByStore {
		return page, nil
	}
	if q.Kind == "" {
		q.Kind = edits.Domain
	}
	err := pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) (err error) {
		if page.Total, err = count(ctx, tx, q); err != nil {
			return err
		}
		page.Records, err = list(ctx, tx, q)
		if q.Limit > 0 && len(page.Records) > q.Limit {
			page.Records, page.More = page.Records[:q.Limit], true
		}
		return err
	})
	return page, err
}

// count counts the records of a query, on all pages.
func count(ctx context.Context, q querier, query edits.Query) (n int, err error) {
	if query.Search == "" && query.Among == nil {
		err = q.QueryRow(ctx, `SELECT coalesce(sum(records), 0) FROM mailhint.counts WHERE kind = $1::text::mailhint.record_kind AND ($2 = '' OR profile = $2)`,
			string(query.Kind), query.Profile).Scan(&n)
		return n, err
	}
	c := conditions(query)
	parts := make([]string, len(c.branches))
	for i, branch := range c.branches {
		parts[i] = "(SELECT count(*) FROM mailhint.records r WHERE " + branch + ")"
	}
	err = q.QueryRow(ctx, "SELECT "+strings.Join(parts, " + "), c.args...).Scan(&n)
	return n, err
}

// list returns the records of a page, and one more if there is one.
func list(ctx context.Context, q querier, query edits.Query) ([]edits.Record, error) {
	c := conditions(query)
	after, limit := c.arg(query.After), ""
	if query.Limit > 0 {
		limit = fmt.Sprintf(" LIMIT %d", query.Limit+1)
	}
	parts := make([]string, len(c.branches))
	for i, branch := range c.branches {
		parts[i] = "(SELECT r.* FROM mailhint.records r WHERE " + branch + " AND r.name > " + after + " ORDER BY r.name" + limit + ")"
	}
	rows, err := q.Query(ctx, "SELECT "+columns+" FROM ("+strings.Join(parts, " UNION ALL ")+") r ORDER BY r.name"+limit, c.args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (edits.Record, error) { return scanRecord(row) })
}

// where are the conditions of a query.
type where struct {
	// branches are conditions of which no record meets two. Each can use an index of its own.
	branches []string
	args     []any
}

// arg adds an argument and returns its place.
func (w *where) arg(v any) string {
	w.args = append(w.args, v)
	return fmt.Sprintf("$%d", len(w.args))
}

// conditions are those of a query, without After.
func conditions(q edits.Query) *where {
	w := new(where)
	all := "r.kind = " + w.arg(string(q.Kind)) + "::text::mailhint.record_kind"
	if q.Profile != "" {
		all += " AND r.profile = " + w.arg(q.Profile)
	}
	if q.Among != nil {
		all += " AND r.kind = 'domain' AND (r.name = ANY(" + w.arg(nonNil(q.Among.Names)) + ") OR r.profile = ANY(" + w.arg(nonNil(q.Among.Profiles)) + ")"
		if q.Among.Admin != "" {
			all += " OR r.own ? 'admins' AND r.own -> 'admins' @> to_jsonb(" + w.arg(q.Among.Admin) + "::text)"
		}
		all += ")"
	}
	if q.Search == "" {
		w.branches = []string{all}
		return w
	}
	var own, ofAlias []string
	for _, pattern := range patterns(q.Search) {
		p := w.arg(pattern)
		own = append(own, "r.name LIKE "+p, "r.shown LIKE "+p)
		ofAlias = append(ofAlias, "name LIKE "+p, "shown LIKE "+p)
	}
	matches := "(" + strings.Join(own, " OR ") + ")"
	w.branches = []string{
		all + " AND " + matches,
		all + " AND r.name IN (SELECT domain FROM mailhint.aliases WHERE " + strings.Join(ofAlias, " OR ") + ") AND NOT coalesce(" + matches + ", false)",
	}
	if q.Kind != edits.Domain {
		w.branches = w.branches[:1]
	}
	return w
}

func nonNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// patterns are what LIKE finds a text in names with: as it is, and in A-labels.
func patterns(search string) []string {
	search = strings.ToLower(search)
	texts := []string{search}
	if d, err := settings.ParseDomain(search); err == nil && string(d) != search {
		texts = append(texts, string(d))
	}
	for i, text := range texts {
		texts[i] = "%" + strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(text) + "%"
	}
	return texts
}
