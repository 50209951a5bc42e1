package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"mailhint/postgres"
	"mailhint/spelling"
	"mailhint/untrusted"
)

func newStore() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "store",
		Short: "Set up and look at the database of [store]",
		Long: "store is for the database that [store] in the configuration names, which has domains and profiles beside those of the files, for\n" +
			"many replicas. Domains in it are changed with add, set, edit, rm, apply and undo, as those in the files are.",
		Args: onlyCommands,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newStoreInit(), newStoreMigrate(), newStoreGrant(), newStoreStatus(), newStoreImport(), newStoreExport(), newHelp())
	return cmd
}

func newStoreInit() *cobra.Command {
	return &cobra.Command{
		Use:   "init",
		Short: "Make the tables in an empty database",
		Long: "init makes the tables of mailhint, in the schema mailhint of the database of [store]. It needs a role that may create a schema there.\n" +
			"If there are tables already, nothing is changed.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			before, after, err := migrate(cmd, true)
			if err != nil {
				return err
			}
			text := "made the tables of mailhint (version %d)\n"
			if before > 0 {
				text = "the tables of mailhint are there already (version %d)\n"
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), text, after)
			return err
		},
	}
}

func newStoreMigrate() *cobra.Command {
	return &cobra.Command{
		Use:   "migrate",
		Short: "Change the tables of an older version to those of this one",
		Long: "migrate changes the tables to those of this version, in one transaction: all of it, or nothing. Servers of the version before go on\n" +
			"answering. Programs of an older version refuse tables of a newer one, and say so.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			before, after, err := migrate(cmd, false)
			if err != nil {
				return err
			}
			text := fmt.Sprintf("the tables of mailhint are up to date (version %d)\n", after)
			if before < after {
				text = fmt.Sprintf("changed the tables of mailhint from version %d to version %d\n", before, after)
			}
			_, err = io.WriteString(cmd.OutOrStdout(), text)
			return err
		},
	}
}

func newStoreGrant() *cobra.Command {
	var withoutCertificates bool
	cmd := &cobra.Command{
		Use:   "grant ROLE",
		Short: "Give a role of the database the rights of a server, and no others",
		Long: "grant lets a role read domains and their history, and order and use certificates. It can neither change domains nor see accounts, tokens,\n" +
			"sessions and the audit trail, so that a server in front of the internet should use it. Servers with the API or the page need the role\n" +
			"that owns the tables. Make the role first: CREATE ROLE mailhint_serve LOGIN PASSWORD '…'. Run grant again after migrate.",
		Example: "  mailhint store grant mailhint_serve",
		Args:    oneArgument("a ROLE, such as mailhint_serve"),
		RunE: func(cmd *cobra.Command, args []string) error {
			config, err := mustHaveDatabase(cmd)
			if err != nil {
				return err
			}
			if err := postgres.Grant(cmd.Context(), *config, args[0], !withoutCertificates); err != nil {
				return problem(databaseError(err))
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s has the rights of a server\n", untrusted.Printable(args[0]))
			return err
		},
	}
	cmd.Flags().BoolVar(&withoutCertificates, "without-certificates", false, "for servers that order no certificates: no access to their keys")
	return cmd
}

// migrate makes or changes the tables. Unless it may make them, there must be some.
func migrate(cmd *cobra.Command, mayMake bool) (before, after int, err error) {
	config, err := mustHaveDatabase(cmd)
	if err != nil {
		return 0, 0, err
	}
	before, after, err = postgres.Migrate(cmd.Context(), *config, mayMake)
	if err != nil {
		return 0, 0, problem(databaseError(err))
	}
	return before, after, nil
}

// mustHaveDatabase says where the database is.
func mustHaveDatabase(cmd *cobra.Command) (*postgres.Config, error) {
	config, err := databaseConfig(configName(cmd))
	if err != nil {
		return nil, problem(err)
	}
	if config == nil {
		return nil, problem(fmt.Errorf("%s has no [store]; add one with type = \"postgres\" and url, see mailhint help config", configName(cmd)))
	}
	return config, nil
}

func newStoreStatus() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Print what is in the database, and which server answers",
		Long: "status asks the database of [store] which server has answered, whether that takes changes, how many records there are, and which change\n" +
			"was the latest. Whether a replica has that change is on its readiness page, see mailhint health --ready.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := mustHaveDatabase(cmd)
			if err != nil {
				return err
			}
			s, err := postgres.Open(cmd.Context(), *config)
			if err != nil {
				return problem(databaseError(err))
			}
			defer s.Close()
			status, err := s.Status(cmd.Context())
			switch {
			case err != nil:
				return problem(databaseError(err))
			case asJSON:
				return problem(printJSON(cmd.OutOrStdout(), status))
			}
			return problem(printStatus(cmd.OutOrStdout(), status))
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func printStatus(w io.Writer, s postgres.Status) error {
	role, encrypted, search := "primary, takes changes", "encrypted", "with an index"
	if s.Standby {
		role = "standby, takes no changes"
	}
	if !s.Encrypted {
		encrypted = "not encrypted"
	}
	if !s.Trigrams {
		search = "reads all names: the extension pg_trgm is missing"
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range [][2]string{
		{"server", fmt.Sprintf("%s, PostgreSQL %s (%s)", s.Server, s.Product, role)},
		{"connection", fmt.Sprintf("as %s, %s", s.User, encrypted)},
		{"database", s.Database},
		{"tables", fmt.Sprintf("version %d, %s", s.Version, megabytes(s.Octets))},
		{"records", fmt.Sprintf("%s, %s", spelling.Count(s.Domains, "domain"), spelling.Count(s.Profiles, "profile"))},
		{"latest change", fmt.Sprint(s.Sequence)},
		{"search", search},
	} {
		if _, err := fmt.Fprintf(table, "%s\t%s\n", row[0], untrusted.Printable(row[1])); err != nil {
			return err
		}
	}
	return table.Flush()
}

func megabytes(octets int64) string { return spelling.Thousands(int(octets>>20)) + " MiB" }
