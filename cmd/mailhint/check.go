package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"mailhint/certs"
	"mailhint/domains"
	"mailhint/server"
)

func newCheck() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check [FILE…]",
		Short: "Check the configuration for mistakes, without the network",
		Long: "check reads the configuration, or each FILE as a configuration, and prints every mistake as\n" +
			"file:line: key: what is wrong, how to write it. The exit code is 1 if there is one, and 3 if a file does\n" +
			"not exist or cannot be read. It warns about certificate files that serve could not use, and about names\n" +
			"that no certificate covers.",
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
	refused := false
	if snapshot != nil {
		report.Warning, refused = checkCertificates(snapshot)
	}
	if asJSON {
		return report, printJSON(cmd.OutOrStdout(), report)
	}
	if report.Warning != "" {
		refusal := ""
		if refused {
			refusal = "serve would not start on this machine: "
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s%s\n", file, refusal, report.Warning)
	}
	return report, report.Print(cmd.OutOrStdout())
}

// checkCertificates reads the certificates as serve would, and returns what is wrong with them, and whether serve would not start.
func checkCertificates(s *domains.Snapshot) (warning string, refused bool) {
	srv, err := server.New(s.Server, nil, slog.New(slog.DiscardHandler))
	if err == nil {
		_, err = certs.ReadRoots(s.Server.ACME.Root)
	}
	if err != nil {
		return err.Error(), true
	}
	return srv.UncoveredWarning(s), false
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
