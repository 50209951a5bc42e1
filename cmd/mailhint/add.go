package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mailhint/domains"
	"mailhint/edits"
	"mailhint/probe"
	"mailhint/settings"
	"mailhint/starter"
)

// valuesHelp explains key=value in the help of several commands.
const valuesHelp = "A value is a bare word (imap=imap.example.com) or TOML (smtp='[\"submissions://a.example\", \"submission://b.example:2587\"]').\n" +
	"Keys are those of domains.toml; a key in a table has a dot (oauth2.issuer=login.example.com). A list of bare words has commas\n" +
	"(aliases=example.net,example.org)."

func newAdd() *cobra.Command {
	var flags changeFlags
	var profile string
	var probes bool
	cmd := &cobra.Command{
		Use:   "add DOMAIN [KEY=VALUE…]",
		Short: "Add a domain",
		Long: "add adds a domain to the configuration. A domain that gets nothing but a profile goes into the profile's domains_file, if it has one.\n" +
			valuesHelp + "\n" +
			"\n" +
			"With --probe, the servers are those that probe finds, unless they are given.",
		Example: "  mailhint add example.com --profile shared\n" +
			"  mailhint add example.com imap=imap.example.com smtp=smtp.example.com --reason 'ticket 4711'\n" +
			"  mailhint add example.com --probe",
		Args: domainAndValues(false),
		RunE: func(cmd *cobra.Command, args []string) error {
			if profile != "" {
				args = append(args, "profile="+profile)
			}
			if len(args) == 1 && !probes {
				return errors.New("add needs what the domain is to have: KEY=VALUE, --profile or --probe")
			}
			ref, values, err := parseValues(args)
			if err != nil {
				return err
			}
			s, err := openStore(cmd)
			if err != nil {
				return err
			}
			if probes {
				found, err := probedValues(cmd, ref)
				if err != nil {
					return err
				}
				values = edits.Overlay(found, values)
			}
			flags.values = values
			e, err := edits.Add(cmd.Context(), s, ref, values)
			if err != nil {
				return changeError(err)
			}
			return flags.save(cmd, s, e)
		},
	}
	cmd.Flags().StringVar(&profile, "profile", "", "the profile that the domain inherits from; the same as profile=…")
	cmd.Flags().BoolVar(&probes, "probe", false, "find out what the live mail servers offer, as probe does")
	flags.addTo(cmd)
	addProbeFlags(cmd)
	completesProfiles(cmd)
	cmd.ValidArgsFunction = completeValues(false)
	return cmd
}

// domainAndValues is for commands with a DOMAIN and KEY=VALUE…
func domainAndValues(needsValue bool) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return fmt.Errorf("%s needs a DOMAIN, such as example.com", nameOf(cmd))
		}
		if len(args) == 1 && needsValue {
			return fmt.Errorf("%s needs KEY=VALUE, such as imap=imap.example.com; KEY= removes a key", nameOf(cmd))
		}
		for _, arg := range args[1:] {
			if !strings.Contains(arg, "=") {
				return fmt.Errorf("%q is not of the form KEY=VALUE, such as imap=imap.example.com", arg)
			}
		}
		return nil
	}
}

// parseValues reads a DOMAIN and KEY=VALUE…
func parseValues(args []string) (edits.Ref, []edits.Assignment, error) {
	ref, err := edits.ParseDomain(args[0])
	if err != nil {
		return ref, nil, err
	}
	values, err := edits.ParseAssignments(edits.Domain, args[1:])
	return ref, values, problem(err)
}

// probedValues returns what a probe finds for the entry of a domain.
func probedValues(cmd *cobra.Command, ref edits.Ref) ([]edits.Assignment, error) {
	if strings.HasPrefix(ref.Name, "*.") {
		return nil, errors.New("--probe needs a domain, and not a wildcard; drop it")
	}
	found, err := findServers(cmd, probe.Search{Name: settings.Domain(ref.Name), MailDomain: true})
	if err != nil {
		return nil, err
	}
	if !found.Complete() {
		return nil, problem(fmt.Errorf("nothing was added, because no servers to receive and to send mail were found; mailhint probe %s shows what was", ref.Name))
	}
	text, err := starter.Entry(found)
	if err != nil {
		return nil, problem(err)
	}
	records, problems := domains.ReadRecords(ref.Name, text)
	i := slices.IndexFunc(records, func(r domains.Record) bool { return r.Name == ref.Name })
	if problems != nil || i < 0 {
		return nil, problem(fmt.Errorf("nothing was added, because what was found is not a valid entry: %w", problems))
	}
	return edits.Assign(records[i].Values), nil
}
