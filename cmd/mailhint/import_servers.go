package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"mailhint/edits"
	"mailhint/imports"
	"mailhint/imports/ispconfig"
	"mailhint/imports/mailcow"
	"mailhint/imports/modoboa"
	"mailhint/imports/postfixadmin"
)

// Sources that are databases or running servers.

// databaseHelp explains the argument of sources that are databases.
const databaseHelp = "FILE has the URL of the database and nothing else, and may be read by its owner only, because of the password:\n" +
	"  postgres://reader:secret@db.example.com/mail    mysql://reader:secret@localhost/mail?socket=/run/mysqld/mysqld.sock\n" +
	"A user with SELECT is enough; everything is read in one read-only transaction. A connection to another machine is encrypted, and its\n" +
	"certificate is checked, unless the URL says otherwise with sslmode (PostgreSQL) or tls (MySQL)."

// readDatabase is the function of a source that is a database.
type readDatabase func(ctx context.Context, c *imports.Collection, file string, values edits.Values) error

// fromDatabase returns what a command does that imports from a database. Sources that do not know the mail servers need values.
func fromDatabase(read readDatabase, needsServers bool) func(*cobra.Command, *imports.Collection, []string) error {
	return func(cmd *cobra.Command, c *imports.Collection, args []string) error {
		list, err := edits.ParseAssignments(edits.Domain, args[1:])
		if err != nil {
			return problem(err)
		}
		values, err := edits.NewValues(list)
		if err != nil {
			return problem(err)
		}
		if needsServers && values["profile"] == nil && (values["imap"] == nil && values["pop3"] == nil || values["smtp"] == nil) {
			return errors.New("the database does not say what the mail servers are; add imap=… and smtp=…, or profile=…")
		}
		return readSource(read(cmd.Context(), c, args[0], values))
	}
}

func newImportPostfixAdmin() *cobra.Command {
	return source(&cobra.Command{
		Use:   "postfixadmin FILE KEY=VALUE…",
		Short: "From the database of PostfixAdmin",
		Long: "import postfixadmin reads the domains and alias domains of PostfixAdmin (tables domain and alias_domain). KEY=VALUE is what they all get:\n" +
			"their mail servers, or a profile. People in an alias domain log in with their address in its target.\n\n" + databaseHelp + "\n\n" + valuesHelp,
		Example: "  mailhint import postfixadmin database.url imap=imap.hoster.example smtp=smtp.hoster.example\n" +
			"  mailhint import postfixadmin database.url profile=shared --apply",
		Args: fileAndValues("a FILE with the URL of the database"),
	}, "PostfixAdmin", fromDatabase(postfixadmin.Read, true))
}

func newImportISPConfig() *cobra.Command {
	return source(&cobra.Command{
		Use:   "ispconfig FILE [KEY=VALUE…]",
		Short: "From the database of ISPConfig 3",
		Long: "import ispconfig reads the mail domains and alias domains of ISPConfig 3 (tables mail_domain, server and mail_forwarding). The servers of\n" +
			"a domain are those of its mail server's host name, unless KEY=VALUE names others or a profile.\n\n" + databaseHelp + "\n\n" + valuesHelp,
		Example: "  mailhint import ispconfig database.url\n" +
			"  mailhint import ispconfig database.url imap=mail.hoster.example smtp=mail.hoster.example pop3=mail.hoster.example",
		Args: fileAndValues("a FILE with the URL of the database"),
	}, "ISPConfig", fromDatabase(ispconfig.Read, false))
}

func newImportModoboa() *cobra.Command {
	return source(&cobra.Command{
		Use:   "modoboa FILE KEY=VALUE…",
		Short: "From the database of Modoboa",
		Long: "import modoboa reads the domains and domain aliases of Modoboa (tables admin_domain and admin_domainalias). KEY=VALUE is what they all get:\n" +
			"their mail servers, which Modoboa has in settings.py (EMAIL_CLIENT_CONNECTION_SETTINGS), or a profile.\n\n" + databaseHelp + "\n\n" + valuesHelp,
		Example: "  mailhint import modoboa database.url imap=imaps://mail.hoster.example smtp=submission://mail.hoster.example",
		Args:    fileAndValues("a FILE with the URL of the database"),
	}, "Modoboa", fromDatabase(modoboa.Read, true))
}

func newImportMailcow() *cobra.Command {
	var keyFile string
	cmd := &cobra.Command{
		Use:   "mailcow URL|FILE… [KEY=VALUE…]",
		Short: "From mailcow: its API, or the API's answers as files",
		Long: "import mailcow asks a running mailcow for its domains and alias domains, with the API key in --key-file, or reads the answers of\n" +
			"/api/v1/get/domain/all and /api/v1/get/alias-domain/all that were saved. A key for reading is enough.\n\n" +
			"The servers are those of mailcow on the host name in the URL or, if mailcow.conf is one of the files, as it says there. KEY=VALUE\n" +
			"replaces single keys, such as smtp=smtp.example.com; KEY= leaves a key out, such as activesync=.\n" + valuesHelp,
		Example: "  mailhint import mailcow https://mail.hoster.example --key-file mailcow.key\n" +
			"  mailhint import mailcow domains.json alias-domains.json /opt/mailcow-dockerized/mailcow.conf activesync=",
		Args: someArguments("the URL of mailcow, or FILEs with answers of its API"),
	}
	source(cmd, "mailcow", func(cmd *cobra.Command, c *imports.Collection, args []string) error {
		return importMailcow(cmd, c, args, keyFile)
	})
	cmd.Flags().StringVar(&keyFile, "key-file", "", "file with mailcow's API key, which no other user may read")
	cmd.MarkFlagFilename("key-file") // fails only for a flag that does not exist
	return cmd
}

func importMailcow(cmd *cobra.Command, c *imports.Collection, args []string, keyFile string) error {
	var sources, values []string
	for _, arg := range args {
		if key, _, isValue := strings.Cut(arg, "="); isValue && !strings.ContainsAny(key, "/.:") {
			values = append(values, arg)
		} else {
			sources = append(sources, arg)
		}
	}
	list, err := edits.ParseAssignments(edits.Domain, values)
	if err != nil {
		return problem(err)
	}
	i := mailcow.New(c, list)
	host := ""
	for _, arg := range sources {
		if !strings.Contains(arg, "://") {
			if err := i.ReadFile(arg); err != nil {
				return readSource(err)
			}
			continue
		}
		server, err := mailcow.ParseURL(arg)
		if err != nil {
			return err
		}
		if keyFile == "" {
			return fmt.Errorf("%s needs an API key; name its file with --key-file", arg)
		}
		key, err := mailcow.ReadKey(keyFile)
		if err != nil {
			return readSource(err)
		}
		if err := i.Fetch(cmd.Context(), server, key); err != nil {
			return readSource(err)
		}
		host = server.Hostname()
	}
	if len(sources) == 0 {
		return errors.New("import mailcow needs the URL of mailcow, or FILEs with answers of its API")
	}
	return problem(i.Add(host))
}
