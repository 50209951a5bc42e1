package postgres

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5"

	"mailhint/domains"
	"mailhint/edits"
	"mailhint/settings"
)

// Records are the records of the database for a command, which looks at a few names or, once, at all of them: each name is a query. A server
// has a copy of all records instead, in package replica.
type Records struct {
	// Warn is called with the first error of the database; nil for nobody.
	Warn func(error)
	// Forgetful makes All keep nothing of what it yields, for one look at millions of records. Explain then does not know it.
	Forgetful bool

	ctx  context.Context
	db   querier
	base *domains.Base

	mutex sync.Mutex
	found map[string]*domains.Resolved // by the name of the record, or by "profile " and the profile of those that have nothing else; nil for one that does not check
	err   error                        // the first one
}

var _ domains.Records = (*Records)(nil)

// Records returns the records as they are from now on, and reads the profiles. What a method asks for when the database does not answer is
// missing; Err then says why.
func (s *Store) Records(ctx context.Context) (*Records, error) {
	files, err := s.files()
	if err != nil {
		return nil, err
	}
	return recordsOf(ctx, s.pool, files)
}

func recordsOf(ctx context.Context, db querier, files *domains.Snapshot) (r *Records, err error) {
	r = &Records{ctx: ctx, db: db, found: make(map[string]*domains.Resolved)}
	r.base, _, err = baseOf(ctx, db, files)
	return r, err
}

// baseOf returns what the domains of the database inherit from, and what is wrong with its profiles.
func baseOf(ctx context.Context, db querier, files *domains.Snapshot) (*domains.Base, domains.Problems, error) {
	base := files.Base()
	var problems domains.Problems
	profiles, err := list(ctx, db, edits.Query{Kind: edits.Profile})
	own := make(map[string]map[string]any)
	for _, p := range profiles {
		if at := files.ProfileAt(p.Name); at != (domains.Position{}) {
			problems = append(problems, domains.Problem{Position: place, Key: key(p.Ref), Text: "is already defined at " + at.String() + "; remove one of them"})
			continue
		}
		own[p.Name] = p.Values
	}
	base, failed := base.With(own)
	for _, name := range slices.Sorted(maps.Keys(failed)) {
		problems = append(problems, failed[name]...)
	}
	return base, problems, err
}

// Err returns the first error of the database; nil if there was none.
func (r *Records) Err() error {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.err
}

// fail notes an error of the database.
func (r *Records) fail(err error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.err != nil {
		return
	}
	r.err = err
	if r.Warn != nil {
		r.Warn(err)
	}
}

// Complete is part of domains.Records.
func (r *Records) Complete() bool { return r.Err() == nil }

// Find is part of domains.Records.
func (r *Records) Find(name settings.Domain) *domains.Resolved {
	return r.one(`SELECT `+columns+` FROM mailhint.records r WHERE r.kind = 'domain' AND r.name = $1
		UNION ALL SELECT `+columns+` FROM mailhint.records r JOIN mailhint.aliases a ON a.domain = r.name WHERE r.kind = 'domain' AND a.name = $1 LIMIT 1`, string(name))
}

// FindWildcard is part of domains.Records.
func (r *Records) FindWildcard(name settings.Domain) *domains.Resolved {
	return r.one("SELECT "+columns+" FROM mailhint.records r WHERE r.kind = 'domain' AND r.name = $1", "*."+string(name))
}

func (r *Records) one(query, name string) *domains.Resolved {
	record, err := scanRecord(r.db.QueryRow(r.ctx, query, name))
	if err != nil {
		if !errors.Is(err, pgx.ErrNoRows) {
			r.fail(err)
		}
		return nil
	}
	return r.resolve(record, false)
}

// resolve returns what a record answers, the same each time.
func (r *Records) resolve(record edits.Record, forget bool) *domains.Resolved {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	name, isShared := record.Name, false
	if profile, ok := record.Values["profile"].(string); ok && len(record.Values) == 1 {
		name, isShared = "profile "+profile, true
	}
	resolved, known := r.found[name]
	if !known {
		resolved, _ = r.base.Resolve(record.Name, record.Values) // what does not check is not answered
		if isShared && resolved != nil {
			resolved = resolved.Shared()
		}
		if isShared || !forget {
			r.found[name] = resolved
		}
	}
	return resolved
}

// Has is part of domains.Records.
func (r *Records) Has(name settings.Domain) (found, enabled bool) {
	resolved := r.Find(name)
	return resolved != nil, resolved != nil && resolved.Enabled()
}

