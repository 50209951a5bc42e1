package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"mailhint/domains"
	"mailhint/keypairs"
)

// certificateFiles are the certificates of tls = "files", and the one that signs Apple profiles, if it has files of its own.
func certificateFiles(s domains.Server) []keypairs.Listed {
	var files []keypairs.Files
	if s.TLS == "files" {
		for _, pair := range s.Certificates {
			files = append(files, keypairs.Files(pair))
		}
	}
	if s.Signing != nil {
		files = append(files, keypairs.Files(*s.Signing))
	}
	return keypairs.List(files)
}

// faulty returns those that clients would reject now.
func faulty(list []keypairs.Listed, now time.Time) []keypairs.Listed {
	var bad []keypairs.Listed
	for _, l := range list {
		if l.FaultAt(now) != "" {
			bad = append(bad, l)
		}
	}
	return bad
}

// maxListedNames is how many names of a certificate a line shows.
const maxListedNames = 5

func printCertFiles(w io.Writer, list []keypairs.Listed, now time.Time, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(struct {
			Files []keypairs.Listed `json:"files"`
		}{append([]keypairs.Listed{}, list...)})
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(list) > 0 {
		fmt.Fprintln(table, "FILE\tSTATE\tDAYS LEFT\tNAMES")
	}
	for _, l := range list {
		state, days, names := "valid", "-", "-"
		if l.FaultAt(now) != "" {
			state = "unusable"
		}
		if l.Fault == "" {
			days = strconv.Itoa(int(l.NotAfter.Sub(now).Hours() / 24))
			if now.After(l.NotAfter) {
				state = "expired"
			}
			names = strings.Join(l.Names[:min(len(l.Names), maxListedNames)], " ")
			if more := len(l.Names) - maxListedNames; more > 0 {
				names += fmt.Sprintf(" and %d more", more)
			}
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", l.File, state, days, names)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, l := range list {
		if fault := l.FaultAt(now); fault != "" {
			if _, err := fmt.Fprintf(w, "%s: %s\n", l.File, fault); err != nil {
				return err
			}
		}
	}
	return nil
}
