package keypairs

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// State is what mail clients would do with a pair of files.
type State string

// The states.
const (
	Valid    State = "valid"
	Expired  State = "expired"
	Unusable State = "unusable" // it cannot be read or used, or is not valid yet
)

// Listed is what a pair of files contains, for an admin.
type Listed struct {
	File      string    `json:"file"` // of the certificate
	State     State     `json:"state"`
	Names     []string  `json:"names,omitempty"`
	NotBefore time.Time `json:"not_before,omitzero"`
	NotAfter  time.Time `json:"not_after,omitzero"`
	Fault     string    `json:"fault,omitempty"` // why the state is not Valid, and how to fix it
}

// Listing is a list of pairs of files, for people and, as JSON, for programs.
type Listing struct {
	Files []Listed `json:"files"`
}

// List reads pairs of files, and says of each what it contains and its state at a time.
func List(files []Files, now time.Time) Listing {
	list := make([]Listed, 0, len(files))
	for _, f := range files {
		list = append(list, newListed(f, now))
	}
	return Listing{list}
}

func newListed(f Files, now time.Time) Listed {
	pair, err := readPair(f)
	if err != nil {
		return Listed{File: f.Cert, State: Unusable, Fault: err.Error()}
	}
	l := Listed{File: f.Cert, State: Valid, Names: pair.Leaf.DNSNames, NotBefore: pair.Leaf.NotBefore, NotAfter: pair.Leaf.NotAfter}
	switch {
	case now.After(l.NotAfter):
		l.State, l.Fault = Expired, "it has expired; renew it: a running server reads new files automatically"
	case now.Before(l.NotBefore):
		l.State, l.Fault = Unusable, "it is not valid yet; is the clock of this machine right?"
	}
	return l
}

// Problems returns those that mail clients would reject.
func (l Listing) Problems() Listing {
	bad := []Listed{}
	for _, one := range l.Files {
		if one.State != Valid {
			bad = append(bad, one)
		}
	}
	return Listing{bad}
}

// maxListedNames is how many names of a certificate a line shows.
const maxListedNames = 5

// Print writes the list for people: a table, then what is wrong. Days left are counted from now.
func (l Listing) Print(w io.Writer, now time.Time) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(l.Files) > 0 {
		fmt.Fprintln(table, "FILE\tSTATE\tDAYS LEFT\tNAMES")
	}
	for _, one := range l.Files {
		days, names := "-", "-"
		if !one.NotAfter.IsZero() {
			days = strconv.Itoa(int(one.NotAfter.Sub(now).Hours() / 24))
			names = strings.Join(one.Names[:min(len(one.Names), maxListedNames)], " ")
		}
		if more := len(one.Names) - maxListedNames; more > 0 {
			names += fmt.Sprintf(" and %d more", more)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", one.File, one.State, days, names)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, one := range l.Problems().Files {
		if _, err := fmt.Fprintf(w, "%s: %s\n", one.File, one.Fault); err != nil {
			return err
		}
	}
	return nil
}
