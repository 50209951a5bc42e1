package main

import (
	"context"
	"errors"
	"iter"
	"sync"

	"mailhint/doctor"
)

// finished is a report, and whether it was made before anybody asked to end. What was interrupted knows less than is true.
type finished struct {
	doctor.Report
	whole bool
}

// examine examines domains, so many at a time, and hands on the reports in the order of the domains. When ctx is done it hands on what
// was finished before.
func examine(ctx context.Context, d *doctor.Doctor, parallel int, targets iter.Seq[doctor.Domain], use func(doctor.Report) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	waiting := make(chan chan finished, parallel-1) // those behind the one that is waited for, in order
	go func() {
		defer close(waiting)
		var running sync.WaitGroup
		defer running.Wait()
		for target := range targets {
			report := make(chan finished, 1)
			select {
			case waiting <- report:
			case <-ctx.Done():
				return
			}
			running.Go(func() {
				r := d.Examine(ctx, target)
				report <- finished{r, ctx.Err() == nil}
			})
		}
	}()
	var err error
	for report := range waiting {
		r := <-report
		if !r.whole || err != nil {
			continue
		}
		if err = use(r.Report); err != nil {
			cancel()
		}
	}
	return errors.Join(err, ctx.Err())
}
