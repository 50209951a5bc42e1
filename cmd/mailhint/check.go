package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"mailhint/certs"
	"mailhint/domains"
	"mailhint/server"
	"mailhint/settings"
)

func newCheck() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check [FILE…]",
		Short: "Look for mistakes in the configuration, without the network",
		Long: "check reads the configuration, or each FILE as one, and prints every mistake as\n" +
			"file:line: key: what is wrong, how to write it. It exits with 1 if there is one, and with 3 if\n" +
			"there is no such file, or it cannot be read. It warns of certificate files that serve could not use,\n" +
			"and of names that none of them covers.",
		RunE: func(cmd *cobra.Command, files []string) error {
			if len(files) == 0 {
				files = []string{configName(cmd)}
			}
			code := exitGood
			for _, file := range files {
				result := check(file)
				code = max(code, result.code())
				if err := result.print(cmd.OutOrStdout(), asJSON); err != nil {
					return problem(err)
				}
				if result.Warning != "" && !asJSON {
					if result.refused {
						result.Warning = "here serve would not start: " + result.Warning
					}
					fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s\n", file, result.Warning)
				}
			}
			if code != exitGood {
				return exitError{code: code}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object for each FILE")
	return cmd
}

// checked is what check found in one configuration.
type checked struct {
	File     string `json:"file"`
	OK       bool   `json:"ok"`
	Domains  int    `json:"domains"`
	Profiles int    `json:"profiles"`
	// FallbackMX are the hosts to one of which a name's mail must go for the fallback to answer.
	FallbackMX []settings.Domain `json:"fallback_mx,omitempty"`
	// Warning is what is wrong with the certificates that the configuration names. It is no mistake: the machine that serves may have
	// others.
	Warning  string    `json:"warning,omitempty"`
	Problems []mistake `json:"problems"`

	unread  bool // there is no such file, or it cannot be read
	refused bool // serve would not start with the certificates
}

// mistake is one domains.Problem.
type mistake struct {
	File string `json:"file"`
	Line int    `json:"line,omitempty"`
	Key  string `json:"key,omitempty"`
	Text string `json:"text"`

	line string // as people read it
}

func check(file string) checked {
	result := checked{File: file, Problems: []mistake{}}
	snapshot, err := domains.Load(file)
	if err == nil {
		result.OK, result.Domains, result.Profiles, result.FallbackMX = true, snapshot.Domains(), snapshot.Profiles, snapshot.FallbackMX()
		result.Warning, result.refused = checkCertificates(snapshot)
		return result
	}
	var problems domains.Problems
	errors.As(err, &problems) // Load returns nothing else
	result.unread = errors.Is(err, domains.ErrUnread)
	for _, p := range problems {
		result.Problems = append(result.Problems, mistake{p.File, p.Line, p.Key, p.Text, p.String()})
	}
	return result
}

// checkCertificates reads the certificates as serve would, and returns what is wrong with them, and whether serve would not start.
func checkCertificates(s *domains.Snapshot) (warning string, refused bool) {
	srv, err := server.New(s.Server, slog.New(slog.DiscardHandler))
	if err == nil {
		_, err = certs.ReadRoots(s.Server.ACME.Root)
	}
	if err != nil {
		return err.Error(), true
	}
	return uncovered(srv, s), false
}

// code returns the exit code for one configuration.
func (c checked) code() int {
	switch {
	case c.OK:
		return exitGood
	case c.unread:
		return exitUnknown
	}
	return exitProblem
}

func (c checked) print(w io.Writer, asJSON bool) error {
	if asJSON {
		out := json.NewEncoder(w)
		out.SetEscapeHTML(false)
		return out.Encode(c)
	}
	if c.OK {
		fallback := ""
		if c.FallbackMX != nil {
			fallback = ", and every name whose MX is " + spellHosts(c.FallbackMX)
		}
		_, err := fmt.Fprintf(w, "ok, %s, %s%s\n", count(c.Domains, "domain"), count(c.Profiles, "profile"), fallback)
		return err
	}
	for _, m := range c.Problems {
		if _, err := fmt.Fprintln(w, m.line); err != nil {
			return err
		}
	}
	return nil
}

// count spells a number of things.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
