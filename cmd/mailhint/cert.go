package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"mailhint/certs"
	"mailhint/domains"
	"mailhint/untrusted"
)

func newCert() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cert",
		Short: "Show, order and remove certificates",
		Long: "cert works on the certificates of tls = \"acme\", in state_dir. A server may run meanwhile: it answers the CA's questions, and\n" +
			"notices what has changed within minutes. Run it as the user the server runs as.",
		Args: onlyCommands,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.PersistentFlags().String("resolver", "", "address of the resolver to ask, such as 192.0.2.53; default this machine's")
	cmd.AddCommand(newCertList("list", "Show all certificates, what has failed, and the orders left"),
		newCertList("check", "Show only what needs care; the exit code is 1 if there is anything"), newCertGet(), newCertRemove())
	return cmd
}

// certReport is what cert list and cert check say.
type certReport struct {
	Certificates []certs.Certificate `json:"certificates"`
	Accounts     []certs.Account     `json:"accounts"`
}

func newCertList(use, short string) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: use, Short: short, Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			snapshot, c, err := certificatesBeside(cmd)
			if err != nil {
				return err
			}
			defer c.Close()
			wanted := snapshot.Covered()
			if use == "check" { // a name that nobody has published needs no care
				wanted = func(func(string) bool) {}
			}
			var report certReport
			if report.Certificates, report.Accounts, err = c.List(cmd.Context(), wanted); err != nil {
				return exitError{exitUnknown, err}
			}
			report.explain(cmd.Context(), c)
			bad := careful(report.Certificates)
			if use == "check" {
				report.Certificates = bad
			}
			if err := report.print(cmd.OutOrStdout(), asJSON, time.Now()); err != nil {
				return problem(err)
			}
			if use == "check" && len(bad) > 0 {
				return exitError{code: exitProblem}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// mostLookUps bounds how many names are looked up in DNS for a list.
const mostLookUps = 30

// explain says of names without certificate whether their DNS is the cause. The server knows, but tells nobody beside it.
func (r *certReport) explain(ctx context.Context, c *certs.Certificates) {
	var looking sync.WaitGroup
	looks := 0
	for i := range r.Certificates {
		one := &r.Certificates[i]
		if one.State != certs.Missing || one.Failure != nil {
			continue
		}
		if looks++; looks > mostLookUps {
			break
		}
		looking.Go(func() {
			if err := c.Astray(ctx, one.Name); err != nil {
				one.Astray = untrusted.Printable(err.Error())
			}
		})
	}
	looking.Wait()
}

// careful returns the certificates that somebody should look at: missing, expired, or due and not renewed at the first attempt.
func careful(all []certs.Certificate) []certs.Certificate {
	var bad []certs.Certificate
	for _, c := range all {
		if c.State == certs.Missing || c.State == certs.Expired || c.Failure != nil {
			bad = append(bad, c)
		}
	}
	return bad
}

func (r certReport) print(w io.Writer, asJSON bool, now time.Time) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
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
		if c.Astray != "" {
			fmt.Fprintf(w, "%s is not ordered: %s\n", c.Name, c.Astray)
		}
		if c.Failure != nil {
			fmt.Fprintf(w, "%s failed %d times, tried again at %s: %s\n", c.Name, c.Failure.Times, c.Failure.Next.UTC().Format(time.RFC3339), c.Failure.Error)
		}
	}
	for _, a := range r.Accounts {
		if _, err := fmt.Fprintf(w, "%s: %d of %d orders of this hour made\n", a.CA, a.Orders, a.PerHour); err != nil {
			return err
		}
	}
	return nil
}

func newCertGet() *cobra.Command {
	return &cobra.Command{
		Use:   "get NAME",
		Short: "Order a certificate now, whatever has failed before",
		Long: "get orders a certificate for NAME, unless there is one that need not be renewed yet. It counts as an order of the hour, as any\n" +
			"other. The CA asks the server that runs; if none does, get answers at ports 80 and 443, or those of http and https in [server].",
		Args: oneArgument("a NAME, such as autoconfig.example.com"),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := strings.ToLower(strings.TrimSuffix(args[0], "."))
			c, err := certificatesFor(cmd, name)
			if err != nil {
				return err
			}
			defer c.Close()
			if err := c.Get(cmd.Context(), name); err != nil {
				return problem(fmt.Errorf("no certificate for %s: %w", name, err))
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s has a certificate\n", name)
			return nil
		},
	}
}

