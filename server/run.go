package server

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Run serves what Listen has opened until ctx is done, then stops without failing a request: first /-/readyz says 503 and answers
// ask clients to open their next connection elsewhere, while new ones are still served for the time of Drain; then nothing new is
// accepted, and what is running may end.
func (s *Server) Run(ctx context.Context) error {
	failed := make(chan error, len(s.listeners))
	for _, l := range s.listeners {
		go func() { failed <- l.serve() }()
	}
	watching, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	for _, c := range s.allCertificates() {
		go c.watch(watching, s.limits.look)
	}
	s.systemd.running(s.log)
	go s.watchdog(watching)
	var cause error
	select {
	case <-ctx.Done():
	case cause = <-failed: // a listener broke; serving on with the rest would only look well
	}
	return errors.Join(cause, s.stop())
}

// stop is the end of Run.
func (s *Server) stop() error {
	s.stopping.Store(true)
	s.systemd.stopping(s.log)
	s.log.Info("shutting down", "drain", s.Drain)
	time.Sleep(s.Drain)

	ctx, cancel := context.WithTimeout(context.Background(), s.limits.stop)
	defer cancel()
	s.closePublic()
	err := s.shutdown(ctx, func(purpose string) bool { return purpose != forAdmin })
	// The admin listener goes last: it tells what is going on.
	return errors.Join(err, s.shutdown(ctx, func(purpose string) bool { return purpose == forAdmin }))
}

// closePublic ends accepting, and waits for the first request of connections that have just been accepted: http.Server.Shutdown would
// close these without an answer (Go 1.26), 1 to 4 of them at each restart under load.
func (s *Server) closePublic() {
	for _, l := range s.listeners {
		if l.purpose != forAdmin {
			l.Listener.(*connLimiter).finish(s.limits.readHeader) // add makes no others
			<-l.ended
		}
	}
	for end := time.Now().Add(s.limits.readHeader); !s.crowd().settled() && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
}

// shutdown ends the servers of some purposes, and cuts what has not ended when ctx is done.
func (s *Server) shutdown(ctx context.Context, of func(purpose string) bool) error {
	errs := make([]error, len(s.listeners))
	var running sync.WaitGroup
	for i, l := range s.listeners {
		if !of(l.purpose) {
			continue
		}
		running.Go(func() {
			if err := l.server.Shutdown(ctx); err != nil {
				l.server.Close() // the connections that are left; there is nobody to tell
				errs[i] = fmt.Errorf("listener %s for %s: requests were still running after %s and have been cut: %w", l.Addr(), l.purpose,
					s.limits.stop, err)
			}
		})
	}
	running.Wait()
	return errors.Join(errs...)
}

// watch reads the certificates again when their files change. Looking costs microseconds, sees every way of replacing a file, and
// works on network file systems, where notifications do not.
func (c *certificates) watch(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			c.reload(false) // logs what is wrong, and /-/readyz shows it
		}
	}
}
