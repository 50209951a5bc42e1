package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mailhint/doctor"
)

// newHelp is the command help of the program or of one of its commands that have commands of their own. Unlike cobra's, it refuses
// a topic that does not exist.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Explain a command",
		Long:  "help explains a command, as COMMAND --help does.",
		RunE: func(cmd *cobra.Command, topic []string) error {
			found, err := findTopic(cmd.Parent(), topic)
			if err != nil {
				return err
			}
			found.InitDefaultHelpFlag() // so that it is listed
			found.SetOut(cmd.OutOrStdout())
			return found.Help()
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
			above, err := findTopic(cmd.Parent(), args)
			if err != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			var names []string
			for _, c := range above.Commands() {
				if c.IsAvailableCommand() && strings.HasPrefix(c.Name(), begun) {
					names = append(names, c.Name()+"\t"+c.Short)
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
	}
}

// findTopic returns the command that words name below another.
func findTopic(above *cobra.Command, words []string) (*cobra.Command, error) {
	for _, word := range words {
		i := slices.IndexFunc(above.Commands(), func(c *cobra.Command) bool { return c.Name() == word })
		switch {
		case i >= 0:
			above = above.Commands()[i]
		case slices.ContainsFunc(doctor.Codes, func(i doctor.Info) bool { return strings.EqualFold(string(i.Code), word) }):
			return nil, fmt.Errorf("unknown topic %q; the codes of doctor are explained in docs/codes", word)
		case above.HasSubCommands():
			return nil, onlyCommands(above, []string{word})
		default:
			return nil, fmt.Errorf("%s has no commands of its own; drop %q", above.CommandPath(), word)
		}
	}
	return above, nil
}
