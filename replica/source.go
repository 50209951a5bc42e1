package replica

import (
	"context"
	"time"

	"mailhint/postgres"
)

// Source is the database that a Replica copies: a *postgres.Store.
type Source interface {
	// Copy calls take with every record, profiles first, and returns the position that they are the state of.
	Copy(ctx context.Context, take func(postgres.Row) error) (postgres.Position, error)
	// Since calls take with what each change after a position has made of its record, and returns the position after the last of them. The
	// error is postgres.ErrOtherPast if the database does not continue that position.
	Since(ctx context.Context, since postgres.Position, take func(postgres.Row) error) (postgres.Position, error)
	// Position returns the state that the database is in.
	Position(ctx context.Context) (postgres.Position, error)
	// Notify returns a channel with a value whenever there may be changes, and at the latest after the time of poll.
	Notify(ctx context.Context, poll time.Duration) <-chan struct{}
}
