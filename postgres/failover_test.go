package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"mailhint/edits"
	"mailhint/postgres"
	"mailhint/postgres/postgrestest"
)

// A standby takes the place of a primary that was killed. Both are in the URL. What was acknowledged and had reached the standby is there, and changes go on
// with the next number.
func TestFailover(t *testing.T) {
	primary := postgrestest.Start(t)
	database := primary.Database(t)
	standby := primary.Standby(t)
	config := postgres.Config{
		URL: fmt.Sprintf("postgres://%s@127.0.0.1:%d,127.0.0.1:%d/%s?sslmode=disable&target_session_attrs=primary&connect_timeout=2",
			postgrestest.User, standby.Port, primary.Port, database),
		Files: files(t, onlyStore),
	}
	if _, _, err := postgres.Migrate(t.Context(), config, true); err != nil {
		t.Fatal(err)
	}
	s := reopen(t, config)
	set := func(name string) edits.ChangeSet {
		return edits.ChangeSet{Edits: []edits.Edit{{Ref: edits.Ref{Kind: edits.Domain, Name: name}, Values: edits.Values{"imap": "i.example", "smtp": "s.example"}}}}
	}
	if _, err := s.Apply(t.Context(), set("before.example")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	news := s.Notify(ctx, 100*time.Millisecond)
	<-news
	at, err := s.Position(ctx)
	if err != nil {
		t.Fatal(err)
	}
	primary.AwaitStandby(t, standby)

	// A standby can be read, and says that it takes no changes.
	only := reopen(t, postgres.Config{URL: standby.URL(database), Files: config.Files})
	if status, err := only.Status(ctx); err != nil || !status.Standby || status.Domains != 1 {
		t.Errorf("the status of the standby is %+v, %v", status, err)
	}
	if _, err := only.Apply(ctx, set("x.example")); !errors.Is(err, edits.ErrReadOnly) {
		t.Errorf("a change on the standby: %v, want ErrReadOnly", err)
	}
	dry := set("x.example")
	dry.DryRun = true
	if _, err := only.Apply(ctx, dry); err != nil {
		t.Errorf("a dry run on the standby: %v", err)
	}

	primary.Kill(t)
	standby.Promote(t)
	var result edits.Result
	for result.Changes == nil {
		if result, err = s.Apply(ctx, set("after.example")); ctx.Err() != nil {
			t.Fatalf("no change is possible after the failover: %v", err)
		}
	}
	if result.Changes[0].Number != at.Sequence+1 {
		t.Errorf("the change after %d has the number %d", at.Sequence, result.Changes[0].Number)
	}
	for position := at; position.Sequence <= at.Sequence; {
		if _, open := <-news; !open {
			t.Fatal("the change after the failover was not noticed")
		}
		position, err = s.Since(ctx, at, func(r postgres.Row) error {
			if string(r.Name) != "after.example" {
				t.Errorf("the change is about %s", r.Name)
			}
			return nil
		})
		if err != nil && ctx.Err() != nil {
			t.Fatal(err)
		}
	}
}

// A database that is silent, or cut off, is an error within the time that the caller gives, and comes back by itself.
func TestDatabaseAway(t *testing.T) {
	server := postgrestest.Shared(t)
	_, database := open(t)
	proxy := server.StartProxy(t)
	s := reopen(t, postgres.Config{URL: proxy.URL(database)})
	for what, state := range map[string]func(){"cut": proxy.Cut, "silent": proxy.Drop} {
		state()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		if err := s.Health(ctx); err == nil {
			t.Errorf("%s: the database is healthy", what)
		}
		cancel()
		proxy.CloseAll()
		proxy.Restore()
		ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
		for s.Health(ctx) != nil {
			if ctx.Err() != nil {
				t.Fatalf("%s: the database does not come back", what)
			}
		}
		cancel()
	}
}
