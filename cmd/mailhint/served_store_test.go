package main

import (
	"context"
	"testing"
	"time"

	"mailhint/domains"
	"mailhint/edits"
	"mailhint/postgres"
	"mailhint/postgres/postgrestest"
	"mailhint/server"
)

// A command that has changed the database learns when the running server serves the change, and not before.
func TestAwaitSequence(t *testing.T) {
	t.Parallel()
	database := postgrestest.Start(t)
	url := database.URL(database.Database(t))
	if _, _, err := postgres.Migrate(t.Context(), postgres.Config{URL: url}, true); err != nil {
		t.Fatal(err)
	}
	r := startProgram(t, oneDomain+"[store]\ntype = \"postgres\"\nurl = \""+url+"\"\n")
	s, err := postgres.Open(t.Context(), postgres.Config{URL: url, Files: func() (*domains.Snapshot, error) { return domains.Load(r.config) }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	await := func(number int64) server.Served {
		return server.AwaitSequence(context.Background(), domains.Server{Admin: r.admin()}, r.config, number, time.Now())
	}
	for _, name := range []string{"a.example", "b.example"} {
		result, err := s.Apply(t.Context(), edits.ChangeSet{Edits: []edits.Edit{{Ref: edits.Ref{Kind: edits.Domain, Name: name}, Values: edits.Values{"imap": "i.example", "smtp": "s.example"}}}})
		if err != nil {
			t.Fatal(err)
		}
		served := await(result.Changes[0].Number)
		if status, _ := ask(t, r.public(), "autoconfig."+name, path); served.Status != server.Serving || status != 200 {
			t.Errorf("%s: %q, and the answer has status %d", name, served, status)
		}
	}
	if served := await(99); served.Status != server.NotRead {
		t.Errorf("a change that does not exist: %q, want that the server has not read it", served)
	}
}
