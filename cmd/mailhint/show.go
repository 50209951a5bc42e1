package main

import (
	"fmt"
	"io"
	"net/netip"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"mailhint/domains"
	"mailhint/settings"
)

// showFlags are the flags of show.
type showFlags struct {
	reader  string
	from    string
	url     string
	explain bool
}

func newShow() *cobra.Command {
	var flags showFlags
	cmd := &cobra.Command{
		Use:   "show ADDRESS|DOMAIN",
		Short: "Print the answer that a program would get",
		Long: "show prints the exact answer that a program would get for an address or a domain, from the configuration.\n" +
			"Only for a name that nothing but a [fallback] with mx could answer, it looks up the MX.\n" +
			"With --url it fetches the answer of a running server too and compares: exit 1 if they differ, 3 if there is none.",
		Example: "  mailhint show ann@example.com\n" +
			"  mailhint show ann@example.com --for outlook\n" +
			"  mailhint show example.com --for human --explain\n" +
			"  mailhint show ann@example.com --url http://localhost:8080",
		Args: oneArgument("an ADDRESS or a DOMAIN, such as ann@example.com or example.com"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return show(cmd, args[0], flags)
		},
	}
	cmd.Flags().StringVar(&flags.reader, "for", "thunderbird", "the program: "+readerNames())
	cmd.Flags().StringVar(&flags.from, "from", "", "IP address of the client, for rules that depend on the network")
	cmd.Flags().StringVar(&flags.url, "url", "", "fetch the answer from this server too and compare")
	addMXResolver(cmd)
	cmd.Flags().BoolVar(&flags.explain, "explain", false, "print where each value was written, instead of the answer")
	return cmd
}

func show(cmd *cobra.Command, who string, flags showFlags) error {
	r, err := readerOf(flags.reader)
	if err != nil {
		return err
	}
	q, err := parseQuestion(who, flags.from)
	if err != nil {
		return err
	}
	snapshot, found, err := find(cmd, q)
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	if flags.explain {
		return problem(explain(out, found, snapshot.Explain(found.Settings)))
	}
	answer, err := r.answer(found, q.Address)
	if err != nil {
		return problem(err)
	}
	if flags.url != "" {
		return r.compare(cmd.Context(), out, flags.url, q, answer)
	}
	_, err = out.Write(answer)
	return problem(err)
}

// find loads the configuration and looks a question up in it. Where the answer depends on an MX record, that is looked up.
func find(cmd *cobra.Command, q settings.Question) (*domains.Snapshot, settings.Found, error) {
	snapshot, err := domains.Load(configName(cmd))
	if err != nil {
		return nil, settings.Found{}, problem(err)
	}
	mx, err := mxResolver(cmd)
	if err != nil {
		return nil, settings.Found{}, err
	}
	live := &liveExchangers{ctx: cmd.Context(), resolver: mx}
	snapshot.AskExchangers(live.ours)
	found, ok := snapshot.Lookup(q)
	if !ok {
		return nil, settings.Found{}, live.notFound(snapshot, q.Host)
	}
	return snapshot, found, nil
}

// parseQuestion reads an address or a domain as a request for it would name it.
func parseQuestion(who, from string) (settings.Question, error) {
	var q settings.Question
	if strings.Contains(who, "@") {
		a, err := settings.ParseAddress(who)
		if err != nil {
			return q, fmt.Errorf("%q: %w; write it like ann@example.com", who, err)
		}
		q.Address, q.Host = a, a.Domain
	} else {
		d, err := settings.ParseDomain(who)
		if err != nil {
			return q, fmt.Errorf("%q: %w; write it like example.com", who, err)
		}
		q.Host = d
	}
	if from != "" {
		client, err := netip.ParseAddr(from)
		if err != nil {
			return q, fmt.Errorf("--from %q is no IP address; write it like 192.0.2.1", from)
		}
		q.Client = client.Unmap().WithZone("")
	}
	return q, nil
}

