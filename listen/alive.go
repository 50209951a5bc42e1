package listen

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// Alive returns which listeners do not react to a new connection within a time, or nil.
func (l *Listeners) Alive(within time.Duration) error {
	errs := make([]error, len(l.all))
	var looking sync.WaitGroup
	for i, one := range l.all {
		looking.Go(func() {
			if !one.reacts(within) {
				errs[i] = fmt.Errorf("listener %s for %s did not react within %s", one.Addr(), one.purpose, within)
			}
		})
	}
	looking.Wait()
	return errors.Join(errs...)
}

// reacts reports whether anything happens to a connection that begins with something that is neither HTTP nor TLS: an answer, or its
// end. Opening it proves nothing, because the kernel does that alone. It is not a request, so the log and the metrics do not show it;
// where trusted proxies must begin with a header, it has one.
//
// A connection that cannot be opened does not mean that the listener hangs: a firewall may forbid it, there may be no file descriptors
// left, or the queue of a listener under attack is full. If it cannot be opened in time, the listener hangs if it does not accept others
// either. If the listener was closed, Serve has ended.
func (l *listener) reacts(within time.Duration) bool {
	end := time.Now().Add(within)
	limited, counts := l.Listener.(*limitedListener)
	var before uint64
	if counts {
		before = limited.calls.Load()
	}
	c, err := (&net.Dialer{Deadline: end}).Dial("tcp", l.Addr().String())
	if err != nil {
		return !isTimeout(err) || !counts || limited.waiting.Load() || limited.calls.Load() != before
	}
	defer c.Close()
	c.SetDeadline(end) // an error shows below
	c.Write([]byte("PROXY UNKNOWN\r\nno request\r\n\r\n"))
	_, err = c.Read(make([]byte, 1))
	return !isTimeout(err)
}

func isTimeout(err error) bool {
	failure, ok := err.(net.Error)
	return ok && failure.Timeout()
}
