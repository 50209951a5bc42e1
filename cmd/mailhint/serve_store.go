package main

import (
	"context"

	"mailhint/domains"
	"mailhint/postgres"
	"mailhint/replica"
)

// openReplica makes the copy of the database of [store], if there is one. The database may be away.
func (p *program) openReplica(s *domains.Snapshot) error {
	if s.Store.Type == "" {
		return nil
	}
	var err error
	p.database, err = postgres.New(context.Background(), postgres.Config{URL: s.Store.URL, PasswordFile: s.Store.PasswordFile, Files: func() (*domains.Snapshot, error) { return p.file.Current(), nil }})
	if err != nil {
		return databaseError(err)
	}
	p.replica = replica.New(replica.Config{Source: p.database, StateDir: s.Server.StateDir, Program: versionText(), Log: p.log})
	p.server.Metrics().MustRegister(p.replica.Collector())
	p.server.ShowLines(p.replica.Lines)
	return nil
}
