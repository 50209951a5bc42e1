package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mailhint/certs"
	"mailhint/domains"
	"mailhint/keypairs"
)

func newCert() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cert",
		Short: "Show, order and remove certificates",
		Long: "cert works on the certificates of tls = \"acme\" in state_dir; list and check also work on those from files. It can run\n" +
			"beside the server, which answers the CA's challenges and notices changes within minutes. Run it as the user that the server runs as.",
		Args: onlyCommands,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.PersistentFlags().String("resolver", "", resolverUsage)
	cmd.AddCommand(newCertList(), newCertCheck(), newCertGet(), newCertRemove(), newHelp())
	return cmd
}

func newCertList() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Show all certificates, failed orders, and how many orders are left this hour",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			listed, err := listedFiles(cmd)
			if err != nil {
				return err
			}
			if listed.Files != nil {
				return printCertificates(cmd, listed, asJSON)
			}
			c, snapshot, err := openStoredCertificates(cmd)
			if err != nil {
				return err
			}
			defer c.Close()
			report, err := c.Report(cmd.Context(), snapshot.Covered())
			if err != nil {
				return unknown(asServerUser(cmd, err, snapshot.Server))
			}
			return printCertificates(cmd, acmeListing{report, filesBeside(snapshot.Server).Files}, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return printsReport(cmd)
}

func newCertCheck() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Show only the certificates with problems; the exit code is 1 if there are any",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			listed, err := listedFiles(cmd)
			if err != nil {
				return err
			}
			if listed.Files != nil {
				bad := listed.Problems()
				return errors.Join(printCertificates(cmd, bad, asJSON), problemIf(len(bad.Files) > 0))
			}
			c, snapshot, err := openStoredCertificates(cmd)
			if err != nil {
				return err
			}
			defer c.Close()
			report, err := c.Report(cmd.Context(), snapshot.Covered())
			if err != nil {
				return unknown(asServerUser(cmd, err, snapshot.Server))
			}
			report.Certificates = report.Problems(snapshot.Server.Name)
			bad := acmeListing{report, filesBeside(snapshot.Server).Problems().Files}
			return errors.Join(printCertificates(cmd, bad, asJSON), problemIf(len(bad.Certificates)+len(bad.Files) > 0))
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return printsReport(cmd)
}

