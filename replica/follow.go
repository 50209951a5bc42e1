package replica

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"runtime/debug"
	"slices"
	"time"

	"mailhint/domains"
	"mailhint/edits"
	"mailhint/postgres"
)

// silence is how long the database may say nothing while it is asked before it counts as away: connections that are cut by a firewall do not end.
const silence = 20 * time.Second

// errSilence is the cause of what is given up then.
var errSilence = errors.New("the database does not answer")

// follow brings the records to the state of the database, and notes whether that is possible.
func (r *Replica) follow(ctx context.Context) {
	err := r.catchUp(ctx)
	if ctx.Err() != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.status.err
	r.status.err = err
	switch {
	case err == nil:
		r.status.inStep, r.status.followed = time.Now(), true
		if before != nil {
			r.config.Log.Info("following the database again", "sequence", r.position.Sequence)
		}
	case before == nil:
		r.status.since = time.Now()
		r.config.Log.Warn("the database cannot be followed; still answering from the copy", "error", err)
	case before.Error() != err.Error():
		r.config.Log.Warn("the database cannot be followed; still answering from the copy", "error", err)
	}
}

// catchUp reads what has changed since the records were read, or all records.
func (r *Replica) catchUp(ctx context.Context) error {
	r.mu.Lock()
	position, all := r.position, r.status.wantsCopy || !r.view.Load().complete
	r.mu.Unlock()
	if all {
		return r.copyAll(ctx)
	}
	for {
		var list []record
		next, err := withoutSilence(ctx, func(ctx context.Context, alive func()) (postgres.Position, error) {
			return r.config.Source.Since(ctx, position, func(row postgres.Row) error {
				alive()
				list = append(list, newRecord(row))
				return nil
			})
		})
		if errors.Is(err, postgres.ErrOtherPast) {
			return r.otherPast(ctx, position, err)
		}
		if err != nil {
			return err
		}
		if next == position {
			r.mu.Lock()
			r.status.behind = time.Time{}
			r.mu.Unlock()
			return nil
		}
		r.apply(list, position, next)
		position = next
	}
}

// withoutSilence calls a function whose context ends when it has not called alive for long.
func withoutSilence[T any](ctx context.Context, call func(ctx context.Context, alive func()) (T, error)) (T, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(silence, func() { cancel(errSilence) })
	defer timer.Stop()
	last := time.Now()
	result, err := call(ctx, func() {
		if now := time.Now(); now.Sub(last) > time.Second {
			last = now
			timer.Reset(silence)
		}
	})
	if err != nil && errors.Is(context.Cause(ctx), errSilence) {
		err = fmt.Errorf("%w for %v", errSilence, silence)
	}
	return result, err
}

// apply takes what changes in the database have made of records.
func (r *Replica) apply(list []record, from, to postgres.Position) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.records.begin()
	c.takeAll(list)
	r.publish(c)
	r.position = to
	r.overlaps.update(r.files, r.view.Load(), list)
	r.saver.append(list, from, to)
}

// takeAll takes profiles, and then the domains that may inherit from them.
func (c *change) takeAll(list []record) {
	var profiles []record
	for _, rec := range list {
		if rec.kind == edits.Profile {
			profiles = append(profiles, rec)
		}
	}
	c.takeProfiles(profiles)
	for _, rec := range list {
		if rec.kind != edits.Profile {
			c.take(rec)
		}
	}
}

// otherPast reads all records of a database that does not continue what is known here. A standby that is behind gets some time first.
func (r *Replica) otherPast(ctx context.Context, position postgres.Position, why error) error {
	now, err := withoutSilence(ctx, func(ctx context.Context, _ func()) (postgres.Position, error) { return r.config.Source.Position(ctx) })
	if err != nil {
		return err
	}
	r.mu.Lock()
	behind, held, accepted, stale := r.status.behind, r.status.held, r.status.accepted, r.status.stale
	if now.Database == position.Database && now.Sequence < position.Sequence {
		if behind.IsZero() {
			behind = time.Now()
			r.status.behind = behind
		}
		if time.Since(behind) < r.config.Patience {
			r.mu.Unlock()
			return fmt.Errorf("it is behind: %w", why)
		}
	}
	r.mu.Unlock()
	if now == held && !accepted {
		return stale
	}
	r.config.Log.Warn("the database has another past than the copy; reading all records", "reason", why)
	return r.copyAll(ctx)
}

