package main

import (
	"context"

	"github.com/spf13/cobra"

	"mailhint/edits"
)

func newSet() *cobra.Command {
	var flags changeFlags
	cmd := &cobra.Command{
		Use:   "set DOMAIN KEY=VALUE…",
		Short: "Change keys of a domain",
		Long: "set changes single keys of a domain and keeps the others. KEY= removes a key, so that its value is inherited again. A domain\n" +
			"that is only in a list gets an entry of its own, as an exception to the list.\n" +
			valuesHelp,
		Example: "  mailhint set example.com imap=imap2.example.com --reason 'ticket 4711'\n" +
			"  mailhint set example.com pop3= 'auth=[\"oauth2\", \"password\"]' --dry-run",
		Args: domainAndValues(true),
		RunE: func(cmd *cobra.Command, args []string) error {
			ref, values, err := parseValues(args)
			if err != nil {
				return err
			}
			flags.values = values
			return flags.change(cmd, ref, func(ctx context.Context, s edits.Store, ref edits.Ref) (edits.Edit, error) {
				return edits.Set(ctx, s, ref, values)
			})
		},
	}
	flags.addTo(cmd)
	cmd.ValidArgsFunction = completeValues(true)
	return cmd
}

func newRemove() *cobra.Command {
	return newChange("rm", "Remove a domain",
		"rm removes a domain: its entry, and its line in the list of a profile. mailhint undo DOMAIN restores both.", edits.Remove)
}

func newEnable() *cobra.Command {
	return newChange("enable", "Answer for a domain again",
		"enable removes enabled = false from a domain, so that clients get answers for it again.", edits.Enable)
}

func newDisable() *cobra.Command {
	return newChange("disable", "Treat a domain as one that is not configured",
		"disable sets enabled = false: clients get the answer that they would get for a domain that is not configured. All its settings stay,\n"+
			"for mailhint enable.", edits.Disable)
}

// newChange makes a command that changes a domain and needs nothing but its name.
func newChange(name, short, long string, change func(context.Context, edits.Store, edits.Ref) (edits.Edit, error)) *cobra.Command {
	var flags changeFlags
	cmd := &cobra.Command{
		Use:     name + " DOMAIN",
		Short:   short,
		Long:    long,
		Example: "  mailhint " + name + " example.com --reason 'ticket 4711'",
		Args:    oneArgument("a DOMAIN, such as example.com"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ref, err := edits.ParseDomain(args[0])
			if err != nil {
				return err
			}
			return flags.change(cmd, ref, change)
		},
	}
	flags.addTo(cmd)
	cmd.ValidArgsFunction = completeRecords(1)
	return cmd
}

// change saves what an operation makes of a domain.
func (f changeFlags) change(cmd *cobra.Command, ref edits.Ref, operation func(context.Context, edits.Store, edits.Ref) (edits.Edit, error)) error {
	s, err := openStore(cmd)
	if err != nil {
		return err
	}
	e, err := operation(cmd.Context(), s, ref)
	if err != nil {
		return changeError(err)
	}
	return f.save(cmd, s, e)
}