// HasWildcards is part of domains.Records.
func (r *Records) HasWildcards() (has bool) {
	err := r.db.QueryRow(r.ctx, "SELECT EXISTS (SELECT FROM mailhint.records WHERE kind = 'domain' AND name >= '*.' AND name < '*/')").Scan(&has)
	if err != nil {
		r.fail(err)
	}
	return has
}

// Names is part of domains.Records.
func (r *Records) Names() iter.Seq2[settings.Domain, bool] {
	return func(yield func(settings.Domain, bool) bool) {
		var name string
		var enabled bool
		rows, err := r.db.Query(r.ctx, `SELECT name, own -> 'enabled' IS DISTINCT FROM 'false' FROM mailhint.records WHERE kind = 'domain' AND name NOT LIKE '*.%'
			UNION ALL SELECT a.name, own -> 'enabled' IS DISTINCT FROM 'false' FROM mailhint.aliases a JOIN mailhint.records r ON r.kind = 'domain' AND r.name = a.domain`)
		if err == nil {
			_, err = pgx.ForEachRow(rows, []any{&name, &enabled}, func() error {
				if !yield(settings.Domain(name), enabled) {
					return errEnough
				}
				return nil
			})
		}
		if err != nil && !errors.Is(err, errEnough) {
			r.fail(err)
		}
	}
}

// errEnough ends a loop over rows.
var errEnough = errors.New("enough")

// All is part of domains.Records. What does not check is left out.
func (r *Records) All() iter.Seq2[string, *domains.Resolved] {
	return func(yield func(string, *domains.Resolved) bool) {
		err := eachRecord(r.ctx, r.db, edits.Domain, func(row Row) error {
			values, err := row.Values()
			if err != nil {
				return err
			}
			record := edits.Record{Ref: edits.Ref{Kind: row.Kind, Name: string(row.Name)}, Values: values}
			if resolved := r.resolve(record, r.Forgetful); resolved != nil && !yield(record.Name, resolved) {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			r.fail(err)
		}
	}
}

// Len is part of domains.Records.
func (r *Records) Len() (n int) {
	err := r.db.QueryRow(r.ctx, "SELECT (SELECT coalesce(sum(records), 0) FROM mailhint.counts WHERE kind = 'domain') + (SELECT count(*) FROM mailhint.aliases)").Scan(&n)
	if err != nil {
		r.fail(err)
	}
	return n
}

// Explain is part of domains.Records.
func (r *Records) Explain(found *settings.Settings) []domains.Origin {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for _, resolved := range r.found {
		if resolved != nil {
			if list := resolved.Explain(found); list != nil {
				return list
			}
		}
	}
	return nil
}

// Check returns what is wrong with the records: mistakes that another program, or an older version, has written, and names that the files have
// as well. It reads all of them.
func (s *Store) Check(ctx context.Context) (domains.Problems, error) {
	files, err := s.files()
	if err != nil {
		return nil, err
	}
	base, problems, err := baseOf(ctx, s.pool, files)
	if err != nil {
		return nil, err
	}
	_, err = s.Copy(ctx, func(row Row) error {
		if row.Kind != edits.Domain {
			return nil
		}
		values, err := row.Values()
		if err != nil {
			return err
		}
		ref := edits.Ref{Kind: row.Kind, Name: string(row.Name)}
		_, wrong := base.Resolve(ref.Name, values)
		if problems = append(problems, wrong...); len(problems) >= maxChecked {
			return errEnough
		}
		for _, name := range append([]string{ref.Name}, edits.Aliases(values)...) {
			if at, taken := files.Claimed(name); taken {
				problems = append(problems, domains.Problem{Position: place, Key: key(ref), Text: name + " is already defined at " + at.String() + "; remove one of them"})
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	doubles, err := s.doubles(ctx)
	return append(problems, doubles...), err
}

// maxChecked ends Check.
const maxChecked = 1000

// doubles returns aliases that are the name of another record, or an alias of another: only other programs write them.
func (s *Store) doubles(ctx context.Context) (problems domains.Problems, err error) {
	var name, domain string
	rows, err := s.pool.Query(ctx, `SELECT a.name, a.domain FROM mailhint.aliases a JOIN mailhint.records r ON r.kind = 'domain' AND r.name = a.name LIMIT $1`, maxChecked)
	if err != nil {
		return nil, err
	}
	_, err = pgx.ForEachRow(rows, []any{&name, &domain}, func() error {
		problems = append(problems, domains.Problem{Position: place, Key: key(edits.Ref{Kind: edits.Domain, Name: domain}) + ".aliases",
			Text: name + " is also a domain of the store; remove one of them"})
		return nil
	})
	return problems, err
}
