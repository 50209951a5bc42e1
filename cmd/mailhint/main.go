// Command mailhint tells mail programs the settings of mail domains: it reads domains.toml and answers Mozilla autoconfig, Outlook
// Autodiscover and the other requests with which they ask.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mailhint/domains"
	"mailhint/exchangers"
	"mailhint/imports"
	"mailhint/postgres"
	"mailhint/preview"
	"mailhint/resolver"
	"mailhint/server"
)

func main() {
	ballast = make([]byte, commandBallast)
	code := run(context.Background(), os.Args[1:], os.Stdout, os.Stderr)
	runtime.KeepAlive(ballast)
	os.Exit(code)
}

// ballast is memory that is never touched and so costs nothing. It only counts: with a larger heap the garbage collector runs less often.
var ballast []byte

// commandBallast is the ballast of commands, in octets. The garbage of reading ten thousand entries is then mostly left to the end of the process.
const commandBallast = 64 << 20

// Exit codes, the same for every command.
const (
	exitGood    = 0
	exitProblem = 1 // a problem was found
	exitUsage   = 2 // the command line is wrong
	exitUnknown = 3 // it could not be found out
)

// The error that a command returns says how the program ends: problem and unknown wrap one, errProblem and errUnknown mean that everything
// has been printed already, and any other error is about the command line. Only this file knows the exit codes.
var (
	errProblem error = exitError{code: exitProblem}
	errUnknown error = exitError{code: exitUnknown}
)

// unknowns are the errors of our packages which mean that something could not be found out.
var unknowns = []error{domains.ErrUnread, resolver.ErrFailed, exchangers.ErrUnknown, preview.ErrNoAnswer, imports.ErrUnread, postgres.ErrNoAnswer}

// problem wraps an error that is a finding about the configuration or the network, or one of unknowns.
func problem(err error) error {
	isUnknown := func(u error) bool { return errors.Is(err, u) }
	switch {
	case err == nil, errors.As(err, new(exitError)):
		return err
	case slices.ContainsFunc(unknowns, isUnknown):
		return unknown(err)
	}
	return exitError{exitProblem, err}
}

// problemIf is errProblem if there was a problem.
func problemIf(found bool) error {
	if found {
		return errProblem
	}
	return nil
}

// unknown wraps an error because of which something could not be found out.
func unknown(err error) error { return exitError{exitUnknown, err} }

// exitAs ends the program with an exit code that another program prescribes. Everything has been printed already.
func exitAs(code int) error { return exitError{code: code} }

// exitError is an error with its exit code.
type exitError struct {
	code int
	err  error // nil if everything has been printed already
}

func (e exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e exitError) Unwrap() error { return e.err }

// run is the whole program. Results go to stdout, messages to stderr.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	out := &checkedWriter{Writer: stdout}
	root := newRoot()
	root.SetArgs(doubleDashes(root, args))
	root.SetOut(out)
	root.SetErr(stderr)
	addCompletion(root)
	cmd, err := root.ExecuteContextC(ctx)
	switch {
	case out.err == nil:
	case errors.Is(err, out.err):
		err = exitError{exitProblem, err}
	default:
		err = exitError{exitProblem, errors.Join(out.err, err)}
	}
	if err == nil {
		return exitGood
	}
	messages := server.NewLogWriter(stderr) // a reader that has stalled does not keep the program from ending
	defer messages.Close()                  // there is nowhere to report an error
	if text := strings.TrimSpace(err.Error()); text != "" {
		fmt.Fprintln(messages, text)
	}
	if exit := (exitError{}); errors.As(err, &exit) {
		return exit.code
	}
	fmt.Fprintf(messages, "See %s --help.\n", cmd.CommandPath())
	return exitUsage
}

// configUsage explains the flag --config, which every command shares.
var configUsage = "main configuration file; default $MAILHINT_CONFIG, else ./domains.toml, else " + systemConfig

const systemConfig = "/etc/mailhint/domains.toml"

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "mailhint",
		Short: "Lets mail programs set themselves up",
		Long: "mailhint answers Thunderbird, Outlook, Apple Mail and other mail programs that ask for the servers of a mail domain.\n" +
			"Its answers are configured in domains.toml: mailhint help config explains every key.",
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       versionLine(),
		Args:          onlyCommands,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.PersistentFlags().String("config", "", configUsage)
	root.SetHelpCommand(newHelp())
	addGroup(root, "Set up:", newInit(), newServe(), newDNS(), newProxy())
	addGroup(root, "See what is configured, and what clients get:", newList(), newShow(), newCheck(), newDoctor(), newCompare(), newProbe(), newHealth())
	addGroup(root, "Change domains:", newAdd(), newSet(), newEdit(), newEnable(), newDisable(), newRemove(), newHistory(), newUndo(), newApply(), newSnapshot())
	addGroup(root, "Let others change domains:", newUser(), newToken())
	root.AddCommand(newCert(), newStore(), newImport(), newExport(), newSchema(), newVersion(), newManual())
	return root
}

// addGroup adds commands that the help prints under a title of their own.
func addGroup(root *cobra.Command, title string, cmds ...*cobra.Command) {
	root.AddGroup(&cobra.Group{ID: title, Title: title})
	for _, cmd := range cmds {
		cmd.GroupID = title
	}
	root.AddCommand(cmds...)
}

// configName finds the main configuration file.
func configName(cmd *cobra.Command) string {
	if name, _ := cmd.Flags().GetString("config"); name != "" {
		return name
	}
	if name := os.Getenv("MAILHINT_CONFIG"); name != "" {
		return name
	}
	const here = "domains.toml"
	if _, err := os.Stat(here); errors.Is(err, os.ErrNotExist) {
		if _, err := os.Stat(systemConfig); err == nil {
			return systemConfig
		}
	}
	return here
}

// doubleDashes turns "-config" into "--config", as Go's own programs take it.
func doubleDashes(root *cobra.Command, args []string) []string {
	fixed := make([]string, len(args))
	for i, arg := range args {
		fixed[i] = arg
		if name, _, _ := strings.Cut(strings.TrimPrefix(arg, "-"), "="); strings.HasPrefix(arg, "-") && len(name) > 1 && name[0] != '-' && isFlag(root, name) {
			fixed[i] = "-" + arg
		}
	}
	return fixed
}

func isFlag(root *cobra.Command, name string) bool {
	if root.PersistentFlags().Lookup(name) != nil {
		return true
	}
	for _, cmd := range root.Commands() {
		if cmd.Flags().Lookup(name) != nil {
			return true
		}
	}
	return false
}
