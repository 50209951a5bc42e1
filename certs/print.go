package certs

import (
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"
)

// Print writes the report for people: a table, then what keeps names from having a certificate, then the accounts. Days left are counted
// from now.
func (r Report) Print(w io.Writer, now time.Time) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(r.Certificates) > 0 {
		fmt.Fprintln(table, "NAME\tSTATE\tDAYS LEFT\tRENEWAL\tCA")
	}
	for _, c := range r.Certificates {
		days, renewal := "-", "-"
		if !c.NotAfter.IsZero() {
			days = strconv.Itoa(int(c.NotAfter.Sub(now).Hours() / 24))
			renewal = c.RenewAt.UTC().Format(time.DateOnly)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", c.Name, c.State, days, renewal, c.CA)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, c := range r.Certificates {
		if c.DNSError != "" {
			fmt.Fprintf(w, "%s is not ordered: %s\n", c.Name, c.DNSError)
		}
		if c.State == Missing && c.Failure == nil && c.DNSError == "" && !c.notLookedUp {
			fmt.Fprintf(w, "%s has not been ordered yet, although its DNS points to this server; check that the server runs\n", c.Name)
		}
		if f := c.Failure; f != nil {
			fmt.Fprintf(w, "%s: failed attempts: %d, the next at %s: %s\n", c.Name, f.Times, f.Next.UTC().Format(time.RFC3339), f.Error)
		}
	}
	for _, a := range r.Accounts {
		if _, err := fmt.Fprintf(w, "%s: %d of %d orders used this hour\n", a.CA, a.Orders, a.PerHour); err != nil {
			return err
		}
	}
	return nil
}
