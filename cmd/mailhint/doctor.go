package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"mailhint/doctor"
	"mailhint/domains"
	"mailhint/probe"
	"mailhint/resolver"
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
		Use:   "doctor [DOMAIN...|--all]",
		Short: "Say what is wrong with the set-up of a domain, and what to do",
		Long: "doctor asks as mail programs do: DNS, the answers of this server from outside, and the mail servers that they name. It says\n" +
			"what is wrong, with a code that docs/codes explains, what each program would end up with, and what to do, with text to paste.\n" +
			"It logs in nowhere, and sends no address but postmaster's.\n" +
			"\n" +
			"Without a DOMAIN it takes the one that is configured. With --all, names that only a wildcard or the fallback answers for are\n" +
			"left out, and Mozilla's database is not asked: it need not learn the list of domains.\n" +
			"\n" +
			"Exit codes: 0 all is good; 1 a problem was found, or something to be warned of; 3 nothing was found, but not all could be checked,\n" +
			"or it was interrupted.\n" +
			"With --nagios those of monitoring plugins: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.",
		Example: "  mailhint doctor example.com\n" +
			"  mailhint doctor --all --only D,H01\n" +
			"  mailhint doctor example.com --resolver 192.0.2.53 --address 198.51.100.7\n" +
			"  mailhint doctor example.com --nagios",
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("only") && len(flags.only) == 0 {
				flags.only = []string{""} // a flag that is given and says nothing is a mistake
			}
			err := runDoctor(cmd, args, flags)
			if flags.nagios && err != nil && err.Error() != "" {
				return nagiosUnknown(cmd.OutOrStdout(), err)
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&flags.all, "all", false, "examine every domain that is configured by name")
	cmd.Flags().BoolVar(&flags.json, "json", false, "print JSON")
	cmd.Flags().BoolVar(&flags.nagios, "nagios", false, "print one line for monitoring, with its exit codes")
	cmd.Flags().StringSliceVar(&flags.only, "only", nil, "codes, or first letters of them, such as D,H01: look for nothing else")
	cmd.Flags().IntVar(&flags.parallel, "parallel", 8, "how many domains to examine at a time")
	cmd.Flags().DurationVar(&flags.watch, "watch", 0, "examine again and again, this long after the last time, and print what changed")
	cmd.Flags().StringSliceVar(&flags.addresses, "address", nil,
		"IP addresses by which this server is seen from outside; default those of name in [server]")
	addOutsideFlags(cmd)
	return cmd
}

func runDoctor(cmd *cobra.Command, args []string, flags doctorFlags) error {
	if err := flags.check(args); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // whoever interrupts again does not want to wait
	cmd.SetContext(ctx)
	asked, err := resolverOf(cmd)
	if err != nil {
		return err
	}
	if flags.private, err = privateNetworks(cmd); err != nil {
		return err
	}
	if flags.watch > 0 {
		return watchDomains(cmd, flags, func() (examination, error) { return flags.prepare(cmd, args, asked) })
	}
	e, err := flags.prepare(cmd, args, asked)
	if err != nil {
		return err
	}
	return flags.once(cmd, e)
}

// once examines all domains once. When the program is told to end, it prints what is finished and says that this is not all.
func (f doctorFlags) once(cmd *cobra.Command, e examination) error {
	ctx := cmd.Context()
	progress := newProgress(cmd.ErrOrStderr(), e.total, "domains")
	printer := f.printer(cmd.OutOrStdout(), e.total == 1)
	done := 0
	err := examine(ctx, e.doctor, f.parallel, e.targets, func(r doctor.Report) error {
		progress.step()
		done++
		return printer.print(r)
	})
	progress.done()
	if f.all {
		leftOut(cmd.ErrOrStderr(), e.snapshot)
	}
	interrupted := ctx.Err() != nil && errors.Is(err, ctx.Err())
	if err != nil && !interrupted {
		return problem(err)
	}
	if !interrupted {
		return printer.end()
	}
	if !f.nagios { // its one line says that nothing is known
		if err := printer.end(); err != nil && err.Error() != "" {
			return problem(err)
		}
	}
	return exitError{exitUnknown, fmt.Errorf("interrupted after %d of %s", done, count(e.total, "domain"))}
}

