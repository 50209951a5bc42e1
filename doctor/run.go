package doctor

import (
	"context"
	"errors"
	"iter"
	"sync"
)

// Run is one examination of several domains. They share what is learned about mail servers and DNS names, so that a server with
// thousands of domains is asked once.
type Run struct {
	Doctor  *Doctor
	Domains iter.Seq[Domain]
	// Total is the number of domains, for progress.
	Total int
	// Parallel is how many domains are examined at a time; 0 means 1.
	Parallel int
}

// Examine examines the domains and passes each report to use, in the order of the domains. It ends with the first error of use. When
// ctx is done it passes on only the reports that were complete by then, because an interrupted examination knows less than is true,
// and returns the error of ctx.
func (r Run) Examine(ctx context.Context, use func(Report) error) error {
	s := r.Doctor.newSession()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		Report
		complete bool
	}
	pending := make(chan chan result, max(r.Parallel, 1)-1) // behind the one that is waited for, in order
	go func() {
		defer close(pending)
		var running sync.WaitGroup
		defer running.Wait()
		for domain := range r.Domains {
			report := make(chan result, 1)
			select {
			case pending <- report:
			case <-ctx.Done():
				return
			}
			running.Go(func() {
				examined := s.examine(ctx, domain)
				report <- result{examined, ctx.Err() == nil}
			})
		}
	}()
	var err error
	for report := range pending {
		examined := <-report
		if !examined.complete || err != nil {
			continue
		}
		if err = use(examined.Report); err != nil {
			cancel()
		}
	}
	return errors.Join(err, ctx.Err())
}
