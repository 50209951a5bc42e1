package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mailhint/domains"
	"mailhint/help"
	"mailhint/preview"
	"mailhint/settings"
	"mailhint/texts"
)

// showFlags are the flags of show.
type showFlags struct {
	client  string
	from    string
	url     string
	lang    string
	program string
	explain bool
	json    bool
}

// Who reads the settings in plain words, beside the clients of package preview.
const (
	human  = "human"  // somebody who sets up a mail program
	letter = "letter" // somebody with a new mailbox
)

func (f showFlags) forPeople() bool { return f.client == human || f.client == letter }

func newShow() *cobra.Command {
	var flags showFlags
	cmd := &cobra.Command{
		Use:   "show ADDRESS|DOMAIN",
		Short: "Print the answer that a client would get",
		Long: "show prints exactly what a client would get for an address or a domain according to the configuration. It uses the network\n" +
			"only to look up the MX of a name that nothing but a [fallback] with mx could answer, and login names that a look-up has; then it\n" +
			"says on standard error how long that took. With --url it also fetches the answer\n" +
			"of a running server and compares the two: the exit code is 1 if they differ, and 3 if there is no answer.\n" +
			"\n" +
			"With --for human, it prints the settings in plain words, as the page for people has them, with --program also the steps for one\n" +
			"mail program. With --for letter, it prints a welcome letter for a new mailbox, which can be mailed as it is. --lang chooses their\n" +
			"language; without it, that of the terminal is used (LC_ALL, LC_MESSAGES, LANG).\n" +
			"\n" +
			"With --explain, it prints what manages the domain (a file, a list or a store), and where each value comes from.\n" +
			"\n" +
			"With --json, it prints one object: client, domain, alias_of, address, and what was asked for: status, location and body of the\n" +
			"answer; page with --for human; letter with --for letter; same, differences and url with --url; managed_by, record, where\n" +
			"and values with --explain. lookups has the lookup, login or error, and took_ms of each look-up.",
		Example: "  mailhint show ann@example.com\n" +
			"  mailhint show ann@example.com --for outlook\n" +
			"  mailhint show ann@example.com --for human --program outlook-new\n" +
			"  mailhint show ann@example.com --for letter --lang de\n" +
			"  mailhint show example.com --explain\n" +
			"  mailhint show ann@example.com --url http://localhost:8080",
		Args: oneArgument("an ADDRESS or a DOMAIN, such as ann@example.com or example.com"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return show(cmd, args[0], flags)
		},
	}
	cmd.Flags().StringVar(&flags.client, "for", "thunderbird", "the client: "+showNames())
	cmd.Flags().StringVar(&flags.from, "from", "", "IP address of the client, for rules that depend on the network")
	cmd.Flags().StringVar(&flags.url, "url", "", "also fetch the answer from this server, and compare the two")
	cmd.Flags().StringVar(&flags.lang, "lang", "", "the language of the texts for people: "+languageTags())
	cmd.Flags().StringVar(&flags.program, "program", "", "with --for human, also print the steps for this mail program, such as outlook-new")
	addMXResolver(cmd)
	cmd.Flags().BoolVar(&flags.json, "json", false, "print JSON")
	cmd.Flags().BoolVar(&flags.explain, "explain", false, "print what manages the domain, and where each value comes from, instead of the answer")
	completesFlag(cmd, "for", append(preview.Names(), human, letter)...)
	completesFlag(cmd, "lang", tags()...)
	completesFlag(cmd, "program", help.IDs()...)
	return completesDomains(printsDocument(cmd), 1)
}

func showNames() string { return strings.Join(append(preview.Names(), human, letter), ", ") }