// examination is what is to be done once, by the configuration as it is at the moment.
type examination struct {
	snapshot *domains.Snapshot
	targets  iter.Seq[doctor.Domain]
	total    int
	doctor   *doctor.Doctor
	renew    func() (*doctor.Doctor, error) // a doctor who remembers nothing
}

// prepare reads the configuration.
func (f doctorFlags) prepare(cmd *cobra.Command, args []string, asked dnsResolver) (e examination, err error) {
	if e.snapshot, err = domains.Load(configName(cmd)); err != nil {
		return e, problem(err)
	}
	live := &liveExchangers{ctx: cmd.Context(), resolver: asked}
	e.snapshot.AskExchangers(live.ours)
	if e.targets, e.total, err = doctorTargets(e.snapshot, live, args, f.all); err != nil {
		return e, err
	}
	snapshot := e.snapshot
	e.renew = func() (*doctor.Doctor, error) { return f.doctor(snapshot, asked) }
	e.doctor, err = e.renew()
	return e, err
}

// check refuses flags that contradict each other.
func (f doctorFlags) check(args []string) error {
	switch {
	case f.all && len(args) > 0:
		return errors.New("--all examines every domain; leave out it or the names")
	case f.json && f.nagios:
		return errors.New("--json and --nagios are two forms of the same; leave out one")
	case f.json && f.watch > 0:
		return errors.New("--watch prints lines for people; leave out --json")
	case f.nagios && f.watch > 0:
		return errors.New("--nagios is for a program that watches by itself; leave out --watch")
	case f.parallel < 1 || f.parallel > 256:
		return fmt.Errorf("--parallel %d: write a number from 1 to 256", f.parallel)
	case f.watch < 0 || f.watch > 0 && f.watch < time.Second:
		return fmt.Errorf("--watch %s is too short; write 1s or more", f.watch)
	}
	for _, only := range f.only {
		if only == "" {
			return errors.New("--only: a code is empty; write for example D,H01")
		}
		if !slices.ContainsFunc(doctor.Codes,
			func(i doctor.Info) bool { return strings.HasPrefix(string(i.Code), strings.ToUpper(only)) }) {
			return fmt.Errorf("--only %q: no code begins like that; write for example D,H01", only)
		}
	}
	return nil
}

// dnsResolver is what doctor and the fallback ask: a *resolver.Resolver.
type dnsResolver interface {
	doctor.Resolver
	MX(ctx context.Context, name string) ([]resolver.MX, error)
}

// doctor makes a doctor that remembers nothing yet.
func (f doctorFlags) doctor(snapshot *domains.Snapshot, asked dnsResolver) (*doctor.Doctor, error) {
	// The prober has a queue of its own: its time is limited, and waiting counts.
	prober := &probe.Prober{Resolver: newPatient(asked, atOnce/2), Private: slices.Concat(snapshot.Server.ProbePrivate, f.private)}
	d := &doctor.Doctor{Resolver: newPatient(asked, atOnce), Prober: prober, Server: snapshot.Server.Name, ISPDB: doctor.DefaultISPDB}
	options, err := dnsFlags{format: "zone", addresses: f.addresses}.options()
	if err != nil {
		return nil, err
	}
	d.Addresses = options.Addresses
	for _, only := range f.only {
		d.Only = append(d.Only, strings.ToUpper(only))
	}
	if f.all {
		d.ISPDB = ""
	}
	if snapshot.Server.TLS == "acme" {
		d.Issuers = issuers(snapshot.Server.ACME.CAs)
	}
	return d, nil
}

// caaNames are the names by which CAA records allow authorities, by the host of their ACME directory.
var caaNames = map[string]string{
	"acme-v02.api.letsencrypt.org":         "letsencrypt.org",
	"acme-staging-v02.api.letsencrypt.org": "letsencrypt.org",
	"acme.zerossl.com":                     "sectigo.com",
	"dv.acme-v02.api.pki.goog":             "pki.goog",
	"api.buypass.com":                      "buypass.com",
	"acme.ssl.com":                         "ssl.com",
}

// issuers returns the names of authorities as CAA records spell them; none if one of them is not known, because it may be allowed.
func issuers(directories []string) []string {
	var names []string
	for _, directory := range directories {
		u, err := url.Parse(directory)
		if err != nil || caaNames[u.Hostname()] == "" {
			return nil
		}
		names = append(names, caaNames[u.Hostname()])
	}
	return names
}
