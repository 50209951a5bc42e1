package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"mailhint/accounts"
)

func newToken() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Manage the tokens with which programs use the API",
		Long: "token manages API tokens. A token has a role, and domains and profiles, as an account has: see mailhint user --help. Programs send it as\n" +
			"Authorization: Bearer TOKEN. It is shown once, when it is made; only a hash is kept. A running server follows.",
		Example: "  mailhint token add panel --role provisioner --profiles shared --expires 90d\n" +
			"  mailhint token list",
		Args: onlyCommands,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newTokenAdd(), newTokenList(), newTokenRevoke(), newHelp())
	return cmd
}

func newTokenAdd() *cobra.Command {
	var grant grantFlags
	var expires string
	cmd := &cobra.Command{
		Use:   "add NAME --role ROLE",
		Short: "Make a token",
		Long:  "add makes a token and prints it, as the last line on stdout: it cannot be shown again. Put it into a file that only the program which uses\nit may read.",
		Example: "  mailhint token add panel --role provisioner --profiles shared --expires 90d\n" +
			"  (umask 077; mailhint token add deploy --role operator --expires 2027-01-31 > token)",
		Args: oneName,
		RunE: func(cmd *cobra.Command, args []string) error {
			if grant.role == "" {
				return errors.New("--role is missing: write operator, domain-admin, provisioner or viewer")
			}
			n := accounts.NewToken{Name: args[0], Role: accounts.Role(grant.role), Domains: grant.domains, Profiles: grant.profiles}
			var err error
			if expires != "" {
				if n.Expires, err = accounts.ParseExpiry(expires, time.Now()); err != nil {
					return accountError(err, "token", n.Name)
				}
			}
			s, err := openAccounts(cmd)
			if err != nil {
				return err
			}
			secret, t, err := s.AddToken(cmd.Context(), commandLine(), n)
			if err != nil {
				return accountError(err, "token", n.Name)
			}
			if t.Expires.IsZero() {
				fmt.Fprintf(cmd.ErrOrStderr(), "token %s never expires; --expires 90d would limit it\n", t.Name)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), secret)
			return problem(err)
		},
	}
	grant.addTo(cmd)
	cmd.Flags().StringVar(&expires, "expires", "", "when it is no longer valid: in 12h, 30d or 8w, or on a date such as 2027-01-31; default never")
	return cmd
}

func newTokenList() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the tokens",
		Long:    "list prints every token with its role, who made it, when it expires and when it was last used. With --json, it prints an object for each\ntoken on a line of its own. It never prints the tokens themselves or their hashes.",
		Example: "  mailhint token list",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := openAccounts(cmd)
			if err != nil {
				return err
			}
			list, err := s.Tokens(cmd.Context(), commandLine())
			switch {
			case err != nil:
				return problem(err)
			case asJSON:
				return problem(accounts.PrintJSON(cmd.OutOrStdout(), list))
			case len(list) == 0:
				fmt.Fprintln(cmd.ErrOrStderr(), "there are no tokens; make one with mailhint token add NAME --role ROLE")
				return nil
			}
			return problem(accounts.PrintTokens(cmd.OutOrStdout(), list, time.Now()))
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, an object on each line")
	return printsReport(cmd)
}

func newTokenRevoke() *cobra.Command {
	return &cobra.Command{
		Use:     "revoke NAME",
		Short:   "Make a token invalid",
		Long:    "revoke removes a token, and the tokens that were made with it. Servers refuse it within a second.",
		Example: "  mailhint token revoke panel",
		Args:    oneName,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := openAccounts(cmd)
			if err != nil {
				return err
			}
			return accountError(s.RevokeToken(cmd.Context(), commandLine(), args[0]), "token", args[0])
		},
	}
}
