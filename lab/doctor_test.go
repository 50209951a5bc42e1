//go:build linux

package lab

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// doctor must report exactly the codes of each case.
func TestCases(t *testing.T) {
	t.Parallel()
	n := theInternet(t)
	slots := make(chan struct{}, 8) // most of them wait for something that does not answer
	for _, c := range n.cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			slots <- struct{}{}
			defer func() { <-slots }()
			n.examine(t, c)
		})
	}
}

func (n *internet) examine(t *testing.T, c *testcase) {
	someAttempts(t, func() error {
		e, r := n.doctor(t, n.config(c), c.domain)
		if err := c.compare(e, r); err != nil {
			return fmt.Errorf("%w\n%s\n%s%s", err, c.toml(), r.stdout, r.stderr)
		}
		return nil
	})
}

// compare says how an examination differs from what the case wants.
func (c *testcase) compare(e examination, r result) error {
	if len(e.Domains) != 1 || e.Domains[0].Domain != c.domain {
		return fmt.Errorf("got something else than one domain, %s", c.domain)
	}
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	var got []string
	for _, f := range e.Domains[0].Findings {
		got = append(got, f.Code+" "+f.Severity)
	}
	slices.Sort(got)
	if want := c.codes(); !slices.Equal(slices.Compact(slices.Clone(got)), want) {
		fail("got %q, want %q", got, want)
	}
	for _, line := range c.want {
		severity, code, subject := wanted(line)
		if !slices.ContainsFunc(e.Domains[0].Findings, func(f finding) bool {
			return f.Code == code && f.Severity == severity && strings.Contains(f.Subject, subject)
		}) {
			fail("no %s %s has %q in its subject", severity, code, subject)
		}
	}
	if want := min(len(c.want), 1); r.code != want {
		fail("exit code %d, want %d", r.code, want)
	}
	if len(e.Domains[0].Unchecked) > 0 {
		fail("unchecked: %q", e.Domains[0].Unchecked)
	}
	for _, client := range e.Domains[0].Clients {
		if c.want == nil && !client.Works {
			fail("nothing is wrong, but %s does not work: %s", client.Name, client.Why)
		}
	}
	for _, f := range e.Domains[0].Findings {
		if f.Text == "" || f.Fix == "" {
			fail("%s has no text or no fix", f.Code)
		}
	}
	return errors.Join(errs...)
}

// A healthy domain is examined quickly.
func TestHealthyIsQuick(t *testing.T) {
	n := theInternet(t)
	for _, c := range n.cases {
		if c.want != nil {
			continue
		}
		someAttempts(t, func() error {
			_, r := n.doctor(t, n.config(c), c.domain)
			t.Logf("%s: %v", c.name, r.took.Round(time.Millisecond))
			if r.took > 3*3*time.Second { // the target is 3 seconds, on a machine that does nothing else
				return fmt.Errorf("%s took %v", c.name, r.took)
			}
			return nil
		})
	}
}
