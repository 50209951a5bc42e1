package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"mailhint/compare"
	"mailhint/imports"
	"mailhint/imports/live"
	"mailhint/imports/srv"
	"mailhint/probe"
	"mailhint/settings"
)

// Sources that are asked for one domain at a time.

// maxNames limits how many domains --list names.
const maxNames = 1_000_000

// addListFlag adds the flag --list.
func addListFlag(cmd *cobra.Command) *string {
	list := cmd.Flags().String("list", "", "file with more domains, one on each line")
	cmd.MarkFlagFilename("list") // fails only for a flag that does not exist
	return list
}

// withList returns arguments and the names in a file, which may be empty.
func withList(args []string, file string) ([]string, error) {
	if file == "" {
		return args, nil
	}
	text, err := imports.ReadFile(file)
	if err != nil {
		return nil, readSource(err)
	}
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line != "" {
			args = append(args, line)
		}
	}
	if len(args) > maxNames {
		return nil, problem(fmt.Errorf("%s has more than %d domains; split it", file, maxNames))
	}
	return args, nil
}

// interruptible makes an interrupt end a command's work, so that what was found is still printed; a second one ends the process.
func interruptible(cmd *cobra.Command) (stop func()) {
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	cmd.SetContext(ctx)
	return stop
}

func newImportURL() *cobra.Command {
	var noDNS, anyCertificate bool
	var list *string
	cmd := &cobra.Command{
		Use:   "url URL DOMAIN|ADDRESS…",
		Short: "From a running server: what it answers to mail programs, in every format",
		Long: "import url asks a running server, whatever program it is, as each mail client would: autoconfig, Autodiscover for Outlook and for phones,\n" +
			"Apple profiles, PACC, and the redirects to calendars, contacts and JMAP. The URL says where to connect; each request has the name of\n" +
			"the domain's service in it, so that it does not matter where DNS points. The format that says most gives the settings. Where others\n" +
			"contradict it, that is reported.\n\n" +
			"It asks for postmaster's settings, or for those of an ADDRESS if the server answers only for people who exist.",
		Example: "  mailhint import url https://old.example.com example.com example.net\n" +
			"  mailhint import url http://127.0.0.1:4243 --list domains.txt --apply",
		Args: someArguments("the URL of a server, such as https://old.example.com, and DOMAINs"),
	}
	source(cmd, "the answers of a server", func(cmd *cobra.Command, c *imports.Collection, args []string) error {
		s, err := compare.NewServer(args[0])
		if err != nil {
			return err
		}
		s.AnyCertificate = anyCertificate
		if !noDNS {
			r, err := resolverOf(cmd)
			if err != nil {
				return err
			}
			private, err := privateNetworks(cmd)
			if err != nil {
				return err
			}
			s.Elsewhere = &probe.Prober{Resolver: r, Private: private}
		}
		names, err := withList(args[1:], *list)
		if err != nil {
			return err
		}
		people := make([]settings.Address, len(names))
		for i, name := range names {
			if people[i], err = parseWho(name); err != nil {
				return err
			}
		}
		if len(people) == 0 {
			return errors.New("import url needs DOMAINs, or --list with a file of them")
		}
		defer interruptible(cmd)()
		if err := live.Read(cmd.Context(), c, s, people); err != nil {
			return unknown(fmt.Errorf("%s: %w; %d of %d domains were read", s, err, c.Result.Domains, len(people)))
		}
		return nil
	})
	list = addListFlag(cmd)
	cmd.Flags().BoolVar(&noDNS, "no-dns", false, "do not follow redirects to other servers")
	cmd.Flags().BoolVar(&anyCertificate, "any-certificate", false, "accept a certificate of the server that is not valid")
	addNetworkFlags(cmd)
	return cmd
}

func newImportSRV() *cobra.Command {
	var list *string
	cmd := &cobra.Command{
		Use:   "srv DOMAIN…",
		Short: "From the SRV records that a domain publishes",
		Long: "import srv looks up the SRV records of domains: _imaps._tcp, _submissions._tcp and the others that mail programs look for. They do not\n" +
			"say what people log in with, so that the entries have the whole address and a password.",
		Example: "  mailhint import srv example.com example.net\n" +
			"  mailhint import srv --list domains.txt --resolver 192.0.2.53",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 && !cmd.Flags().Changed("list") {
				return fmt.Errorf("%s needs a DOMAIN, such as example.com", nameOf(cmd))
			}
			return nil
		},
	}
	source(cmd, "SRV records", func(cmd *cobra.Command, c *imports.Collection, args []string) error {
		args, err := withList(args, *list)
		if err != nil {
			return err
		}
		names, err := parseDomains(args)
		if err != nil {
			return err
		}
		r, err := resolverOf(cmd)
		if err != nil {
			return err
		}
		defer interruptible(cmd)()
		if err := srv.Read(cmd.Context(), c, r, names); err != nil {
			return unknown(err)
		}
		return nil
	})
	list = addListFlag(cmd)
	cmd.Flags().String("resolver", "", resolverUsage)
	return cmd
}
