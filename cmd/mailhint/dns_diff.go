package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"mailhint/dnsrecords"
)

// printDifferences prints how what domains publish differs from what they should publish.
func (f dnsFlags) printDifferences(cmd *cobra.Command, all []dnsrecords.Wanted, o dnsrecords.Options) error {
	r, err := resolverOf(cmd)
	if err != nil {
		return err
	}
	progress := newProgress(cmd.ErrOrStderr(), len(all), "domains")
	found := dnsrecords.LookUp(cmd.Context(), r, all, o, progress.step)
	progress.done()
	var exit error
	for _, d := range found {
		switch {
		case d.Err != nil:
			fmt.Fprintf(cmd.ErrOrStderr(), "%s: cannot find out what the domain publishes: %v\n", d.Domain, d.Err)
			if exit == nil {
				exit = errUnknown
			}
		case len(d.Differences) > 0:
			exit = errProblem
		}
	}
	var out []byte
	if f.format == "json" {
		out, err = dnsrecords.PrintDifferencesJSON(found)
	} else {
		out, err = dnsrecords.PrintDomainDifferences(f.format, all, found)
		if hint := dnsrecords.MissingServerAddresses(cmd.Context(), r, f.format, all, o); len(hint) > 0 {
			out, exit = append(out, hint...), errProblem
		}
	}
	if err == nil {
		_, err = cmd.OutOrStdout().Write(out)
	}
	return errors.Join(problem(err), exit)
}