// humanAnswer prints the settings as a person would type them.
func humanAnswer(found settings.Found, a settings.Address) ([]byte, error) {
	expand := func(p settings.Pattern) string { return p.Expand(string(found.Domain), string(found.Primary)) }
	var b strings.Builder
	name := expand(found.Name)
	if name == "" {
		name = found.Domain.Unicode()
	}
	fmt.Fprintf(&b, "Mail settings of %s\n", name)
	for i, s := range found.Servers {
		title := roles[s.Protocol]
		if i > 0 && found.Servers[i-1].Protocol == s.Protocol {
			title += ", if that does not work"
		}
		w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		fmt.Fprintf(w, "\n%s\n", title)
		fmt.Fprintf(w, "  Server\t%s\n", expand(s.Host))
		fmt.Fprintf(w, "  Port\t%d\n", s.Port)
		fmt.Fprintf(w, "  Encryption\t%s\n", encryptionWords[s.Security])
		if s.Auth[0] != settings.NoAuth {
			fmt.Fprintf(w, "  User name\t%s\n", userName(s.Login.For(found.Domain, found.Primary), a))
		}
		fmt.Fprintf(w, "  Sign in with\t%s\n", authWords[s.Auth[0]])
		w.Flush() // to a strings.Builder, which takes everything
	}
	links := []struct {
		title string
		url   settings.Pattern
	}{
		{"Calendars", found.CalDAV}, {"Contacts", found.CardDAV}, {"Files", found.WebDAV}, {"Web mail", found.Webmail},
		{"Help", found.Docs}, {"Questions", found.Support},
	}
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	first := "\n"
	for _, l := range links {
		if l.url != "" {
			fmt.Fprintf(w, "%s%s\t%s\n", first, l.title, expand(l.url))
			first = ""
		}
	}
	w.Flush()
	if len(found.Servers) == 0 {
		b.WriteString("\nThis domain names no mail server of its own. Its provider knows how to set up mail.\n")
	}
	return []byte(b.String()), nil
}

// The words that mail programs use for people.
var (
	roles = map[settings.Protocol]string{
		settings.IMAP:        "Incoming mail, IMAP",
		settings.POP3:        "Incoming mail, POP3",
		settings.Submission:  "Outgoing mail, SMTP",
		settings.ManageSieve: "Mail filters, Sieve",
	}
	encryptionWords = map[settings.Security]string{
		settings.ImplicitTLS: "SSL/TLS",
		settings.STARTTLS:    "STARTTLS",
		settings.Plaintext:   "none",
	}
	authWords = map[settings.Auth]string{
		settings.Password:          "your password",
		settings.PasswordEncrypted: "your password, encrypted",
		settings.OAuth2Token:       "your provider's page (OAuth2)",
		settings.GSSAPI:            "Kerberos",
		settings.NTLM:              "your Windows password (NTLM)",
		settings.ClientCert:        "your certificate",
		settings.NoAuth:            "nothing: it knows your network",
	}
)

// userName is the login name of a person, or in words if nobody is known.
func userName(l settings.Login, a settings.Address) string {
	switch {
	case !a.IsZero():
		return l.Fill(a)
	case l == settings.EmailAddress:
		return "your whole e-mail address"
	case l == settings.EmailLocalPart:
		return "the part of your e-mail address before the @"
	}
	return strings.NewReplacer(settings.EmailAddress, "(your e-mail address)", settings.EmailLocalPart, "(the part before the @)").Replace(string(l))
}

// explain prints where each value was written.
func explain(out io.Writer, found settings.Found, origins []domains.Origin) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "domain\t%s\t\n", found.Domain)
	if found.Primary != found.Domain {
		fmt.Fprintf(w, "alias of\t%s\t\n", found.Primary)
	}
	for _, o := range origins {
		fmt.Fprintf(w, "%s\t%s\t%s\n", o.Key, o.Value, o.Position)
	}
	return w.Flush()
}