func newCertGet() *cobra.Command {
	return &cobra.Command{
		Use:   "get NAME",
		Short: "Order a certificate now, even if an order failed shortly before",
		Long: "get orders a certificate for NAME, unless there is one that need not be renewed yet. It counts as an order of this hour like any\n" +
			"other. The running server answers the CA's challenge; if none is running, get does, at the addresses of http and https in [server].",
		Args: oneArgument("a NAME, such as autoconfig.example.com"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, snapshot, err := openStoredCertificates(cmd)
			if err != nil {
				return err
			}
			defer c.Close()
			if err := certs.CheckOwner(certificateFolder(snapshot.Server)); err != nil {
				return problem(err)
			}
			stop, err := c.AnswerChallenges(snapshot.Server.HTTP, snapshot.Server.HTTPS)
			if err != nil {
				return problem(err)
			}
			defer stop()
			err = c.Get(cmd.Context(), args[0])
			if errors.Is(err, certs.ErrNotAllowed) {
				return problem(fmt.Errorf("%s: %w; they are ordered only for the server's own name, and for autoconfig., autodiscover. and "+
					"ua-auto-config. of configured domains", args[0], err))
			}
			if err != nil {
				return problem(asServerUser(cmd, fmt.Errorf("no certificate for %s: %w", args[0], err), snapshot.Server))
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s has a certificate\n", args[0])
			return problem(err)
		},
	}
}

func newCertRemove() *cobra.Command {
	return &cobra.Command{
		Use:   "rm NAME",
		Short: "Remove a certificate, and what is stored of failed orders",
		Long: "rm removes NAME's certificate and key. If the name is still configured, the next handshake orders a new one. The certificate is\n" +
			"not revoked, which is only needed if others may know its key.",
		Args: oneArgument("a NAME, such as autoconfig.example.com"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, snapshot, err := openStoredCertificates(cmd)
			if err != nil {
				return err
			}
			defer c.Close()
			name := args[0]
			err = c.Remove(cmd.Context(), name)
			if errors.Is(err, certs.ErrUnknown) {
				err = fmt.Errorf("%s: %w; mailhint cert list shows those that exist", name, err)
			}
			if err != nil {
				return problem(asServerUser(cmd, err, snapshot.Server))
			}
			after := "it is no longer configured, so no new one is ordered"
			if snapshot.Covers(name) {
				after = "it is still configured: a running server orders a new one when a client asks; to order one now, run mailhint cert get " + name
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "removed the certificate of %s; %s\n", name, after)
			return problem(err)
		},
	}
}

// acmeListing are the certificates of tls = "acme", and those from files beside.
type acmeListing struct {
	certs.Report
	Files []keypairs.Listed `json:"files,omitempty"`
}

// Print writes both for people.
func (l acmeListing) Print(w io.Writer, now time.Time) error {
	if err := l.Report.Print(w, now); err != nil || len(l.Files) == 0 {
		return err
	}
	return keypairs.Listing{Files: l.Files}.Print(w, now)
}

// filesBeside reads the certificates from files.
func filesBeside(s domains.Server) keypairs.Listing {
	return keypairs.List(certificateFiles(s), time.Now())
}

// printCertificates prints a list of certificates for people or for programs.
func printCertificates(cmd *cobra.Command, list interface {
	Print(io.Writer, time.Time) error
}, asJSON bool) error {
	if asJSON {
		return problem(printJSON(cmd.OutOrStdout(), list))
	}
	return problem(list.Print(cmd.OutOrStdout(), time.Now()))
}

// listedFiles returns the certificates in files, unless tls is "acme": then there is no list.
func listedFiles(cmd *cobra.Command) (keypairs.Listing, error) {
	snapshot, err := domains.Load(configName(cmd))
	if err != nil {
		return keypairs.Listing{}, unknown(err)
	}
	if snapshot.Server.TLS == "acme" {
		return keypairs.Listing{}, nil
	}
	files := certificateFiles(snapshot.Server)
	if len(files) == 0 {
		return keypairs.Listing{}, problem(errors.New(`there are no certificates: tls is "off" in [server]`))
	}
	return keypairs.List(files, time.Now()), nil
}

// certificateFiles are the certificates in cert, and the one that signs Apple profiles, if it has files of its own.
func certificateFiles(s domains.Server) (files []keypairs.Files) {
	files = pairFiles(s.Certificates)
	if s.Signing != nil {
		files = append(files, keypairs.Files(*s.Signing))
	}
	return files
}

func pairFiles(pairs []domains.KeyPair) (files []keypairs.Files) {
	for _, pair := range pairs {
		files = append(files, keypairs.Files(pair))
	}
	return files
}

// asServerUser adds to an error about permissions as whom to run the command.
func asServerUser(cmd *cobra.Command, err error, s domains.Server) error {
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	line := strings.Join(append([]string{cmd.CommandPath()}, cmd.Flags().Args()...), " ")
	if file := cmd.Flag("config"); file != nil && file.Changed {
		line += " --config " + file.Value.String()
	}
	return fmt.Errorf("%w; run it as the server's user: sudo -u %s %s", err, certs.OwnerName(certificateFolder(s)), line)
}

// openStoredCertificates opens the certificates of a server that may be running.
func openStoredCertificates(cmd *cobra.Command) (*certs.Certificates, *domains.Snapshot, error) {
	snapshot, err := loadConfig(cmd)
	if err != nil {
		return nil, nil, unknown(err)
	}
	s := snapshot.Server
	if s.TLS != "acme" {
		return nil, nil, problem(errors.New(`certificates are ordered only with tls = "acme" in [server]`))
	}
	_, err = os.Stat(certificateFolder(s))
	if errors.Is(err, fs.ErrPermission) {
		return nil, nil, unknown(asServerUser(cmd, err, s))
	}
	if err != nil { // created by the server, so that it belongs to the server's user
		return nil, nil, unknown(fmt.Errorf(
			"there are no certificates yet: %w; start the server first, or set state_dir in [server] (under systemd /var/lib/mailhint)", err))
	}
	asked, err := mxResolver(cmd)
	if err != nil {
		return nil, nil, err
	}
	log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	beside := certificateFilesBeside{covers: func(string) bool { return false }}
	if len(s.Certificates) > 0 {
		pairs, err := keypairs.Open(pairFiles(s.Certificates), slog.New(slog.DiscardHandler))
		if err != nil {
			return nil, nil, problem(err)
		}
		beside.covers = pairs.Covers
	}
	database, err := openDatabase(cmd)
	if err != nil {
		return nil, nil, err
	}
	c, err := openCertificates(s, func() *domains.Snapshot { return snapshot }, beside, network{resolver: asked}.hosts(), database, log)
	if err != nil {
		return nil, nil, unknown(asServerUser(cmd, err, s))
	}
	c.ReachableBy(len(s.HTTP) > 0, len(s.HTTPS) > 0)
	return c, snapshot, nil
}
