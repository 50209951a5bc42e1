package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"mailhint/certs"
	"mailhint/domains"
	"mailhint/keypairs"
	"mailhint/server"
)

func newCheck() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check [FILE…]",
		Short: "Check the configuration for mistakes, without the network",
		Long: "check reads the configuration, or each FILE as a configuration, and prints every mistake as\n" +
			"file:line: key: what is wrong, how to write it. The exit code is 1 if there is one, and 3 if a file does\n" +
			"not exist or cannot be read. Lines of a domains_file that serve would skip are mistakes, and so is what\n" +
			"would keep serve from starting on this machine, such as a missing certificate. Warnings, about what is\n" +
			"allowed and probably not meant, go to standard error and do not change the exit code.",
		RunE: func(cmd *cobra.Command, files []string) error {
			if len(files) == 0 {
				files = []string{configName(cmd)}
			}
			var result error
			for _, file := range files {
				report, err := check(cmd, file, asJSON)
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
	return cmd
}

// check checks and prints one configuration.
func check(cmd *cobra.Command, file string, asJSON bool) (domains.Report, error) {
	report, snapshot := domains.Check(file)
	if snapshot != nil {
		checkStart(&report, snapshot)
	}
	if asJSON {
		return report, printJSON(cmd.OutOrStdout(), report)
	}
	return report, errors.Join(report.PrintWarnings(cmd.ErrOrStderr()), report.Print(cmd.OutOrStdout()))
}

// checkStart reads the certificates as serve would, and reports what keeps it from starting on this machine, and names that no
// certificate covers.
func checkStart(report *domains.Report, s *domains.Snapshot) {
	fail := func(key string, i int, err error) {
		if err != nil {
			report.Fail(domains.Problem{Position: s.ServerAt(key, i), Key: "server." + key, Text: err.Error() + " (serve would not start on this machine)"})
		}
	}
	log := slog.New(slog.DiscardHandler)
	for i, pair := range s.Server.Certificates {
		_, err := keypairs.Open([]keypairs.Files{keypairs.Files(pair)}, log)
		fail("cert", i, err)
	}
	if pair := s.Server.Signing; pair != nil {
		_, err := keypairs.Open([]keypairs.Files{keypairs.Files(*pair)}, log)
		fail("sign_cert", 0, err)
	}
	_, err := certs.ReadRoots(s.Server.ACME.Root)
	fail("acme_root", 0, err)
	srv, err := server.New(s.Server, nil, log)
	if err != nil { // reported above
		return
	}
	if warning := srv.UncoveredWarning(s); warning != "" {
		report.Warnings = append(report.Warnings, domains.Problem{Position: s.ServerAt("cert", 0), Key: "server.cert", Text: warning})
	}
}

func printJSON(w io.Writer, v any) error {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	return out.Encode(v)
}

// count spells a number of things.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
