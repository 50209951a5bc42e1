package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mailhint/edits"
)

func newList() *cobra.Command {
	var q edits.Query
	var managedBy string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the configured domains",
		Long: "list prints every domain with its profile, what manages it (a file, a list, or a store), where it is, and whether it is enabled.\n" +
			"Aliases are found by --search, but have no line of their own.\n" +
			"\n" +
			"With --json, it prints an object for each domain on a line of its own.",
		Example: "  mailhint list\n" +
			"  mailhint list --search bakery\n" +
			"  mailhint list --profile shared --managed-by file",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("list takes no arguments; to search, run mailhint list --search %s", shellWord(args[0]))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			q.ManagedBy = edits.ManagedBy(managedBy)
			if managedBy != "" && !slices.Contains(managers, managedBy) {
				return fmt.Errorf("--managed-by %q: write one of %s", managedBy, strings.Join(managers, ", "))
			}
			s, err := openStore(cmd)
			if err != nil {
				return err
			}
			page, err := s.List(cmd.Context(), q)
			if err == nil && q.Profile != "" && len(page.Records) == 0 {
				_, err = edits.Existing(cmd.Context(), s, edits.Ref{Kind: edits.Profile, Name: q.Profile})
			}
			if err != nil {
				return problem(err)
			}
			if asJSON {
				return problem(edits.PrintRecordsJSON(cmd.OutOrStdout(), page.Records))
			}
			if len(page.Records) == 0 {
				fmt.Fprintln(cmd.ErrOrStderr(), "no domain matches")
				return nil
			}
			return problem(spelled().PrintRecords(cmd.OutOrStdout(), page.Records))
		},
	}
	cmd.Flags().StringVar(&q.Profile, "profile", "", "only domains that inherit from this profile")
	cmd.Flags().StringVar(&q.Search, "search", "", "only domains whose name, or an alias of which, contains this text")
	cmd.Flags().StringVar(&managedBy, "managed-by", "", "only domains managed by this: "+strings.Join(managers, ", "))
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, an object on each line")
	addServerFlags(cmd)
	completesFlag(cmd, "managed-by", managers...)
	completesProfiles(cmd)
	return printsReport(cmd)
}

// managers are the values of --managed-by.
var managers = []string{string(edits.ByFile), string(edits.ByList), string(edits.ByStore)}
