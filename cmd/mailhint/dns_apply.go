package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"mailhint/dnsrecords"
	"mailhint/dnsupdate"
	"mailhint/domains"
	"mailhint/resolver"
	"mailhint/spelling"
)

// applyFlags are the flags of dns that are about publishing.
type applyFlags struct {
	apply, dryRun, yes, replace bool
}

func (f *applyFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.apply, "apply", false, "publish the records by dynamic update, as [dns] says")
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "with --apply: only show what would be changed")
	cmd.Flags().BoolVarP(&f.yes, "yes", "y", false, "with --apply: do not ask before anything is changed")
	cmd.Flags().BoolVar(&f.replace, "replace", false, "with --apply: remove records that are in the way")
}

// checkApply refuses flags that contradict each other.
func (f *dnsFlags) checkApply(cmd *cobra.Command) error {
	changed := func(name string) bool { return cmd.Flags().Changed(name) }
	if !f.apply {
		for _, name := range []string{"dry-run", "yes", "replace"} {
			if changed(name) {
				return fmt.Errorf("--%s is for publishing; add --apply, or drop it", name)
			}
		}
		return nil
	}
	for _, name := range []string{"diff", "zone", "output"} {
		if changed(name) {
			return fmt.Errorf("--apply and --%s exclude each other; drop one", name)
		}
	}
	switch {
	case f.format != "zone" && f.format != "json":
		return fmt.Errorf("--format %s is for printing, not for --apply; drop one", f.format)
	case f.dryRun && f.yes:
		return errors.New("--dry-run and --yes exclude each other; drop one")
	case f.dryRun || f.yes:
		return nil
	case f.format == "json":
		return errors.New("--apply with --json cannot ask; add --yes to publish, or --dry-run to see what would be changed")
	case !canAsk(cmd):
		return errors.New("--apply cannot ask here, because this is not a terminal; add --yes to publish, or --dry-run to see what would be changed")
	}
	return nil
}

// canAsk reports whether somebody can answer a question at a terminal.
func canAsk(cmd *cobra.Command) bool {
	in, ok := cmd.InOrStdin().(*os.File)
	return ok && term.IsTerminal(int(in.Fd())) && terminal(cmd.ErrOrStderr()) != nil
}

// confirm asks a question at the terminal. Anything but yes is no.
func confirm(cmd *cobra.Command, question string) (bool, error) {
	fmt.Fprintf(cmd.ErrOrStderr(), "%s [y/N] ", question)
	answer, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes", nil
}

// publish publishes the records of domains.
func (f dnsFlags) publish(cmd *cobra.Command, snapshot *domains.Snapshot, all []dnsrecords.Wanted, o dnsrecords.Options) error {
	if len(snapshot.DNS.Zones) == 0 {
		return problem(errors.New("the configuration does not say where records can be published: add a table [dns] with server, key_file and zones"))
	}
	updater := &dnsupdate.Updater{Zones: snapshot.DNS}
	if _, err := namedResolver(cmd); err != nil {
		return err
	}
	var unresolved []byte // hosts of the records that have no address
	if hosts, err := resolverOf(cmd); err == nil && o.Server != "" && len(o.Addresses) == 0 {
		updater.PointsHere = dnsupdate.PointsTo(o.Server, hosts)
		unresolved = dnsrecords.MissingServerAddresses(cmd.Context(), hosts, "table", all, o)
	}
	progress := newProgress(cmd.ErrOrStderr(), len(all), "domains")
	plans := updater.Plan(cmd.Context(), all, f.replace, progress.step)
	progress.done()
	reported := make([]bool, len(plans))
	report := func() {
		for i, p := range plans {
			if p.Err != nil && !reported[i] {
				reported[i] = true
				fmt.Fprintf(cmd.ErrOrStderr(), "%s: %v\n", p.Domain, p.Err)
			}
		}
	}
	report()
	if _, err := cmd.ErrOrStderr().Write(unresolved); err != nil {
		return problem(err)
	}
	json := f.format == "json"
	if !json {
		if err := dnsupdate.PrintPlan(cmd.OutOrStdout(), plans); err != nil {
			return problem(err)
		}
	}
	changes := 0
	for _, p := range plans {
		if p.Err == nil {
			changes += p.Changes()
		}
	}
	agreed := !f.dryRun && changes > 0
	if agreed && !f.yes {
		var err error
		if agreed, err = confirm(cmd, "Make "+spelling.Count(changes, "change")+"?"); err != nil {
			return problem(err)
		}
	}
	if agreed {
		progress := newProgress(cmd.ErrOrStderr(), len(plans), "domains")
		updater.Apply(cmd.Context(), plans, progress.step)
		progress.done()
		report()
	}
	var err error
	if json {
		err = dnsupdate.PrintJSON(cmd.OutOrStdout(), plans)
	} else {
		_, err = fmt.Fprintln(cmd.OutOrStdout(), dnsupdate.Summary(plans))
	}
	exit := applyExit(plans)
	if len(unresolved) > 0 {
		exit = errProblem
	}
	return errors.Join(problem(err), exit)
}

// applyExit is errProblem if a zone does not have all it should, else errUnknown if a name server does not answer.
func applyExit(plans []dnsupdate.Plan) error {
	var exit error
	for _, p := range plans {
		switch {
		case errors.Is(p.Err, resolver.ErrFailed):
			if exit == nil {
				exit = errUnknown
			}
		case p.Err != nil, len(p.Left) > 0, p.Changes() > 0 && !p.Done:
			return errProblem
		}
	}
	return exit
}
