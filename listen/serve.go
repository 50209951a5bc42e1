package listen

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// Serve answers at all listeners until Shutdown has ended them, which returns nil, or until one of them breaks.
func (l *Listeners) Serve() error {
	ended := make(chan error, len(l.all))
	for _, one := range l.all {
		go func() { ended <- one.serve() }()
	}
	for range l.all {
		if err := <-ended; err != nil {
			return err
		}
	}
	return nil
}

// serve answers until the server is shut down, which is not an error.
func (l *listener) serve() error {
	end := sync.OnceFunc(func() { close(l.ended) })
	defer end()
	accept := l.Listener
	if l.purpose == HTTPS {
		accept = newHandshakeListener(accept, l.server, end)
	}
	err := l.server.Serve(accept)
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return fmt.Errorf("listener %s for %s: %w", l.Addr(), l.purpose, err)
}

// Shutdown ends a Serve that is running without failing a request: nothing new is accepted, and running requests may finish, for as
// long as Limits.Stop. The admin listener goes last, because it shows what is going on. An error says which requests were cut off.
func (l *Listeners) Shutdown() error {
	ctx, cancel := context.WithTimeout(context.Background(), l.config.Limits.Stop)
	defer cancel()
	l.stopAccepting()
	err := l.shutdown(ctx, func(purpose Purpose) bool { return purpose != Admin })
	return errors.Join(err, l.shutdown(ctx, func(purpose Purpose) bool { return purpose == Admin }))
}

// stopAccepting closes the public listeners and waits for the handshakes and first requests of connections that have just been accepted:
// http.Server.Shutdown would close these without an answer (Go 1.26), 1 to 4 of them at each restart under load.
func (l *Listeners) stopAccepting() {
	for _, one := range l.all {
		if one.purpose != Admin {
			one.Listener.(*limitedListener).finish(l.config.Limits.ReadHeader) // add makes no others
			<-one.ended
		}
	}
	for end := time.Now().Add(l.config.Limits.ReadHeader); !l.tracker.settled() && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
}

// shutdown ends the servers for some purposes, and cuts off what has not ended when ctx is done.
func (l *Listeners) shutdown(ctx context.Context, of func(Purpose) bool) error {
	errs := make([]error, len(l.all))
	var running sync.WaitGroup
	for i, one := range l.all {
		if !of(one.purpose) {
			continue
		}
		running.Go(func() {
			if err := one.server.Shutdown(ctx); err != nil {
				one.server.Close() // the connections that are left; its error would add nothing
				errs[i] = fmt.Errorf("listener %s for %s: requests were still running after %s and have been cut off: %w", one.Addr(), one.purpose,
					l.config.Limits.Stop, err)
			}
		})
	}
	running.Wait()
	return errors.Join(errs...)
}
