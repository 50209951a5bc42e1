package main

import (
	"errors"

	"github.com/spf13/cobra"

	"mailhint/domains"
	"mailhint/oauth"
	"mailhint/server"
)

func newCheck() *cobra.Command {
	var asJSON, online bool
	cmd := &cobra.Command{
		Use:   "check [FILE…]",
		Short: "Check the configuration for mistakes",
		Long: "check reads the configuration, or each FILE as a configuration, and prints every mistake as\n" +
			"file:line: key: what is wrong, how to write it. The exit code is 1 if there is one, and 3 if a file does\n" +
			"not exist or cannot be read. Lines of a domains_file that serve would skip are mistakes, and so is what\n" +
			"would keep serve from starting on this machine, such as a missing certificate. Warnings, about what is\n" +
			"allowed and probably not meant, go to standard error and do not change the exit code.\n" +
			"\n" +
			"The records of the database that [store] names are checked as well, all of them. If it does not answer, the exit code is 3.\n" +
			"\n" +
			"Nothing else is asked, unless you add --online: then each OAuth2 issuer is asked once what it offers. What does not fit the table oauth2\n" +
			"is a mistake if OAuth2 is the only way to sign in, and a warning otherwise; an issuer that cannot be asked makes the exit code 3.",
		RunE: func(cmd *cobra.Command, files []string) error {
			if len(files) == 0 {
				files = []string{configName(cmd)}
			}
			var issuers oauth.Prober // nil to ask none
			if online {
				var err error
				if issuers, err = issuerProber(cmd); err != nil {
					return err
				}
			}
			var result error
			for _, file := range files {
				report, err := check(cmd, file, asJSON, issuers)
				if err != nil {
					return problem(err)
				}
				switch {
				case report.OK:
				case report.Unread:
					result = errUnknown
				case result == nil:
					result = errProblem
				}
			}
			return result
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object for each FILE")
	cmd.Flags().BoolVar(&online, "online", false, "ask the OAuth2 issuers too")
	addNetworkFlags(cmd)
	return printsReport(cmd)
}

// check checks and prints one configuration. It asks the OAuth2 issuers too unless the prober is nil.
func check(cmd *cobra.Command, file string, asJSON bool, issuers oauth.Prober) (domains.Report, error) {
	report, snapshot := domains.Check(file)
	if snapshot != nil {
		problems, warnings := server.CheckStart(snapshot)
		report.Fail(problems...)
		report.Fail(checkLookups(snapshot)...)
		report.Warnings = append(report.Warnings, warnings...)
		if err := checkDatabase(cmd, file, &report); err != nil {
			return report, err
		}
		if issuers != nil {
			checkIssuers(cmd.Context(), issuers, snapshot, &report)
		}
	}
	if asJSON {
		return report, printJSON(cmd.OutOrStdout(), report)
	}
	return report, errors.Join(report.PrintWarnings(cmd.ErrOrStderr()), report.Print(cmd.OutOrStdout()))
}
