// Command mailhint tells mail programs the settings of mail domains: it reads domains.toml and answers Mozilla autoconfig, Outlook
// Autodiscover and the other requests with which they ask.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"mailhint/domains"
)

func main() { os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) }

// Exit codes, the same for every command.
const (
	exitGood    = 0
	exitProblem = 1 // a problem was found
	exitUsage   = 2 // the command line is wrong
	exitUnknown = 3 // it could not be checked
)

// exitError ends the program with a code other than exitUsage. A nil err means that everything has been printed already.
type exitError struct {
	code int
	err  error
}

func (e exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e exitError) Unwrap() error { return e.err }

// problem wraps an error that is a finding about the configuration or the network, not about the command line. An error that already has
// an exit code keeps it. Nothing is known about a configuration that cannot be read.
func problem(err error) error {
	switch {
	case err == nil, errors.As(err, new(exitError)):
		return err
	case errors.Is(err, domains.ErrUnread):
		return exitError{exitUnknown, err}
	}
	return exitError{exitProblem, err}
}

// run is the whole program. Results go to stdout, messages to stderr.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(doubleDashes(root, args))
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitGood
	}
	if text := err.Error(); text != "" {
		fmt.Fprintln(stderr, text)
	}
	if exit := (exitError{}); errors.As(err, &exit) {
		return exit.code
	}
	fmt.Fprintf(stderr, "See %s --help.\n", cmd.CommandPath())
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
			"Its answers are configured in domains.toml.",
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       versionLine(),
		Args:          onlyCommands,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.PersistentFlags().String("config", "", configUsage)
	root.AddCommand(newServe(), newCheck(), newShow(), newDNS(), newDoctor(), newProbe(), newInit(), newImport(), newExport(), newProxy(), newCert(), newVersion())
	return root
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
