package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"mailhint/edits"
	"mailhint/imports"
	"mailhint/imports/automx"
	"mailhint/imports/automx2"
	"mailhint/imports/csv"
	"mailhint/imports/happydomain"
	"mailhint/imports/monogramm"
	"mailhint/imports/outlook"
	"mailhint/settings"
)

// Sources that are files.

func newImportAutomx() *cobra.Command {
	return source(&cobra.Command{
		Use:   "automx FILE",
		Short: "From automx 1: automx.conf",
		Long: "import automx reads the configuration of automx 1. The domains are those that the section [automx] lists; domains = * becomes a\n" +
			"[fallback]. Login names from LDAP and SQL become [lookups]; what else automx looks up for each person is reported.",
		Example: "  mailhint import automx /etc/automx.conf\n" +
			"  mailhint import automx /etc/automx.conf --apply --dry-run",
		Args: oneArgument("a FILE, such as /etc/automx.conf"),
	}, "automx.conf", func(_ *cobra.Command, c *imports.Collection, args []string) error {
		return readSource(automx.Read(c, args[0], automx.V1))
	})
}

func newImportAutomx2() *cobra.Command {
	return source(&cobra.Command{
		Use:   "automx2 FILE",
		Short: "From automx2: its SQLite database, or the JSON that fills it",
		Long: "import automx2 reads the database of automx2, or the JSON for /initdb/ that it was filled with. FILE is the SQLite file, the JSON, or a file\n" +
			"with the URL of a database on a server:\n\n" + databaseHelp,
		Example: "  mailhint import automx2 /var/lib/automx2/db.sqlite\n" +
			"  mailhint import automx2 seed.json --apply\n" +
			"  mailhint import automx2 database.url",
		Args: oneArgument("a FILE, such as /var/lib/automx2/db.sqlite"),
	}, "automx2", func(cmd *cobra.Command, c *imports.Collection, args []string) error {
		return readSource(automx2.Read(cmd.Context(), c, args[0]))
	})
}

func newImportAutomx3() *cobra.Command {
	return source(&cobra.Command{
		Use:   "automx3 FILE",
		Short: "From automx 3: automx.conf",
		Long: "import automx3 reads the configuration of automx 3, which has the format of automx 1 with more services and stricter rules. The domains\n" +
			"are those that the section [automx] lists; domains = * becomes a [fallback].",
		Example: "  mailhint import automx3 /etc/automx/automx.conf",
		Args:    oneArgument("a FILE, such as /etc/automx/automx.conf"),
	}, "automx.conf", func(_ *cobra.Command, c *imports.Collection, args []string) error {
		return readSource(automx.Read(c, args[0], automx.V3))
	})
}

func newImportHappyDomain() *cobra.Command {
	return source(&cobra.Command{
		Use:   "happydomain FILE [DOMAIN]",
		Short: "From happyDomain: a backup, or the JSON of a zone",
		Long: "import happydomain reads the service Email Auto-configuration of all domains in a backup of happyDomain (POST /backup.json of its admin API),\n" +
			"or of DOMAIN only; or that in the JSON of one zone, as the API answers it, for DOMAIN.",
		Example: "  mailhint import happydomain backup.json\n" +
			"  mailhint import happydomain zone.json example.com",
		Args: someArguments("a FILE, such as backup.json"),
	}, "happyDomain", func(cmd *cobra.Command, c *imports.Collection, args []string) error {
		var domain settings.Domain
		switch {
		case len(args) > 2:
			return fmt.Errorf("%s takes one DOMAIN; drop %q", nameOf(cmd), strings.Join(args[2:], " "))
		case len(args) == 2:
			var err error
			if domain, err = parseDomain(args[1]); err != nil {
				return err
			}
		}
		return readSource(happydomain.Read(c, args[0], domain))
	})
}

func newImportMonogramm() *cobra.Command {
	return source(&cobra.Command{
		Use:   "monogramm FILE…",
		Short: "From autodiscover-email-settings: a Compose file, an env file or a systemd unit",
		Long: "import monogramm reads the environment of autodiscover-email-settings: the variables DOMAIN, IMAP_HOST and others in a Compose file (.yml\n" +
			"or .yaml, with one domain for each service), in an env file, or in a systemd unit.",
		Example: "  mailhint import monogramm docker-compose.yml\n" +
			"  mailhint import monogramm bakery.env florist.env --apply",
		Args: someArguments("a FILE, such as docker-compose.yml"),
	}, "the environment of autodiscover-email-settings", func(_ *cobra.Command, c *imports.Collection, args []string) error {
		for _, file := range args {
			if err := monogramm.Read(c, file); err != nil {
				return readSource(err)
			}
		}
		return nil
	})
}

func newImportCSV() *cobra.Command {
	return source(&cobra.Command{
		Use:   "csv FILE [KEY=VALUE…]",
		Short: "From a table of domains: columns domain, profile and any other key",
		Long: "import csv reads a table with the names of the columns in its first line: domain, and any keys of domains.toml, such as profile, imap,\n" +
			"aliases or oauth2.issuer. Cells are separated by commas, semicolons or tabs; an empty cell leaves the key out. KEY=VALUE is for all domains\n" +
			"whose line has no such key.\n" + valuesHelp,
		Example: "  mailhint import csv customers.csv --apply\n" +
			"  mailhint import csv names.csv imap=imap.hoster.example smtp=smtp.hoster.example",
		Args: fileAndValues("a FILE, such as customers.csv"),
	}, "a table", func(_ *cobra.Command, c *imports.Collection, args []string) error {
		values, err := edits.ParseAssignments(edits.Domain, args[1:])
		if err != nil {
			return problem(err)
		}
		return readSource(csv.Read(c, args[0], values))
	})
}

func newImportOutlook() *cobra.Command {
	return source(&cobra.Command{
		Use:   "outlook FILE [DOMAIN…]",
		Short: "From an Autodiscover answer: autodiscover.xml",
		Long: "import outlook reads an Autodiscover answer in XML: the file that a web server has at /autodiscover/autodiscover.xml, or one that was saved.\n" +
			"It is for the domains that are named, or for that of the address in it.",
		Example: "  mailhint import outlook autodiscover.xml example.com example.net",
		Args:    someArguments("a FILE, such as autodiscover.xml"),
	}, "an Autodiscover answer", func(_ *cobra.Command, c *imports.Collection, args []string) error {
		names, err := parseDomains(args[1:])
		if err != nil {
			return err
		}
		return readSource(outlook.Read(c, args[0], names))
	})
}

// someArguments is for commands with one or more arguments.
func someArguments(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return fmt.Errorf("%s needs %s", nameOf(cmd), what)
		}
		return nil
	}
}

// fileAndValues is for commands with a file and KEY=VALUE…
func fileAndValues(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 || strings.Contains(args[0], "=") {
			return fmt.Errorf("%s needs %s", nameOf(cmd), what)
		}
		for _, arg := range args[1:] {
			if !strings.Contains(arg, "=") {
				return fmt.Errorf("%q is not of the form KEY=VALUE, such as imap=imap.example.com", arg)
			}
		}
		return nil
	}
}
