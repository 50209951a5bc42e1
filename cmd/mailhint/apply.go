package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mailhint/admin/remote"
	"mailhint/edits"
)

func newApply() *cobra.Command {
	var flags changeFlags
	var allowed int
	cmd := &cobra.Command{
		Use:   "apply FILE|-",
		Short: "Bring all domains and profiles to the state of a snapshot",
		Long: "apply compares the configuration with a snapshot, which has all profiles and domains that there are to be, and makes the changes in one\n" +
			"step: what is not in the snapshot is removed, comments of what stays are kept. The snapshot is in the form of mailhint snapshot, NDJSON\n" +
			"or TOML; - reads it from standard input. Applied twice, it changes nothing the second time.\n" +
			"\n" +
			"A snapshot that would remove more than a tenth of the records (and more than ten), or all of them, is refused, because it is probably\n" +
			"incomplete. --allow-removals accepts it.",
		Example: "  mailhint apply customers.json --dry-run\n" +
			"  mailhint snapshot --output before.json    # apply this to go back\n" +
			"  panel-export | mailhint apply - --allow-removals 100 --reason 'nightly run'",
		Args: oneArgument("a FILE that mailhint snapshot has written, or - for standard input"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !cmd.Flags().Changed("allow-removals") {
				allowed = edits.DefaultRemovals
			} else if allowed < 0 {
				return fmt.Errorf("--allow-removals %d: write a number from 0", allowed)
			}
			wanted, err := readSnapshot(cmd, args[0])
			if err != nil {
				return err
			}
			s, err := openStore(cmd)
			if err != nil {
				return err
			}
			if there, ok := s.(*remote.Store); ok {
				return flags.applyThere(cmd, there, wanted, allowed)
			}
			plan, err := edits.PlanApply(cmd.Context(), s, wanted, allowed)
			if err != nil {
				return changeError(err)
			}
			fmt.Fprintln(cmd.ErrOrStderr(), plan)
			if len(plan.Edits) == 0 && !flags.json {
				return nil
			}
			flags.wanted = wanted
			return flags.save(cmd, s, plan.Edits...)
		},
	}
	flags.addTo(cmd)
	cmd.Flags().IntVar(&allowed, "allow-removals", 0, "remove up to this number of domains and profiles; default: a tenth of them, or ten if that is more")
	return cmd
}

// applyThere brings another server to the state of a snapshot. The server makes the plan.
func (f changeFlags) applyThere(cmd *cobra.Command, s *remote.Store, wanted []edits.Wanted, allowed int) error {
	plan, result, err := s.ApplySnapshot(cmd.Context(), wanted, allowed, f.reason, f.dryRun)
	if err != nil {
		return changeError(edits.AtWanted(err, wanted))
	}
	fmt.Fprintln(cmd.ErrOrStderr(), plan)
	if len(plan.Edits) == 0 && !f.json {
		return nil
	}
	return problem(f.report(cmd, result, time.Now()))
}

// readSnapshot reads a snapshot from a file, or from standard input for "-".
func readSnapshot(cmd *cobra.Command, name string) ([]edits.Wanted, error) {
	in := io.Reader(os.Stdin)
	if name == "-" {
		name = "standard input"
	} else {
		file, err := os.Open(name)
		if err != nil {
			return nil, unknown(fmt.Errorf("cannot read %s: %w; write - for standard input", name, cause(err)))
		}
		defer file.Close()
		in = file
	}
	wanted, err := edits.Read(in, name)
	if edits.IsMistake(err) {
		return nil, problem(err)
	}
	if err != nil {
		return nil, unknown(fmt.Errorf("cannot read %s: %w", name, cause(err)))
	}
	return wanted, nil
}

func newSnapshot() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "snapshot",
		Short: "Print all domains and profiles in the form that apply reads",
		Long: "snapshot prints all profiles and domains with their own values: with --format json, an object for each on a line of its own; with\n" +
			"--format toml, as in domains.toml, with the names of lists under the key domains of their profiles. Comments, [server], [defaults] and\n" +
			"[fallback] are not part of it. mailhint snapshot | mailhint apply - changes nothing.",
		Example: "  mailhint snapshot --output before.json\n" +
			"  mailhint snapshot --format toml",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !slices.Contains(edits.Formats, format) {
				return fmt.Errorf("unknown format %q; write one of %s", format, strings.Join(edits.Formats, ", "))
			}
			s, err := openStore(cmd)
			if err != nil {
				return err
			}
			list, err := edits.Snapshot(cmd.Context(), s)
			if err != nil {
				return problem(err)
			}
			return problem(edits.Write(cmd.OutOrStdout(), format, list))
		},
	}
	addServerFlags(cmd)
	cmd.Flags().StringVar(&format, "format", edits.Formats[0], "form of the snapshot: "+strings.Join(edits.Formats, ", "))
	completesFlag(cmd, "format", edits.Formats...)
	return printsDocument(cmd)
}