// copyAll reads all records of the database. Those that are as before stay where they are.
func (r *Replica) copyAll(ctx context.Context) error {
	r.mu.Lock()
	r.copying, r.status.seen = true, 0
	files, first, accepted := r.files, !r.view.Load().complete, r.status.accepted
	work := r.records.clone()
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		r.copying = false
		if r.files != r.records.files { // they have changed in the meantime
			c := r.records.begin()
			c.inherit(r.files)
			r.publish(c)
		}
		r.mu.Unlock()
	}()
	start := time.Now()
	s := newSweep(work, first)
	position, err := withoutSilence(ctx, func(ctx context.Context, alive func()) (postgres.Position, error) {
		return r.config.Source.Copy(ctx, func(row postgres.Row) error {
			alive()
			if s.take(newRecord(row)); s.seen%100_000 == 0 {
				r.mu.Lock()
				r.status.seen = s.seen
				r.mu.Unlock()
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	if err := s.end(accepted); err != nil {
		r.mu.Lock()
		r.status.held, r.status.stale, r.status.wantsCopy = position, err, false
		r.mu.Unlock()
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.files != files {
		s.inherit(r.files)
	}
	s.view.complete = true
	r.publish(s.change)
	r.position = position
	r.status.wantsCopy, r.status.accepted, r.status.held, r.status.stale, r.status.behind = false, false, postgres.Position{}, nil, time.Time{}
	r.overlaps = findOverlaps(r.files, r.view.Load())
	r.saver.rewrite()
	r.config.Log.Info("all records were read from the database", "records", s.seen, "names", r.Len(), "sequence", position.Sequence, "seconds", time.Since(start).Seconds())
	debug.FreeOSMemory() // rows of the database are garbage by now, as much as the copy
	return nil
}

// sweep is a change that takes all records of a database, and removes those that it has not seen.
type sweep struct {
	*change
	profiles map[string]record // nil once they have been taken
	first    bool              // there are no records yet
	marks    [shards][]uint64  // hashes of the names that were seen
	bad      map[string]bool
	seen     int
	before   int
}

func newSweep(r *records, first bool) *sweep {
	r.unlisted = 0
	return &sweep{change: r.begin(), profiles: make(map[string]record), first: first, bad: make(map[string]bool), before: r.exact.names + r.wildcards.names}
}

// take takes a record.
func (s *sweep) take(r record) {
	s.seen++
	if r.kind == edits.Profile {
		if s.profiles == nil { // it comes too late for the domains before it, which are tried again
			s.takeProfiles([]record{r})
			return
		}
		s.profiles[r.name] = r
		return
	}
	s.takeFirstProfiles()
	if !s.first {
		h := maphash.String(seed, r.name)
		i := h >> (64 - shardBits)
		s.marks[i] = append(s.marks[i], h)
	}
	s.change.take(r)
	if _, bad := s.records.bad[r.name]; bad {
		s.bad[r.name] = true
	}
}

// takeFirstProfiles takes the profiles, of which there are no more.
func (s *sweep) takeFirstProfiles() {
	if s.profiles == nil {
		return
	}
	var list []record
	for name, r := range s.profiles {
		if old := s.records.profiles[name]; old == nil || old.newest != orEmpty(r.own) {
			list = append(list, r)
		}
	}
	for name := range s.records.profiles {
		if _, there := s.profiles[name]; !there {
			list = append(list, record{kind: edits.Profile, name: name, removed: true})
		}
	}
	s.profiles = nil
	s.takeProfiles(list)
}

// end removes what the database does not have. The error says that it would be so much that it is probably a mistake.
func (s *sweep) end(accepted bool) error {
	s.takeFirstProfiles()
	if s.first {
		return nil
	}
	for i := range s.marks {
		slices.Sort(s.marks[i])
	}
	var gone []string
	for name := range s.view.all() {
		h := maphash.String(seed, name)
		if _, seen := slices.BinarySearch(s.marks[h>>(64-shardBits)], h); !seen {
			gone = append(gone, name)
		}
	}
	if !accepted {
		if err := domains.CheckDropped(len(gone), s.before); err != nil {
			return fmt.Errorf("the database has another past, and lacks many records: %w", err)
		}
	}
	for _, name := range gone {
		s.change.take(record{kind: edits.Domain, name: name, removed: true})
	}
	for name := range s.records.bad {
		if !s.bad[name] {
			s.forgive(name)
		}
	}
	return nil
}
