package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// channel is the name that PostgreSQL notifies of changes.
const channel = "mailhint"

const (
	// minPause is the shortest time between two values of Notify: a flood of notifications must not become a flood of reads.
	minPause = 50 * time.Millisecond
	// reconnectAfter is how long Notify waits before it connects again.
	reconnectAfter = time.Second
)

// Notify returns a channel with a value whenever the records may have changed: when PostgreSQL says so, after each new connection, and at the
// latest after the time of poll, because a standby and a proxy that pools transactions pass no notifications on. A value says nothing else; use
// Since. The channel holds one value. It is closed when ctx is done.
func (s *Store) Notify(ctx context.Context, poll time.Duration) <-chan struct{} {
	heard, out := make(chan struct{}, 1), make(chan struct{}, 1)
	go func() {
		for ctx.Err() == nil {
			s.listen(ctx, heard)
			wait(ctx, reconnectAfter)
		}
	}()
	go func() {
		defer close(out)
		ticker := time.NewTicker(poll)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-heard:
			case <-ticker.C:
			}
			signal(out)
			wait(ctx, minPause)
		}
	}()
	return out
}

// listen waits for notifications until the connection ends, or there is none.
func (s *Store) listen(ctx context.Context, heard chan<- struct{}) {
	config := s.pool.Config()
	if config.BeforeConnect != nil {
		if err := config.BeforeConnect(ctx, config.ConnConfig); err != nil {
			return
		}
	}
	conn, err := pgx.ConnectConfig(ctx, config.ConnConfig)
	if err != nil {
		return // it is tried again, and polling goes on
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		conn.Close(closing)
	}()
	if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
		wait(ctx, time.Minute) // a standby never listens
		return
	}
	signal(heard)
	for {
		if _, err := conn.WaitForNotification(ctx); err != nil {
			return
		}
		signal(heard)
	}
}

// signal puts a value into a channel unless there is one.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
