package main

import (
	"fmt"
	"iter"
	"time"

	"github.com/spf13/cobra"

	"mailhint/doctor"
)

// watchDomains examines again and again, and prints what came and what went. It ends when the program is told to.
func watchDomains(cmd *cobra.Command, f doctorFlags, newDoctor func() (*doctor.Doctor, error), targets iter.Seq[doctor.Domain]) error {
	ctx, out := cmd.Context(), cmd.OutOrStdout()
	before := make(map[string]bool)
	for first := true; ; first = false {
		d, err := newDoctor()
		if err != nil {
			return err
		}
		now := make(map[string]bool)
		err = examine(ctx, d, f.parallel, targets, func(r doctor.Report) error {
			for _, line := range f.watchLines(r) {
				now[line] = true
				if !before[line] {
					fmt.Fprintf(out, "%s + %s\n", time.Now().Format(time.DateTime), line)
				}
			}
			return nil
		})
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return problem(err)
		}
		for line := range before {
			if !now[line] {
				fmt.Fprintf(out, "%s - %s\n", time.Now().Format(time.DateTime), line)
			}
		}
		if first && len(now) == 0 {
			fmt.Fprintf(out, "%s good\n", time.Now().Format(time.DateTime))
		}
		before = now
		select {
		case <-time.After(f.watch):
		case <-ctx.Done():
			return nil
		}
	}
}

// watchLines are what is wrong with a domain, a line each.
func (f doctorFlags) watchLines(r doctor.Report) []string {
	var lines []string
	for _, finding := range r.Findings {
		lines = append(lines, fmt.Sprintf("%s %s %s: %s", r.Domain, finding.Code, finding.Subject, finding.Text))
	}
	for _, u := range r.Unchecked {
		lines = append(lines, fmt.Sprintf("%s not checked: %s", r.Domain, u))
	}
	return lines
}
