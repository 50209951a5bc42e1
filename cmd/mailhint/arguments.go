package main

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"mailhint/settings"
	"mailhint/untrusted"
)

// parseDomain reads an argument that is a domain.
func parseDomain(arg string) (settings.Domain, error) {
	d, err := settings.ParseDomain(arg)
	if err != nil {
		return "", fmt.Errorf("%q: %w; write it like example.com", arg, err)
	}
	return d, nil
}

// parseDomains reads arguments that are domains, and returns each domain once.
func parseDomains(args []string) ([]settings.Domain, error) {
	var list []settings.Domain
	for _, arg := range args {
		d, err := parseDomain(arg)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(list, d) {
			list = append(list, d)
		}
	}
	return list, nil
}

// oneArgument is for commands with one argument. The error says which it is and what it looks like, and not only how many there are.
func oneArgument(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch len(args) {
		case 0:
			return fmt.Errorf("%s needs %s", nameOf(cmd), what)
		case 1:
			return nil
		}
		return fmt.Errorf("%s takes one argument; drop %q", nameOf(cmd), strings.Join(args[1:], " "))
	}
}

// noArguments is for commands that have only flags.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%s takes no arguments; drop %q", nameOf(cmd), strings.Join(args, " "))
	}
	return nil
}

// onlyCommands is for commands that have only subcommands.
func onlyCommands(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := ""
	cmd.SuggestionsMinimumDistance = min(2, len(args[0])/2) // letters to change: of a short word, 2 leave nothing
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = "; did you mean " + strings.Join(near, " or ") + "?"
	}
	return fmt.Errorf("unknown command %q for %q%s", args[0], cmd.CommandPath(), hint)
}

// nameOf is what a command is called, without the program: "init", "cert get".
func nameOf(cmd *cobra.Command) string {
	return strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ")
}

// shellWord spells an argument of a command that is suggested, for a shell. It has printable characters only: names can be written by others.
func shellWord(arg string) string {
	isPlain := func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("._/:@%+=,-", r)
	}
	if arg != "" && strings.IndexFunc(arg, func(r rune) bool { return !isPlain(r) }) < 0 {
		return arg
	}
	if untrusted.Printable(arg) == arg {
		return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
	}
	var b strings.Builder
	for _, c := range []byte(arg) {
		if c < ' ' || c > '~' || c == '\'' || c == '\\' {
			fmt.Fprintf(&b, `\%03o`, c) // not \x: it would take digits that follow
		} else {
			b.WriteByte(c)
		}
	}
	return "$'" + b.String() + "'"
}
