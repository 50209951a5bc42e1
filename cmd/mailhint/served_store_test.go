package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"mailhint/certs/pebbletest"
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
		var served server.Served
		eventually(t, "the server has read the change", func() bool { // which may take longer than await waits
			served = await(result.Changes[0].Number)
			return served.Status != server.NotRead
		})
		if status, _ := ask(t, r.public(), "autoconfig."+name, path); served.Status != server.Serving || status != 200 {
			t.Errorf("%s: %q, and the answer has status %d", name, served, status)
		}
	}
	if served := await(99); served.Status != server.NotRead {
		t.Errorf("a change that does not exist: %q, want that the server has not read it", served)
	}
}

// Domains move from the files of a running server into the database, and no request notices. All are gone from the files then, which would
// otherwise be held back.
func TestImportWhileServing(t *testing.T) {
	t.Parallel()
	database := postgrestest.Start(t)
	url := database.URL(database.Database(t))
	if _, _, err := postgres.Migrate(t.Context(), postgres.Config{URL: url}, true); err != nil {
		t.Fatal(err)
	}
	names := make([]string, 200)
	for i := range names {
		names[i] = fmt.Sprintf("%q", fmt.Sprintf("d%d.example", i))
	}
	profile := "[profiles.shared]\nimap = \"imap.example\"\nsmtp = \"smtp.example\"\ndomains = [" + strings.Join(names, ", ") + "]\n"
	r := startProgram(t, "[server]\nhttp = [\"127.0.0.1:0\"]\nadmin = \""+pebbletest.FreeAddress(t)+"\"\nstate_dir = \""+t.TempDir()+"\"\n[store]\ntype = \"postgres\"\nurl = \""+url+"\"\n"+profile)
	stop, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				ended <- nil
				return
			default:
			}
			name := fmt.Sprintf("d%d.example", i%len(names))
			if status, _, _, _, err := askAs(r.public(), "ann@"+name, 0); err != nil || status != 200 {
				ended <- fmt.Errorf("%s: status %d, %v", name, status, err)
				return
			}
		}
	}()
	var out bytes.Buffer
	if code := run(context.Background(), []string{"store", "import", "--config", r.config}, &out, &out); code != 0 {
		t.Errorf("code %d: %s", code, &out)
	}
	if text := out.String(); !strings.Contains(text, "moved 201 records into the database; all answers are the same\nserved by the running server ") {
		t.Errorf("import says %q", text)
	}
	close(stop)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if n := r.file.Current().Domains(); n != 0 {
		t.Errorf("%d domains are still served from the files", n)
	}
}
