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
	if _, err := namedResolver(cmd); err != nil {
		return err
	}
	p := dnsupdate.Publication{Updater: &dnsupdate.Updater{Zones: snapshot.DNS}, Records: all, Replace: f.replace, DryRun: f.dryRun,
		JSON: f.format == "json", Out: cmd.OutOrStdout(), Messages: cmd.ErrOrStderr()}
	if hosts, err := resolverOf(cmd); err == nil && o.Server != "" && len(o.Addresses) == 0 {
		p.Updater.PointsHere = dnsupdate.PointsTo(o.Server, hosts)
		p.Unresolved = dnsrecords.MissingServerAddresses(cmd.Context(), hosts, "table", all, o)
	}
	if !f.yes {
		p.Agree = func(question string) (bool, error) { return confirm(cmd, question) }
	}
	p.Progress = func(total int) (step, done func()) {
		progress := newProgress(cmd.ErrOrStderr(), total, "domains")
		return progress.step, progress.done
	}
	return publishExit(p.Publish(cmd.Context()))
}

// publishExit gives an error of Publish its exit code. Why records are not published has been told.
func publishExit(err error) error {
	switch {
	case errors.Is(err, dnsupdate.ErrIncomplete):
		return errProblem
	case errors.Is(err, dnsupdate.ErrUnanswered):
		return errUnknown
	}
	return problem(err)
}