func show(cmd *cobra.Command, who string, flags showFlags) error {
	client, ok := preview.Named(flags.client)
	if !ok && !flags.forPeople() {
		return fmt.Errorf("%q is not a known client; --for takes %s", flags.client, showNames())
	}
	if err := flags.checkPeople(); err != nil {
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
	s := newShown(flags, q, found)
	if !flags.explain {
		found, s.Trials = tryLookups(cmd.Context(), snapshot, q, found)
		for _, t := range s.Trials {
			cmd.PrintErrln(t)
		}
	}
	switch {
	case flags.explain:
		s.Client, s.Values = "", snapshot.Explain(found.Settings)
		if s.manager, err = findManager(cmd, found.Domain); err != nil {
			return problem(err)
		}
	case flags.forPeople():
		s.forPeople(flags, q, found, !snapshot.Server.NoHelpPage)
	default:
		if err := s.preview(cmd.Context(), client, flags.url, q, found); err != nil {
			return previewError(client, err)
		}
	}
	print := s.print
	if flags.json {
		print = func(w io.Writer) error { return printJSON(w, s) }
	}
	if err := print(cmd.OutOrStdout()); err != nil {
		return problem(err)
	}
	if s.Comparison != nil && !s.Same {
		return errProblem
	}
	return nil
}

func findManager(cmd *cobra.Command, d settings.Domain) (*manager, error) {
	store, err := openStore(cmd)
	if err != nil {
		return nil, err
	}
	return managerOf(cmd.Context(), store, d)
}

// checkPeople checks the flags that are about texts for people.
func (f showFlags) checkPeople() error {
	_, known := texts.ParseLanguage(f.lang)
	switch {
	case f.forPeople() && f.url != "":
		return fmt.Errorf("--url and --for %s exclude each other; drop one", f.client)
	case f.lang != "" && !f.forPeople():
		return errors.New("--lang is for people; add --for human or --for letter, or drop it")
	case f.lang != "" && !known:
		return fmt.Errorf("--lang %q is not a language of the texts; write one of %s", f.lang, languageTags())
	case f.program != "" && f.client != human:
		return errors.New("--program is for people; add --for human, or drop it")
	case f.program != "" && !slices.Contains(help.IDs(), f.program):
		return fmt.Errorf("--program %q is not a known program; write one of %s", f.program, strings.Join(help.IDs(), ", "))
	}
	return nil
}

// language is the one of the texts for people.
func (f showFlags) language() texts.Language {
	if l, ok := texts.ParseLanguage(f.lang); ok {
		return l
	}
	return texts.OfLocale(cmp.Or(os.Getenv("LC_ALL"), os.Getenv("LC_MESSAGES"), os.Getenv("LANG")))
}

func tags() []string {
	var tags []string
	for _, l := range texts.Languages() {
		tags = append(tags, l.Tag())
	}
	return tags
}

func languageTags() string { return strings.Join(tags(), ", ") }

// previewError gives an error of package preview its exit code.
func previewError(client preview.Client, err error) error {
	switch {
	case errors.Is(err, preview.ErrNeedsAddress):
		return err
	case errors.Is(err, preview.ErrURL):
		return fmt.Errorf("--url %w", err)
	case errors.Is(err, preview.ErrAsksNoServer):
		return fmt.Errorf("--url cannot be used with --for %s: %w", client.Name, err)
	}
	return problem(err)
}

// find loads the configuration and looks up a question in it, and the MX record if the answer depends on it.
func find(cmd *cobra.Command, q settings.Question) (*domains.Snapshot, settings.Found, error) {
	snapshot, live, err := loadLive(cmd)
	if err != nil {
		return nil, settings.Found{}, err
	}
	found, err := snapshot.Lookup(cmd.Context(), q)
	if errors.Is(err, settings.ErrNotForClient) && !q.Client.IsValid() {
		return nil, settings.Found{}, problem(fmt.Errorf("%w; give the address of one with --from", snapshot.Unanswered(q.Host)))
	}
	if err != nil {
		return nil, settings.Found{}, notFound(snapshot, live, q.Host)
	}
	return snapshot, found, nil
}

// parseQuestion reads an address or a domain, and the address of the client; from is empty if that is not known.
func parseQuestion(who, from string) (settings.Question, error) {
	var q settings.Question
	if strings.Contains(who, "@") {
		a, err := settings.ParseAddress(who)
		if err != nil {
			return q, fmt.Errorf("%q: %w; write it like ann@example.com", who, err)
		}
		q.Address, q.Host = a, a.Domain
	} else {
		d, err := parseDomain(who)
		if err != nil {
			return q, err
		}
		q.Host = d
	}
	if from != "" {
		client, err := netip.ParseAddr(from)
		if err != nil {
			return q, fmt.Errorf("--from %q is not a valid IP address; write it like 192.0.2.1", from)
		}
		q.Client = client.Unmap().WithZone("")
	}
	return q, nil
}
