package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mailhint/domains"
	"mailhint/probe"
	"mailhint/settings"
	"mailhint/starter"
	"mailhint/untrusted"
)

// initFlags are the flags of init, besides those of addProbeFlags.
type initFlags struct {
	file, target string
}

func newInit() *cobra.Command {
	var flags initFlags
	cmd := &cobra.Command{
		Use:   "init ADDRESS",
		Short: "Write a first domains.toml from what the live mail servers offer",
		Long: "init is for the first start. It finds the mail servers of an address as probe does, writes domains.toml, and prints the DNS\n" +
			"records to publish and the next commands. It writes nothing unless it found a server to receive mail from and one to send\n" +
			"mail through. The configuration is named with --file: unlike --output of other commands, it never replaces a file.\n" +
			"\n" +
			"The exit code is 1 if the file already exists, if no such server was found, or if there is something to fix, and 3 if DNS does\n" +
			"not answer or time runs out.",
		Example: "  mailhint init ann@example.com\n" +
			"  mailhint init ann@example.com --target setup.example.com --file /etc/mailhint/domains.toml",
		Args: oneArgument("an ADDRESS, such as ann@example.com"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return flags.run(cmd, args[0])
		},
	}
	cmd.Flags().StringVar(&flags.file, "file", "domains.toml", "the configuration file to write, which must not exist yet")
	cmd.Flags().StringVar(&flags.target, "target", "", "host name of this server, which the DNS records will point to")
	addProbeFlags(cmd)
	return cmd
}

func (f initFlags) run(cmd *cobra.Command, who string) error {
	q, err := parseQuestion(who, "")
	if err != nil {
		return err
	}
	domain := q.Host
	options, err := dnsFlags{format: "zone", target: f.target, ttl: 3600}.options()
	if err != nil {
		return err
	}
	if err := f.checkFile(domain); err != nil { // before a long wait for servers
		return err
	}
	found, err := findServers(cmd, probe.Search{Name: domain, MailDomain: true})
	if err != nil {
		return err
	}
	for _, p := range found.Problems {
		fmt.Fprintln(cmd.ErrOrStderr(), untrusted.Printable(p))
	}
	if !found.Complete() {
		return problem(fmt.Errorf("nothing was written. Run mailhint probe %s to see what was found, fix it and try again; or write %s yourself:\n\n"+
			"[domains.%q]\nimap = \"imap.%s\"\nsmtp = \"smtp.%s\"", domain, f.file, domain, domain, domain))
	}
	if err := f.write(found, options.Server); err != nil {
		return problem(err)
	}
	next, err := starter.NextSteps(cmd.Context(), f.file, domain, options)
	if err != nil {
		return problem(err)
	}
	if _, err := io.WriteString(cmd.OutOrStdout(), next); err != nil {
		return problem(err)
	}
	return findingExit(found)
}

// checkFile refuses a file that exists, and a name that no file can have.
func (f initFlags) checkFile(d settings.Domain) error {
	if strings.TrimRight(f.file, "/") != f.file || f.file == "" {
		return fmt.Errorf("--file %q is not a valid file name; write it like domains.toml", f.file)
	}
	if _, err := os.Lstat(f.file); err == nil {
		return problem(f.exists(d))
	}
	if _, err := os.Stat(filepath.Dir(f.file)); err != nil {
		return problem(fmt.Errorf("%w; create the directory, or choose another file with --file", err))
	}
	return nil
}

func (f initFlags) exists(d settings.Domain) error {
	if s, err := domains.Load(f.file); err == nil && slices.Contains(s.NamedDomains(), d) {
		return fmt.Errorf("%s already exists, has an entry for %s and was not changed; run mailhint probe %[2]s to see what the servers offer, "+
			"or choose another file with --file", f.file, d)
	}
	return fmt.Errorf("%s already exists and was not changed; run mailhint probe %s >>%s to append to it, or choose another file with --file", f.file, d, f.file)
}

// write writes the file. It never overwrites another.
func (f initFlags) write(found *probe.Finding, server string) error {
	err := starter.Write(f.file, found, settings.Domain(server), time.Now())
	switch {
	case errors.Is(err, fs.ErrExist):
		return f.exists(found.Domain)
	case errors.As(err, new(domains.Problems)):
		return fmt.Errorf("nothing was written, because what was found is not a valid configuration: %w", err)
	case err != nil:
		return fmt.Errorf("cannot write %s: %w; choose another file with --file, or run mailhint probe %s >FILE", f.file, cause(err), found.Domain)
	}
	return nil
}
