package main

import (
	"fmt"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"mailhint/postgres/postgrestest"
)

// TestDatabaseCommands runs the command lines in testdata/postgres. "database FILE" adds an empty database as [store] to a configuration.
func TestDatabaseCommands(t *testing.T) {
	server := postgrestest.Start(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/postgres",
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		UpdateScripts:       *update,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits,
			"database": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) != 1 {
					ts.Fatalf("usage: database FILE")
				}
				file := ts.MkAbs(args[0])
				text := fmt.Sprintf("\n[store]\ntype = \"postgres\"\nurl = %q\n", server.URL(server.Database(t)))
				ts.Check(os.WriteFile(file, []byte(ts.ReadFile(args[0])+text), 0o600))
			},
		},
		Setup: func(env *testscript.Env) error {
			env.Setenv("MAILHINT_CONFIG", "")
			env.Setenv("LC_ALL", "C.UTF-8")
			return nil
		},
	})
}
