package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"mailhint/compare"
	"mailhint/domains"
	"mailhint/probe"
	"mailhint/settings"
	"mailhint/spelling"
	"mailhint/untrusted"
)

// compareFlags are the flags of compare.
type compareFlags struct {
	with           string
	all, json      bool
	noDNS          bool
	anyCertificate bool
	parallel       int
}

func newCompare() *cobra.Command {
	var flags compareFlags
	cmd := &cobra.Command{
		Use:   "compare --with URL [DOMAIN… | ADDRESS… | --all]",
		Short: "Compare what an old server answers with what this configuration says",
		Long: "compare asks an old server as each mail client would, for each domain, and prints only what clients would get differently if this\n" +
			"configuration took its place: servers, ports, TLS modes, login names. The URL says where to connect; each request has the name of the\n" +
			"domain's service in it, such as autoconfig.example.com, so that it does not matter where DNS points. What is different on purpose is\n" +
			"marked, with the reason.\n" +
			"\n" +
			"It asks for postmaster's settings. If people of one domain have different settings, give ADDRESSes. Login names are looked up as for\n" +
			"a request. Without DOMAIN it compares the\n" +
			"configured domain, if there is exactly one. --all skips names that only a wildcard or the fallback covers.\n" +
			"\n" +
			"Exit codes: 0 everything is the same; 1 something would change; 3 nothing changes, but not everything could be checked, or the old\n" +
			"server does not answer.",
		Example: "  mailhint compare --with https://old.example.com example.com\n" +
			"  mailhint compare --with https://192.0.2.7 --any-certificate --all\n" +
			"  mailhint compare --with http://127.0.0.1:4243 --no-dns ann@example.com --json",
		RunE: func(cmd *cobra.Command, args []string) error { return runCompare(cmd, args, flags) },
	}
	cmd.Flags().StringVar(&flags.with, "with", "", "the old server, such as https://old.example.com")
	cmd.Flags().BoolVar(&flags.all, "all", false, "compare every domain that is configured by name")
	cmd.Flags().BoolVar(&flags.json, "json", false, "print JSON")
	cmd.Flags().BoolVar(&flags.noDNS, "no-dns", false, "leave out SRV records, and do not follow redirects to other servers")
	cmd.Flags().BoolVar(&flags.anyCertificate, "any-certificate", false, "accept a certificate of the old server that is not valid")
	cmd.Flags().IntVar(&flags.parallel, "parallel", 16, "number of domains to compare at a time")
	addNetworkFlags(cmd)
	return completesDomains(printsReport(cmd), maxCompletions)
}

// check refuses flags that contradict each other.
func (f compareFlags) check(args []string) error {
	switch {
	case f.with == "":
		return errors.New("compare needs the old server; write --with https://old.example.com")
	case f.all && len(args) > 0:
		return errors.New("--all compares every domain; drop --all or the domain names")
	case f.parallel < 1 || f.parallel > 256:
		return fmt.Errorf("--parallel %d is out of range; write a number from 1 to 256", f.parallel)
	}
	return nil
}

func runCompare(cmd *cobra.Command, args []string, flags compareFlags) error {
	if err := flags.check(args); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second interrupt ends the process
	cmd.SetContext(ctx)
	run, err := flags.run(cmd)
	if err != nil {
		return err
	}
	snapshot, _, err := loadLive(cmd)
	if err != nil {
		return err
	}
	find, closeLookUps := keptLookUps(snapshot, func(text string) { fmt.Fprintln(cmd.ErrOrStderr(), untrusted.Printable(text)) })
	defer closeLookUps()
	snapshot.FindLoginNames(find)
	total, err := flags.targets(cmd, snapshot, &run, args)
	if err != nil {
		return err
	}
	progress := newProgress(cmd.ErrOrStderr(), total, "domains")
	printer := flags.printer(cmd.OutOrStdout(), run.Server)
	var summary compare.Summary
	err = run.Compare(ctx, func(r compare.Result) error {
		progress.step()
		summary.Add(r)
		return printer.Print(r)
	})
	progress.done()
	interrupted := ctx.Err() != nil
	if err != nil && !interrupted && !errors.Is(err, compare.ErrSilent) {
		return problem(err)
	}
	if err := printer.End(summary); err != nil {
		return problem(err)
	}
	switch {
	case interrupted:
		return unknown(fmt.Errorf("interrupted after %d of %s", summary.Domains, spelling.Count(total, "domain")))
	case err != nil:
		return unknown(fmt.Errorf("%s: %w; gave up after %d of %s", run.Server, err, summary.Domains, spelling.Count(total, "domain")))
	case summary.Changed > 0:
		return errProblem
	case summary.Unchecked > 0:
		return errUnknown
	}
	return nil
}

// run prepares the comparison, without what to compare.
func (f compareFlags) run(cmd *cobra.Command) (compare.Run, error) {
	run := compare.Run{Parallel: f.parallel}
	var err error
	if run.Server, err = compare.NewServer(f.with); err != nil {
		return run, fmt.Errorf("--with %w", err)
	}
	run.Server.AnyCertificate = f.anyCertificate
	if !f.noDNS {
		r, err := resolverOf(cmd)
		if err != nil {
			return run, err
		}
		private, err := privateNetworks(cmd)
		if err != nil {
			return run, err
		}
		run.Resolver, run.Server.Elsewhere = r, &probe.Prober{Resolver: r, Private: private}
		warnOfRoots(cmd)
	}
	return run, nil
}

// targets finds out what to compare, and returns the number of domains.
func (f compareFlags) targets(cmd *cobra.Command, snapshot *domains.Snapshot, run *compare.Run, args []string) (int, error) {
	if f.all {
		total := 0
		run.Targets, total = compare.AllTargets(cmd.Context(), snapshot)
		return total, nil
	}
	if len(args) == 0 {
		names := snapshot.NamedDomains()
		if len(names) != 1 {
			return 0, fmt.Errorf("%d domains are configured by name; say which one, or use --all", len(names))
		}
		args = []string{string(names[0])}
	}
	var targets []compare.Target
	for _, arg := range args {
		who, err := parseWho(arg)
		if err != nil {
			return 0, err
		}
		target, err := compare.NewTarget(cmd.Context(), snapshot, who)
		if err != nil {
			return 0, problem(err)
		}
		targets = append(targets, target)
	}
	run.Targets = slices.Values(targets)
	return len(targets), nil
}

// parseWho reads an argument that is an address, or a domain, which stands for its postmaster.
func parseWho(arg string) (settings.Address, error) {
	if !strings.Contains(arg, "@") {
		arg = compare.Postmaster + "@" + arg
	}
	q, err := parseQuestion(arg, "")
	return q.Address, err
}

func (f compareFlags) printer(out io.Writer, server *compare.Server) compare.Printer {
	if f.json {
		return &compare.JSONPrinter{Out: out, Server: server.String()}
	}
	return &compare.TextPrinter{Out: out, Server: server.String()}
}
