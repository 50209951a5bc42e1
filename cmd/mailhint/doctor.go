package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"mailhint/certs"
	"mailhint/doctor"
	"mailhint/domains"
	"mailhint/exchangers"
	"mailhint/probe"
	"mailhint/spelling"
)

// doctorFlags are the flags of doctor.
type doctorFlags struct {
	all, json, nagios bool
	only              []string
	parallel          int
	watch             time.Duration
	addresses         []string
	private           []netip.Prefix
}

func newDoctor() *cobra.Command {
	var flags doctorFlags
	cmd := &cobra.Command{
		Use:   "doctor [DOMAIN… | --all]",
		Short: "Find out what is wrong with a domain's set-up, and how to fix it",
		Long: "doctor looks where mail clients look: at DNS, at the answers of this server as seen from outside, and at the mail servers\n" +
			"that they name. It reports what is wrong, each with a code that mailhint help CODE explains, what each client would get, and how to\n" +
			"fix it, with text to paste. It never logs in, and sends no address but postmaster's.\n" +
			"\n" +
			"Without DOMAIN it examines the configured domain, if there is exactly one. --all skips names that only a wildcard or the\n" +
			"fallback covers, and does not ask Mozilla's database, so as not to send it the list of domains.\n" +
			"\n" +
			"Exit codes: 0 everything is good; 1 there are problems or warnings; 3 nothing was found, but not everything could be checked,\n" +
			"or doctor was interrupted. With --nagios they are those of monitoring plugins: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.",
		Example: "  mailhint doctor example.com\n" +
			"  mailhint doctor --all --only D,H01\n" +
			"  mailhint doctor example.com --resolver 192.0.2.53 --address 198.51.100.7\n" +
			"  mailhint doctor example.com --nagios",
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("only") && len(flags.only) == 0 {
				flags.only = []string{""} // reported as a mistake
			}
			err := runDoctor(cmd, args, flags)
			if flags.nagios && err != nil && err.Error() != "" { // monitoring does not know the other exit codes
				if err := doctor.PrintNagiosError(cmd.OutOrStdout(), err); err != nil {
					return err
				}
				return exitAs(int(doctor.NagiosUnknown))
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&flags.all, "all", false, "examine every domain that is configured by name")
	cmd.Flags().BoolVar(&flags.json, "json", false, "print JSON")
	cmd.Flags().BoolVar(&flags.nagios, "nagios", false, "print one line for monitoring, and use the exit codes of monitoring plugins")
	cmd.Flags().StringSliceVar(&flags.only, "only", nil, "look only for these codes, or codes that begin with these letters, such as D,H01")
	cmd.Flags().IntVar(&flags.parallel, "parallel", 8, "number of domains to examine at a time")
	cmd.Flags().DurationVar(&flags.watch, "watch", 0, "examine repeatedly, with this pause, and print only what changed")
	cmd.Flags().StringSliceVar(&flags.addresses, "address", nil,
		"IP addresses of this server as seen from outside; default: those of name in [server]")
	addNetworkFlags(cmd)
	completesCodes(cmd, "only")
	return completesDomains(printsReport(cmd), maxCompletions)
}

func runDoctor(cmd *cobra.Command, args []string, flags doctorFlags) error {
	if err := flags.check(args); err != nil {
		return err
	}
	if output, _ := cmd.Flags().GetString("output"); output != "" && flags.watch > 0 {
		return errors.New("--watch prints changes as they happen, without end; drop --output")
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second interrupt ends the process
	cmd.SetContext(ctx)
	asked, err := resolverOf(cmd)
	if err != nil {
		return err
	}
	if flags.private, err = privateNetworks(cmd); err != nil {
		return err
	}
	run, snapshot, err := flags.prepare(cmd, args, asked)
	if err != nil {
		return err
	}
	warnOfRoots(cmd)
	if flags.watch > 0 {
		return problem(doctor.Watch(ctx, cmd.OutOrStdout(), flags.watch, run, func() (doctor.Run, error) {
			run, _, err := flags.prepare(cmd, args, asked)
			return run, err
		}))
	}
	return flags.once(cmd, run, snapshot)
}

// once examines all domains once. If it is interrupted, it prints what is complete and says that this is not all.
func (f doctorFlags) once(cmd *cobra.Command, run doctor.Run, snapshot *domains.Snapshot) error {
	ctx := cmd.Context()
	progress := newProgress(cmd.ErrOrStderr(), run.Total, "domains")
	printer := f.printer(cmd.OutOrStdout(), run.Total == 1)
	var summary doctor.Summary
	err := run.Examine(ctx, func(r doctor.Report) error {
		progress.step()
		summary.Add(r)
		return printer.Print(r)
	})
	progress.done()
	if f.all {
		for _, names := range doctor.NotNamed(snapshot) {
			fmt.Fprintf(cmd.ErrOrStderr(), "not examined: %s; name one of them to examine it\n", names)
		}
	}
	interrupted := ctx.Err() != nil && errors.Is(err, ctx.Err())
	if err != nil && !interrupted {
		return problem(err)
	}
	if !interrupted || !f.nagios { // the error is the one line of an interrupted --nagios
		if err := printer.End(); err != nil {
			return problem(err)
		}
	}
	if interrupted {
		return unknown(fmt.Errorf("interrupted after %d of %s", summary.Domains, spelling.Count(run.Total, "domain")))
	}
	return f.exit(summary)
}

// exit is the exit code as an error.
func (f doctorFlags) exit(s doctor.Summary) error {
	switch {
	case f.nagios:
		return exitAs(int(s.Nagios()))
	case s.Problems+s.Warnings > 0:
		return errProblem
	case s.Unchecked > 0:
		return errUnknown
	}
	return nil
}

func (f doctorFlags) printer(out io.Writer, alone bool) doctor.Printer {
	switch {
	case f.json:
		return &doctor.JSONPrinter{Out: out}
	case f.nagios:
		return &doctor.NagiosPrinter{Out: out, Start: time.Now()}
	}
	return &doctor.TextPrinter{Out: out, Alone: alone, OnlyBad: f.all, Width: terminalWidth(out)}
}

// terminalWidth is how wide lines for people may be: at most 100 characters on a terminal; 0, for any width, elsewhere.
func terminalWidth(out io.Writer) int {
	file := fileOf(out)
	if file == nil {
		return 0
	}
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0
	}
	return min(width, 100)
}

// check refuses flags that contradict each other.
func (f *doctorFlags) check(args []string) (err error) {
	switch {
	case f.all && len(args) > 0:
		return errors.New("--all examines every domain; drop --all or the domain names")
	case f.json && f.nagios:
		return errors.New("--json and --nagios exclude each other; drop one")
	case f.json && f.watch > 0:
		return errors.New("--watch prints lines for people; drop --json")
	case f.nagios && f.watch > 0:
		return errors.New("--nagios is for monitoring, which repeats the check itself; drop --watch")
	case f.parallel < 1 || f.parallel > 256:
		return fmt.Errorf("--parallel %d is out of range; write a number from 1 to 256", f.parallel)
	case f.watch < 0 || f.watch > 0 && f.watch < time.Second:
		return fmt.Errorf("--watch %s is too short; write 1s or more", f.watch)
	}
	if f.only, err = doctor.ParseCodes(f.only); err != nil {
		return fmt.Errorf("--only: %w", err)
	}
	return nil
}

// doctorResolver is what doctor and the fallback ask: a *resolver.Resolver.
type doctorResolver interface {
	doctor.Resolver
	exchangers.Resolver
}

// prepare reads the configuration.
func (f doctorFlags) prepare(cmd *cobra.Command, args []string, asked doctorResolver) (doctor.Run, *domains.Snapshot, error) {
	snapshot, err := loadConfig(cmd)
	if err != nil {
		return doctor.Run{}, nil, err
	}
	live := exchangers.NewLive(cmd.Context(), asked)
	snapshot.AskExchangers(live.Ours)
	run := doctor.Run{Parallel: f.parallel}
	if run.Doctor, err = f.doctor(cmd.Context(), snapshot, asked); err != nil {
		return doctor.Run{}, nil, err
	}
	if f.all {
		run.Domains, run.Total = doctor.AllTargets(cmd.Context(), snapshot)
	} else {
		var targets []doctor.Domain
		targets, err = doctorTargets(cmd.Context(), snapshot, live, args)
		run.Domains, run.Total = slices.Values(targets), len(targets)
	}
	if p, ok := run.Doctor.Prober.(*probe.Prober); ok && run.Total > 1 {
		p.Greeting = manyGreeting
	}
	return run, snapshot, err
}

// doctorTargets returns the domains that the command line names, or the only one that is configured.
func doctorTargets(ctx context.Context, snapshot *domains.Snapshot, live *exchangers.Live, args []string) ([]doctor.Domain, error) {
	var targets []doctor.Domain
	names, err := parseDomains(args)
	if err != nil {
		return nil, err
	}
	if len(args) == 0 {
		if names = snapshot.NamedDomains(); len(names) != 1 {
			return nil, fmt.Errorf("%d domains are configured by name; say which one, or use --all", len(names))
		}
	}
	for _, name := range names {
		target, err := doctor.Target(ctx, snapshot, name)
		if err != nil {
			return nil, notFound(snapshot, live, name)
		}
		targets = append(targets, target)
	}
	return targets, nil
}

// doctor returns how to examine domains according to the configuration and the flags.
func (f doctorFlags) doctor(ctx context.Context, snapshot *domains.Snapshot, asked doctor.Resolver) (*doctor.Doctor, error) {
	options, err := dnsFlags{format: "zone", addresses: f.addresses}.options()
	if err != nil {
		return nil, err
	}
	d := doctor.New(snapshot, asked, f.private)
	for i := range d.Issuers {
		acme := snapshot.Server.ACME
		d.Issuers[i].Account = certs.SavedAccount(ctx, certificateFolder(snapshot.Server), acme.CAs[i], acme.Email)
	}
	d.Addresses, d.Only = options.Addresses, f.only
	d.LookUp = newLookUps(snapshot).ask
	if f.all {
		d.ISPDB = ""
	}
	return d, nil
}
