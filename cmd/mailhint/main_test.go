package main

import (
	"flag"
	"os/exec"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"mailhint": main})
}

var update = flag.Bool("update", false, "write what commands print into the files of testdata that they are compared with")

// TestCommands runs the command lines in testdata, which read like a session at a terminal.
func TestCommands(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		UpdateScripts:       *update,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "mailworld": mailWorld, "nameserver": nameserver, "knot": knot, "transfer": transferZone},
		Setup: func(env *testscript.Env) error {
			env.Setenv("MAILHINT_CONFIG", "")
			return nil
		},
	})
}

// exits runs a program that must end with a certain code: "exits 2 mailhint show".
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARG…]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if failed, ok := err.(*exec.ExitError); ok {
		got = failed.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("%v: exit code %d, want %d", args[1:], got, want)
	}
}
