package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mailhint/doctor"
)

// watchDomains examines again and again, by the configuration as it is each time, and prints what came and what went. It ends when
// the program is told to.
func watchDomains(cmd *cobra.Command, f doctorFlags, prepare func() (examination, error)) error {
	ctx := cmd.Context()
	e, err := prepare()
	if err != nil {
		return err
	}
	var before []string
	for first := true; ; first = false {
		now := make(map[string]bool)
		if err != nil {
			reason, _, _ := strings.Cut(err.Error(), "\n")
			now["the configuration cannot be used, and the one before is: "+reason] = true
		}
		failed := examine(ctx, e.doctor, f.parallel, e.targets, func(r doctor.Report) error {
			for _, line := range watchLines(r) {
				now[line] = true
			}
			return nil
		})
		if ctx.Err() != nil {
			return nil
		}
		after := slices.Sorted(maps.Keys(now))
		if failed == nil {
			failed = printChanges(cmd.OutOrStdout(), before, after)
		}
		if failed == nil && first && len(after) == 0 {
			_, failed = fmt.Fprintf(cmd.OutOrStdout(), "%s good\n", time.Now().Format(time.DateTime))
		}
		if failed != nil {
			return problem(failed)
		}
		before = after
		select {
		case <-time.After(f.watch):
		case <-ctx.Done():
			return nil
		}
		var next examination
		if next, err = prepare(); err == nil {
			e = next
		} else if e.doctor, failed = e.renew(); failed != nil {
			return failed
		}
	}
}

// printChanges prints what is there after and was not before, and the other way round. Both lists are sorted.
func printChanges(out io.Writer, before, after []string) error {
	at := time.Now().Format(time.DateTime)
	var lines []string
	for _, line := range after {
		if _, there := slices.BinarySearch(before, line); !there {
			lines = append(lines, at+" + "+line)
		}
	}
	for _, line := range before {
		if _, there := slices.BinarySearch(after, line); !there {
			lines = append(lines, at+" - "+line)
		}
	}
	for _, line := range lines {
		if _, err := fmt.Fprintln(out, line); err != nil {
			return err
		}
	}
	return nil
}

// watchLines are what is wrong with a domain, a line each.
func watchLines(r doctor.Report) []string {
	var lines []string
	for _, finding := range r.Findings {
		lines = append(lines, fmt.Sprintf("%s %s %s: %s", r.Domain, finding.Code, finding.Subject, finding.Text))
	}
	for _, u := range r.Unchecked {
		lines = append(lines, fmt.Sprintf("%s not checked: %s", r.Domain, u))
	}
	return lines
}
