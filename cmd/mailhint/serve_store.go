package main

import (
	"context"

	"mailhint/domains"
	"mailhint/postgres"
	"mailhint/replica"
)

// openDatabase opens the database of [store], if there is one. It may be away.
func (p *program) openDatabase(s domains.Store) (err error) {
	if s.Type == "" {
		return nil
	}
	p.database, err = postgres.New(context.Background(), postgres.Config{
		URL: s.URL, PasswordFile: s.PasswordFile, MaxConns: maxConns, Files: func() (*domains.Snapshot, error) { return p.file.Current(), nil },
	})
	if err != nil {
		return databaseError(err)
	}
	if host := postgres.UnverifiedHost(s.URL); host != "" {
		p.log.Warn("[store]: "+unverifiedText, "host", host)
	}
	return nil
}

// maxConns is how many connections a server has to the database at most, besides the one for notifications. No request of a mail program uses one.
const maxConns = 8

// openReplica makes the copy of the database, if there is one.
func (p *program) openReplica(s domains.Server) {
	if p.database == nil {
		return
	}
	p.replica = replica.New(replica.Config{Source: p.database, StateDir: s.StateDir, Program: versionText(), Log: p.log})
	p.server.Metrics().MustRegister(p.replica.Collector())
	p.server.ShowLines(p.replica.Lines)
	p.server.Sequence = func() int64 { return p.replica.Status().Sequence }
}
