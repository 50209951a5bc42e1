package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"mailhint/dnsrecords"
	"mailhint/resolver"
)

// domainsAtOnce is how many domains are looked up at a time.
const domainsAtOnce = 8

// printDifferences prints how what domains publish differs from what they should publish.
func (f dnsFlags) printDifferences(cmd *cobra.Command, all []zoneRecords, o dnsrecords.Options) error {
	r, err := resolverOf(cmd)
	if err != nil {
		return err
	}
	found := lookUpDifferences(cmd, r, all, o)
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
	if f.format == "json" {
		out, err := dnsrecords.PrintDifferencesJSON(found)
		if err == nil {
			_, err = cmd.OutOrStdout().Write(out)
		}
		return errors.Join(problem(err), exit)
	}
	if err := f.printTexts(cmd.OutOrStdout(), all, found); err != nil {
		return problem(err)
	}
	if hint := f.serverAddresses(cmd, r, all, o); len(hint) > 0 {
		exit = errProblem
		if _, err := cmd.OutOrStdout().Write(hint); err != nil {
			return problem(err)
		}
	}
	return exit
}

// lookUpDifferences looks up what domains publish. An error of one of them says nothing about the others.
func lookUpDifferences(cmd *cobra.Command, r *resolver.Resolver, all []zoneRecords, o dnsrecords.Options) []dnsrecords.DomainDifferences {
	found := make([]dnsrecords.DomainDifferences, len(all))
	progress := newProgress(cmd.ErrOrStderr(), len(all), "domains")
	defer progress.done()
	next, ended := make(chan int), make(chan bool)
	for range min(domainsAtOnce, len(all)) {
		go func() {
			for i := range next {
				found[i].Domain = all[i].domain
				found[i].Differences, found[i].Err = dnsrecords.Differences(cmd.Context(), r, all[i].records, o)
				ended <- true
			}
		}()
	}
	go func() {
		for i := range all {
			next <- i
		}
		close(next)
	}()
	for range all {
		<-ended
		progress.step()
	}
	return found
}

// printTexts prints the differences in a format for people or programs that takes comments.
func (f dnsFlags) printTexts(out io.Writer, all []zoneRecords, found []dnsrecords.DomainDifferences) error {
	if f.isOneDocument() && len(all) > 0 {
		one, differences := zoneRecords{zone: all[0].zone}, dnsrecords.DomainDifferences{}
		for i, d := range all {
			one.records = append(one.records, d.records...)
			differences.Differences = append(differences.Differences, found[i].Differences...)
			if d.zone != one.zone {
				one.zone = ""
			}
		}
		all, found = []zoneRecords{one}, []dnsrecords.DomainDifferences{differences}
	}
	var b bytes.Buffer
	for i, d := range all {
		publish, remove, err := dnsrecords.PrintDifferences(f.format, d.zone, d.records, found[i].Differences)
		if err != nil {
			return err
		}
		if len(all) > 1 && len(publish)+len(remove) > 0 {
			if b.Len() > 0 {
				b.WriteByte('\n')
			}
			b.Write(dnsrecords.Comment(f.format, string(d.domain)))
		}
		b.Write(publish)
		b.Write(remove)
	}
	_, err := out.Write(b.Bytes())
	return err
}

// serverAddresses returns the address records of this server to fill in, if they belong to one of the zones and are missing there.
func (f dnsFlags) serverAddresses(cmd *cobra.Command, r *resolver.Resolver, all []zoneRecords, o dnsrecords.Options) []byte {
	for _, d := range all {
		if hint := dnsrecords.ServerAddresses(f.format, d.zone, o); len(hint) > 0 {
			if _, _, err := r.Host(cmd.Context(), o.Server); errors.Is(err, resolver.ErrNone) {
				return hint
			}
			return nil
		}
	}
	return nil
}
