package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"mailhint/probe"
	"mailhint/resolver"
	"mailhint/starter"
)

func newProbe() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "probe HOST|DOMAIN",
		Short: "Find out what the live mail servers offer and print the domain's entry for domains.toml",
		Long: "probe looks for the mail servers of a domain: where its SRV records point, under common names such as imap.DOMAIN, and where\n" +
			"its mail goes. It tests what their ports really offer, chooses the servers that mail clients can use, and prints the entry for\n" +
			"domains.toml, with everything it found as comments. If you give a HOST, it probes only that host. It never logs in.\n" +
			"\n" +
			"If there is no server to receive mail from, or none to send mail through, there is no entry: then what it found goes to stderr, and\n" +
			"nothing to stdout.\n" +
			"\n" +
			"The exit code is 1 if no server to receive or to send mail was found, or if there is something to fix, and 3 if DNS does not\n" +
			"answer or time runs out.",
		Example: "  mailhint probe example.com >>domains.toml && mailhint check\n" +
			"  mailhint probe imap.example.com --json\n" +
			"  mailhint probe example.com --resolver 192.0.2.53 --private 10.0.0.0/8",
		Args: oneArgument("a HOST or a DOMAIN, such as imap.example.com or example.com"),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := parseDomain(args[0])
			if err != nil {
				return err
			}
			found, err := findServers(cmd, probe.Search{Name: name})
			if err != nil {
				return err
			}
			if asJSON {
				err = printFindingJSON(cmd.OutOrStdout(), found, time.Now())
			} else {
				err = printFinding(cmd, found, time.Now())
			}
			if err != nil {
				return problem(err)
			}
			return findingExit(found)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print everything that was found as one JSON object")
	addProbeFlags(cmd)
	return printsDocument(cmd)
}

// addProbeFlags adds the flags for findServers.
func addProbeFlags(cmd *cobra.Command) {
	addNetworkFlags(cmd)
	cmd.Flags().Duration("timeout", 4*time.Minute, "how long the probe may take")
}

// findServers looks for the mail servers of a domain.
func findServers(cmd *cobra.Command, s probe.Search) (*probe.Finding, error) {
	r, err := resolverOf(cmd)
	if err != nil {
		return nil, err
	}
	private, err := privateNetworks(cmd)
	if err != nil {
		return nil, err
	}
	timeout, _ := cmd.Flags().GetDuration("timeout")
	if timeout <= 0 {
		return nil, fmt.Errorf("--timeout %s leaves no time; write a positive duration such as 30s", timeout)
	}
	warnOfRoots(cmd)
	ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
	defer cancel()
	watch := watcher{w: terminal(cmd.ErrOrStderr())}
	s.DNS, s.Seen = r, watch.seen
	watch.say("looking up the DNS records of " + string(s.Name))
	found, err := (&probe.Prober{Resolver: r, Private: private}).Find(ctx, s)
	watch.say("")
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return nil, unknown(fmt.Errorf("%s: not finished within %s; allow more time with --timeout", s.Name, timeout))
	case errors.Is(err, resolver.ErrFailed):
		return nil, problem(fmt.Errorf("%w; try again, or use another resolver with --resolver", err))
	case err != nil:
		return nil, unknown(err)
	}
	return found, nil
}

// watcher shows progress on a terminal, in one line that is overwritten.
type watcher struct {
	w     io.Writer // nil if it is not a terminal
	mutex sync.Mutex
}

func (w *watcher) seen(host string) { w.say("probed " + host) }

func (w *watcher) say(text string) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.w != nil {
		fmt.Fprintf(w.w, "\r\033[K%s", text)
	}
}

// findingExit returns the exit code for a finding.
func findingExit(f *probe.Finding) error {
	if len(f.Problems) > 0 {
		return errProblem
	}
	return nil
}

// printFinding prints the entry, with what was found as comments; if that is not enough for an entry, as messages.
func printFinding(cmd *cobra.Command, f *probe.Finding, now time.Time) error {
	text, err := starter.Entry(f, f.Comments(now)...)
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	switch output, _ := cmd.Flags().GetString("output"); {
	case !f.Complete():
		out, text = cmd.ErrOrStderr(), text+fmt.Sprintf("There is no entry for %s.\n", f.Domain)
	case output == "" && hasContent(cmd.Root().OutOrStdout()): // the command's own is a buffer, see printsDocument
		text = "\n" + text
	}
	_, err = io.WriteString(out, text)
	return err
}

// hasContent reports whether a writer is a file with content, such as that of >>domains.toml: then a blank line separates the entries.
func hasContent(out io.Writer) bool {
	file := fileOf(out)
	if file == nil {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode().IsRegular() && info.Size() > 0
}

// printFindingJSON prints everything that was found.
func printFindingJSON(out io.Writer, f *probe.Finding, now time.Time) (err error) {
	report := f.Report(now)
	if f.Complete() {
		if report.TOML, err = starter.Entry(f); err != nil {
			return err
		}
	}
	return printJSON(out, report)
}
