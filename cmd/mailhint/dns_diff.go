package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"mailhint/dnsrecords"
	"mailhint/doctor"
	"mailhint/settings"
)

// commentStarts begin a comment in the forms that know one.
var commentStarts = map[string]string{"zone": "; ", "nsupdate": "; ", "octodns": "# ", "terraform": "# ", "dnscontrol": "// ", "table": ""}

// diffDNS prints how what a domain publishes differs from what it should.
func diffDNS(cmd *cobra.Command, format string, zone settings.Domain, want []dnsrecords.Record, options dnsrecords.Options) error {
	asked, err := resolverOf(cmd)
	if err != nil {
		return err
	}
	d := &doctor.Doctor{Resolver: asked, Server: options.Server, Addresses: options.Addresses}
	differences, err := d.Differences(cmd.Context(), want)
	if err != nil {
		return exitError{exitUnknown, fmt.Errorf("what the domain publishes is not known: %w", err)}
	}
	if len(differences) == 0 {
		return nil
	}
	out := cmd.OutOrStdout()
	if toAdd := recordsToAdd(format, want, differences); len(toAdd) > 0 {
		text, err := dnsrecords.Print(format, zone, toAdd)
		if err != nil {
			return err
		}
		if _, err := out.Write(text); err != nil {
			return problem(err)
		}
	}
	start, known := commentStarts[format]
	if !known { // JSON has no comments
		out = cmd.ErrOrStderr()
	}
	if err := printExtras(out, start, differences); err != nil {
		return problem(err)
	}
	return exitError{code: exitProblem}
}

// recordsToAdd are those that are missing. The forms that replace all records of a name and type at once get all of them.
func recordsToAdd(format string, want []dnsrecords.Record, differences []dnsrecords.Difference) []dnsrecords.Record {
	sets := slices.Contains([]string{"nsupdate", "octodns", "dnscontrol", "terraform"}, format)
	var toAdd []dnsrecords.Record
	for _, w := range want {
		if slices.ContainsFunc(differences, func(d dnsrecords.Difference) bool {
			return d.Name == w.Name && (!d.Extra && d.Data == w.Data || sets && d.Data.Type() == w.Data.Type())
		}) {
			toAdd = append(toAdd, w)
		}
	}
	return toAdd
}

// printExtras says what should go. Its contents are a stranger's text.
func printExtras(out io.Writer, start string, differences []dnsrecords.Difference) error {
	for _, d := range differences {
		if !d.Extra {
			continue
		}
		text := fmt.Sprintf("%sremove: %s. IN %s %s\n", start, d.Name, d.Data.Type(), printable(d.Data.String()))
		if d.Wild {
			text = fmt.Sprintf("%sa wildcard record answers for %s. with IN %s %s; it may stay: the name of its own goes before it\n",
				start, d.Name, d.Data.Type(), printable(d.Data.String()))
		}
		if _, err := io.WriteString(out, text); err != nil {
			return err
		}
	}
	return nil
}
