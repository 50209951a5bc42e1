package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// oneArgument is for commands with one argument. The error says which it is and what it looks like, and not only how many there are.
func oneArgument(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch len(args) {
		case 0:
			return fmt.Errorf("%s needs %s", nameOf(cmd), what)
		case 1:
			return nil
		}
		return fmt.Errorf("%s takes one argument; remove %q", nameOf(cmd), strings.Join(args[1:], " "))
	}
}

// noArguments is for commands that have only flags.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%s takes no arguments; remove %q", nameOf(cmd), strings.Join(args, " "))
	}
	return nil
}

// onlyCommands is for commands that have only subcommands.
func onlyCommands(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := ""
	cmd.SuggestionsMinimumDistance = 2 // letters to change; cobra sets it only for its own search
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = "; did you mean " + strings.Join(near, " or ") + "?"
	}
	return fmt.Errorf("unknown command %q for %q%s", args[0], cmd.CommandPath(), hint)
}

// nameOf is what a command is called, without the program: "init", "cert get".
func nameOf(cmd *cobra.Command) string {
	return strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ")
}
