package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"github.com/jackc/pgx/v5"

	"mailhint/edits"
)

// changeColumns are the columns of a change, in the order in which scanChange reads them.
const changeColumns = `number, time, actor, via, action, reason, undoes, kind::text, name,
	before_revision, before_profile, before_own, revision, removed, profile, own`

func scanChange(row pgx.Row) (c edits.Change, err error) {
	before, after := stored{}, stored{}
	var existed *int64
	var removed bool
	err = row.Scan(&c.Number, &c.Time, &c.Actor, &c.Via, &c.Action, &c.Reason, &c.Undoes, &c.Kind, &c.Name,
		&existed, &before.profile, &before.own, &after.revision, &removed, &after.profile, &after.own)
	if err != nil {
		return c, err
	}
	before.Ref, after.Ref = c.Ref, c.Ref
	if existed != nil {
		before.revision = *existed
		if c.Before, err = before.state(); err != nil {
			return c, err
		}
	}
	if !removed {
		c.After, err = after.state()
	}
	return c, err
}

func (s stored) state() (*edits.State, error) {
	r, err := s.record()
	return state(r), err
}

// History implements edits.Store.
func (s *Store) History(ctx context.Context, q edits.HistoryQuery) ([]edits.Change, error) {
	return history(ctx, s.pool, q)
}

func history(ctx context.Context, q querier, query edits.HistoryQuery) ([]edits.Change, error) {
	w := new(where)
	condition := "true"
	if ref := query.Ref; ref != (edits.Ref{}) {
		if !canExist(ref) {
			return nil, nil
		}
		condition += " AND kind = " + w.arg(string(ref.Kind)) + "::text::mailhint.record_kind AND name = " + w.arg(ref.Name)
	}
	if !query.Since.IsZero() {
		condition += " AND time >= " + w.arg(query.Since)
	}
	if query.Before > 0 {
		condition += " AND number < " + w.arg(query.Before)
	}
	limit := ""
	if query.Limit > 0 {
		limit = fmt.Sprintf(" LIMIT %d", query.Limit)
	}
	rows, err := q.Query(ctx, "SELECT "+changeColumns+" FROM mailhint.history WHERE "+condition+" ORDER BY number DESC"+limit, w.args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (edits.Change, error) { return scanChange(row) })
}

// pollEvery is how often a watch looks for changes that nothing has notified it of.
const pollEvery = 5 * time.Second

// watchedAtOnce is how many changes a watch reads at once.
const watchedAtOnce = 1000

// Watch implements edits.Store. It ends with ErrOtherPast if the database has been restored from a backup of an earlier time.
func (s *Store) Watch(ctx context.Context, since int64) iter.Seq2[edits.Event, error] {
	return func(yield func(edits.Event, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		news := s.Notify(ctx, pollEvery)
		for {
			events, err := s.eventsAfter(ctx, since)
			if err != nil {
				if ctx.Err() == nil {
					yield(edits.Event{}, err)
				}
				return
			}
			for _, e := range events {
				if ctx.Err() != nil || !yield(e, nil) {
					return
				}
				since = e.Number
			}
			if len(events) == watchedAtOnce {
				continue
			}
			if _, open := <-news; !open {
				return
			}
		}
	}
}

// eventsAfter returns the events for the changes after a number. If the history no longer has the first of them, it is for all records.
func (s *Store) eventsAfter(ctx context.Context, since int64) ([]edits.Event, error) {
	p, err := s.Position(ctx)
	if err != nil || p.Sequence == since {
		return nil, err
	}
	if p.Sequence < since {
		return nil, fmt.Errorf("%w: its latest change is %d, which is before %d", ErrOtherPast, p.Sequence, since)
	}
	rows, err := s.pool.Query(ctx, "SELECT number, kind::text, name FROM mailhint.history WHERE number > $1 ORDER BY number LIMIT $2", since, watchedAtOnce)
	if err != nil {
		return nil, err
	}
	events, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (e edits.Event, err error) {
		e.Refs = make([]edits.Ref, 1)
		err = row.Scan(&e.Number, &e.Refs[0].Kind, &e.Refs[0].Name)
		return e, err
	})
	switch {
	case err == nil && len(events) == 0:
		return []edits.Event{{Number: p.Sequence}}, nil
	case err == nil && events[0].Number > since+1:
		events[0].Refs = nil
	}
	return events, err
}

// Health implements edits.Store.
func (s *Store) Health(ctx context.Context) error {
	_, err := s.Position(ctx)
	return err
}

// copyOf copies values, so that a caller that changes them does not change what is checked.
func copyOf(v edits.Values) (edits.Values, error) {
	if v == nil {
		return nil, nil
	}
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var copied edits.Values
	err = json.Unmarshal(text, &copied)
	return copied, err
}
