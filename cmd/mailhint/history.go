package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mailhint/edits"
)

// newestChanges is how many changes are printed for people who have not said which: enough to look for something, and quickly there.
const newestChanges = 1000

func newHistory() *cobra.Command {
	var since, profile string
	var limit int
	var withDiffs, asJSON bool
	cmd := &cobra.Command{
		Use:   "history [DOMAIN]",
		Short: "Show what was changed, by whom and why",
		Long: "history lists the changes of the configuration, or of one DOMAIN, the newest first: number, time, who, how, what, and why. A change\n" +
			"that somebody made with an editor is listed as a hand edit, if a server or a command has noticed it. With --diff, each change is\n" +
			"followed by what it has done to the entry, comments included. Without DOMAIN, --since, --limit and --json, only the newest 1,000\n" +
			"changes are listed.\n" +
			"\n" +
			"With --json, it prints an object for each change on a line of its own, with the states before and after.",
		Example: "  mailhint history example.com\n" +
			"  mailhint history example.com --diff --limit 1\n" +
			"  mailhint history --since 2d\n" +
			"  mailhint history --since 2026-11-29 --json",
		Args: atMostOne("DOMAIN"),
		RunE: func(cmd *cobra.Command, args []string) error {
			q := edits.HistoryQuery{Limit: limit}
			var err error
			if q.Ref, err = recordNamed(args, profile); err != nil {
				return err
			}
			if since != "" {
				if q.Since, err = edits.ParseTime(since, time.Now()); err != nil {
					return fmt.Errorf("--since %w", err)
				}
			}
			if limit < 0 {
				return fmt.Errorf("--limit %d: write a number from 1, or 0 for all", limit)
			}
			all := asJSON || cmd.Flags().Changed("limit") || !q.Since.IsZero() || q.Ref != (edits.Ref{})
			if !all {
				q.Limit = newestChanges + 1
			}
			s, err := openStore(cmd)
			if err != nil {
				return err
			}
			changes, err := s.History(cmd.Context(), q)
			if !all && len(changes) > newestChanges {
				changes = changes[:newestChanges]
				defer fmt.Fprintln(cmd.ErrOrStderr(), "older changes are left out; mailhint history --limit 0 prints all")
			}
			switch {
			case err != nil:
				return historyError(err)
			case len(changes) == 0 && q.Ref != (edits.Ref{}) && q.Since.IsZero():
				if _, err := edits.Existing(cmd.Context(), s, q.Ref); err != nil {
					return changeError(err)
				}
			}
			switch {
			case asJSON:
				return problem(edits.PrintHistoryJSON(cmd.OutOrStdout(), changes))
			case len(changes) == 0:
				fmt.Fprintln(cmd.ErrOrStderr(), "the history has no such change")
				return nil
			}
			print := spelled().PrintHistory
			if withDiffs {
				print = spelled().PrintHistoryDiffs
			}
			return problem(print(cmd.OutOrStdout(), changes))
		},
	}
	cmd.Flags().StringVar(&since, "since", "", "only changes at or after this time: 12h, 2d, 2026-11-29, '2026-11-29 14:30'")
	cmd.Flags().StringVar(&profile, "profile", "", "only changes of this profile itself")
	cmd.Flags().IntVar(&limit, "limit", 0, "at most so many changes, the newest; 0 for all")
	cmd.Flags().BoolVar(&withDiffs, "diff", false, "print what each change has done to the entry as a unified diff")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, an object on each line")
	addServerFlags(cmd)
	completesProfiles(cmd)
	cmd.ValidArgsFunction = completeRecords(1)
	return printsReport(cmd)
}

// historyError gives an error of the history its exit code. Only the server's user and root can read it.
func historyError(err error) error {
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		return unknown(fmt.Errorf("cannot read the history: %w; run this as root or as the user of the server", err))
	}
	return changeError(err)
}

// atMostOne is for commands with an argument that can be left out.
func atMostOne(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > 1 {
			return fmt.Errorf("%s takes one %s; drop %q", nameOf(cmd), what, strings.Join(args[1:], " "))
		}
		return nil
	}
}

// recordNamed returns the record that an argument or --profile names; zero if there is neither.
func recordNamed(args []string, profile string) (edits.Ref, error) {
	switch {
	case profile != "" && len(args) > 0:
		return edits.Ref{}, errors.New("a DOMAIN and --profile exclude each other; drop one")
	case profile != "":
		return edits.Ref{Kind: edits.Profile, Name: profile}, nil
	case len(args) > 0:
		return edits.ParseDomain(args[0])
	}
	return edits.Ref{}, nil
}

func newUndo() *cobra.Command {
	var flags changeFlags
	var profile string
	cmd := &cobra.Command{
		Use:   "undo DOMAIN [NUMBER]",
		Short: "Undo the latest change of a domain, or go back to before an earlier one",
		Long: "undo returns a domain to how it was before its latest change, with its comments. With the NUMBER of an earlier change, as history\n" +
			"shows it, that change and all later ones of the domain are undone. A domain that was removed is restored. An undo is a change\n" +
			"itself, and can be undone.\n" +
			"\n" +
			"With --profile instead of DOMAIN, it undoes a change of the profile itself.",
		Example: "  mailhint undo example.com\n" +
			"  mailhint undo example.com 17 --dry-run",
		Args: func(cmd *cobra.Command, args []string) error {
			most := 2
			if profile != "" {
				most = 1
			}
			switch {
			case len(args) == 0 && profile == "":
				return errors.New("undo needs a DOMAIN, such as example.com")
			case len(args) == 1 && profile == "" && isNumber(args[0]):
				return fmt.Errorf("undo needs the DOMAIN of change %s, as mailhint history shows it: mailhint undo DOMAIN %[1]s", args[0])
			case len(args) > most:
				return fmt.Errorf("undo takes a DOMAIN and a NUMBER; drop %q", strings.Join(args[most:], " "))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			var numbers []string
			if profile != "" {
				args, numbers = nil, args
			} else {
				args, numbers = args[:1], args[1:]
			}
			ref, err := recordNamed(args, profile)
			if err != nil {
				return err
			}
			number := int64(0)
			if len(numbers) > 0 {
				if number, err = strconv.ParseInt(numbers[0], 10, 64); err != nil || number < 1 {
					return fmt.Errorf("%q is not the number of a change; mailhint history shows them", numbers[0])
				}
			}
			return flags.undo(cmd, ref, number)
		},
	}
	flags.addTo(cmd)
	cmd.Flags().StringVar(&profile, "profile", "", "undo a change of this profile itself")
	completesProfiles(cmd)
	cmd.ValidArgsFunction = completeChanges
	return cmd
}

// isNumber reports whether an argument can only be the number of a change.
func isNumber(arg string) bool {
	_, err := strconv.ParseUint(arg, 10, 64)
	return err == nil
}

// undo undoes changes of a record.
func (f changeFlags) undo(cmd *cobra.Command, ref edits.Ref, number int64) error {
	s, err := openStore(cmd)
	if err != nil {
		return err
	}
	u, err := edits.Undo(cmd.Context(), s, ref, number)
	switch {
	case errors.Is(err, edits.ErrUnchanged):
		fmt.Fprintln(cmd.ErrOrStderr(), err)
		return f.reportUnchanged(cmd)
	case err != nil:
		return historyError(err)
	}
	if len(u.Reverted) > 1 {
		fmt.Fprintln(cmd.ErrOrStderr(), "this undoes:")
		if err := spelled().PrintHistory(cmd.ErrOrStderr(), u.Reverted); err != nil {
			return problem(err)
		}
	}
	return f.save(cmd, s, u.Edit)
}
