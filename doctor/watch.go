package doctor

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// Watch examines domains again and again, with a pause after each run, and prints to out what appeared and what disappeared. It calls
// next before the second and each later run, so that changes of the configuration take effect. If that fails, it prints so and examines
// the domains of the previous run. It returns nil when ctx is done.
func Watch(ctx context.Context, out io.Writer, pause time.Duration, run Run, next func() (Run, error)) error {
	var before []string
	var err error // of next
	for first := true; ; first = false {
		now := make(map[string]bool)
		if err != nil {
			reason, _, _ := strings.Cut(err.Error(), "\n")
			now["the configuration cannot be used, still using the previous one: "+reason] = true
		}
		failed := run.Examine(ctx, func(r Report) error {
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
			failed = printChanges(out, before, after)
		}
		if failed == nil && first && len(after) == 0 {
			_, failed = fmt.Fprintf(out, "%s good\n", time.Now().Format(time.DateTime))
		}
		if failed != nil {
			return failed
		}
		before = after
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
		var changed Run
		if changed, err = next(); err == nil {
			run = changed
		}
	}
}

// printChanges prints what is in after and not in before, and the other way round. Both lists are sorted.
func printChanges(out io.Writer, before, after []string) error {
	at := time.Now().Format(time.DateTime)
	var lines strings.Builder
	for _, line := range after {
		if _, there := slices.BinarySearch(before, line); !there {
			fmt.Fprintf(&lines, "%s + %s\n", at, line)
		}
	}
	for _, line := range before {
		if _, there := slices.BinarySearch(after, line); !there {
			fmt.Fprintf(&lines, "%s - %s\n", at, line)
		}
	}
	if lines.Len() == 0 {
		return nil
	}
	_, err := io.WriteString(out, lines.String())
	return err
}

// watchLines has a line for everything that is wrong with a domain.
func watchLines(r Report) []string {
	var lines []string
	for _, f := range r.Findings {
		lines = append(lines, fmt.Sprintf("%s %s %s: %s", r.Domain, f.Code, f.Subject, f.Text))
	}
	for _, u := range r.Unchecked {
		lines = append(lines, fmt.Sprintf("%s not checked: %s", r.Domain, u))
	}
	return lines
}
