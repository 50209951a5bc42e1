package filestore

import (
	"context"
	"iter"
	"os"
	"slices"
	"time"

	"mailhint/edits"
)

// watchEvery is how often a watch looks for changes.
const watchEvery = 250 * time.Millisecond

// Watch implements edits.Store. If the history no longer has the changes after a number, the first event is for all records.
func (s *Store) Watch(ctx context.Context, since int64) iter.Seq2[edits.Event, error] {
	return func(yield func(edits.Event, error) bool) {
		var seen os.FileInfo
		for {
			dir, err := s.stateDir()
			if err != nil {
				yield(edits.Event{}, err)
				return
			}
			if now, err := os.Stat(historyLog.File(dir, 0)); err == nil && !sameState(seen, now) {
				seen = now
				events, err := s.eventsAfter(dir, since)
				if err != nil {
					yield(edits.Event{}, err)
					return
				}
				for _, e := range events {
					if ctx.Err() != nil || !yield(e, nil) {
						return
					}
					since = e.Number
				}
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(watchEvery):
			}
		}
	}
}

// sameState reports whether a file is as it was.
func sameState(was, now os.FileInfo) bool {
	return was != nil && os.SameFile(was, now) && was.Size() == now.Size() && was.ModTime().Equal(now.ModTime())
}

// eventsAfter returns the events for the changes after a number.
func (s *Store) eventsAfter(dir string, since int64) ([]edits.Event, error) {
	var events []edits.Event
	err := s.history(dir, historyQuery{after: since}, func(e entry) bool {
		events = append(events, edits.Event{Number: e.Number, Refs: []edits.Ref{e.Ref}})
		return true
	})
	slices.Reverse(events)
	if len(events) > 0 && events[0].Number > since+1 { // the oldest are gone
		events[0].Refs = nil
	}
	return events, err
}
