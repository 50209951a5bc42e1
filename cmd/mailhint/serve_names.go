package main

import (
	"context"
	"time"
)

// followNames makes certificates and the monitor look at the names of the database again when they have changed, until ctx is done. New names need
// no more than that: a client that comes first has its certificate ordered at once.
func (p *program) followNames(ctx context.Context) {
	seen := int64(0)
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(betweenNames(p.replica.Len())):
		}
		status := p.replica.Status()
		if s := p.current.Load(); status.Sequence != seen && s.Complete() {
			seen = status.Sequence
			p.useNames(s)
		}
	}
}

// betweenNames is the time between two looks at all names: a minute, or so long that the work is a hundredth of one processor's time.
func betweenNames(names int) time.Duration {
	const perName = 3 * time.Microsecond
	return max(time.Minute, 100*perName*time.Duration(names))
}