func newCertRemove() *cobra.Command {
	return &cobra.Command{
		Use:   "rm NAME",
		Short: "Remove a certificate, and what is known of failures",
		Long: "rm removes NAME's certificate and key. If the name is still configured, the next handshake orders a new one. It does not\n" +
			"revoke: that is for keys others may know.",
		Args: oneArgument("a NAME, such as autoconfig.example.com"),
		RunE: func(cmd *cobra.Command, args []string) error {
			snapshot, c, err := certificatesBeside(cmd)
			if err != nil {
				return err
			}
			defer c.Close()
			name := strings.ToLower(strings.TrimSuffix(args[0], "."))
			if !c.Has(cmd.Context(), name) {
				return problem(fmt.Errorf("there is no certificate for %q; mailhint cert list shows those there are", name))
			}
			if err := c.Remove(cmd.Context(), name); err != nil {
				return problem(err)
			}
			after := "it is configured no more, so that no other is ordered"
			if snapshot.Covers(name) {
				after = "it is still configured: a running server orders a new one when somebody asks; mailhint cert get " + name + " does so now"
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "removed the certificate of %s; %s\n", name, after)
			return problem(err)
		},
	}
}

// certificatesFor is certificatesBeside for a name that must be configured.
func certificatesFor(cmd *cobra.Command, name string) (*certs.Certificates, error) {
	snapshot, err := loadForCert(cmd)
	if err != nil {
		return nil, err
	}
	if !snapshot.Covers(name) {
		return nil, problem(fmt.Errorf("%q may have no certificate: only the server's own name, and autoconfig., autodiscover. and ua-auto-config. of configured domains", name))
	}
	if err := ownsState(snapshot.Server.StateDir); err != nil {
		return nil, err
	}
	return openBeside(cmd, snapshot)
}

// ownsState refuses to write files that the server could not read.
func ownsState(dir string) error {
	info, err := os.Stat(filepath.Join(dir, acmeDir))
	if err != nil {
		return nil // openBeside says so
	}
	if owner := ownerOf(info); owner != os.Geteuid() {
		return problem(fmt.Errorf("%s belongs to the user %d, who could not read what is written as %d; run it with sudo -u '#%[2]d'", dir, owner, os.Geteuid()))
	}
	return nil
}

// certificatesBeside opens the certificates beside a server that may run.
func certificatesBeside(cmd *cobra.Command) (*domains.Snapshot, *certs.Certificates, error) {
	snapshot, err := loadForCert(cmd)
	if err != nil {
		return nil, nil, err
	}
	c, err := openBeside(cmd, snapshot)
	return snapshot, c, err
}

func loadForCert(cmd *cobra.Command) (*domains.Snapshot, error) {
	snapshot, err := domains.Load(configName(cmd))
	if err != nil {
		return nil, exitError{exitUnknown, err}
	}
	if snapshot.Server.TLS != "acme" {
		return nil, problem(errors.New(`certificates are ordered only with tls = "acme" in [server]`))
	}
	return snapshot, nil
}

func openBeside(cmd *cobra.Command, s *domains.Snapshot) (*certs.Certificates, error) {
	dir := filepath.Join(s.Server.StateDir, acmeDir)
	if _, err := os.Stat(dir); err != nil { // made by the server, so that it belongs to its user
		return nil, exitError{exitUnknown, fmt.Errorf("there are no certificates yet: %w; start the server first, or write its state_dir in [server] (under systemd /var/lib/mailhint)", err)}
	}
	asked, err := mxResolver(cmd)
	if err != nil {
		return nil, err
	}
	hosts := outside{resolver: asked}.hosts()
	log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	c, err := openCertificates(s.Server, func() *domains.Snapshot { return s }, hosts, log)
	if err != nil {
		return nil, exitError{exitUnknown, err}
	}
	c.ListensOn(configuredPort(s.Server.HTTP), configuredPort(s.Server.HTTPS))
	return c, nil
}

// configuredPort returns the port of the first address, or 0.
func configuredPort(addresses []string) int {
	if len(addresses) == 0 {
		return 0
	}
	_, text, err := net.SplitHostPort(addresses[0])
	if err != nil {
		return 0
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	return port
}
