package main

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mailhint/dnsrecords"
	"mailhint/domains"
	"mailhint/exchangers"
	"mailhint/settings"
	"mailhint/starter"
)

// dnsFlags are the flags of dns.
type dnsFlags struct {
	format    string
	json      bool
	srvOnly   bool
	target    string
	addresses []string
	ttl       uint32
	zone      string
	all       bool
	diff      bool
	applyFlags
}

func newDNS() *cobra.Command {
	var flags dnsFlags
	cmd := &cobra.Command{
		Use:   "dns DOMAIN… | --all",
		Short: "Print or publish the DNS records that domains should have",
		Long: "dns prints the DNS records with which mail clients find the settings of a domain: names of the domain that point to this\n" +
			"server, or with --srv-only an SRV record, and SRV records of the mail servers. It reads the configuration and uses the network only\n" +
			"with --diff or --apply, and to look up the MX of a name that nothing but a [fallback] with mx could answer.\n" +
			"\n" +
			"Formats:\n" +
			"  zone        lines of a zone file (RFC 1035) with absolute names, to paste or $INCLUDE anywhere in it\n" +
			"  table       columns to read\n" +
			"  json        an array of objects\n" +
			"  nsupdate    a script for nsupdate(1), which replaces records of the same name and type\n" +
			"  octodns     the zone's file for octoDNS's YamlProvider\n" +
			"  dnscontrol  a D_EXTEND() for dnsconfig.js of DNSControl\n" +
			"  terraform   resources of the provider hashicorp/dns, which updates any name server that supports RFC 2136\n" +
			"  domainconnect  a Domain Connect template, with which DNS hosters publish the records for their customers\n" +
			"  certbot     the commands that order certificates for the names that point to this server\n" +
			"\n" +
			"With --diff, dns looks up the records and prints only what is missing or wrong, with comments that say what to remove; with\n" +
			"--json, the result is one object. It compares what records mean to clients: weights, gaps between priorities and letter case\n" +
			"do not matter. Eight domains are looked up at a time. The exit code is 1 if there is a difference, otherwise 3 if DNS does\n" +
			"not answer for a domain.\n" +
			"\n" +
			"With --apply, dns publishes the records by dynamic update (RFC 2136), in the zones that [dns] names, with their keys. It shows\n" +
			"what it is going to do and asks, unless --yes is given; --dry-run only shows it. It adds only records that it also prints, and\n" +
			"leaves all others alone. A record in the way of one of them, such as an A record of autodiscover., is reported and left, and the\n" +
			"rest is published; --replace removes it. If somebody else changes the zone at the same time, nothing is changed. Afterwards the\n" +
			"name server is asked whether it has the records. The exit code is 1 if a domain does not have all its records, otherwise 3 if a\n" +
			"name server does not answer.",
		Example: "  mailhint dns example.com\n" +
			"  mailhint dns example.com >>example.com.zone\n" +
			"  mailhint dns example.com --format nsupdate | nsupdate -k tsig.key\n" +
			"  mailhint dns example.com --address 192.0.2.1,2001:db8::1\n" +
			"  mailhint dns example.com --srv-only --target setup.hoster.example\n" +
			"  mailhint dns --all --diff\n" +
			"  mailhint dns example.com --apply",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := flags.check(args); err != nil {
				return err
			}
			if err := flags.checkApply(cmd); err != nil {
				return err
			}
			return printDNS(cmd, args, flags)
		},
	}
	cmd.Flags().StringVar(&flags.format, "format", "zone", "output format: "+strings.Join(dnsrecords.Formats, ", "))
	cmd.Flags().BoolVar(&flags.json, "json", false, "the same as --format json")
	cmd.Flags().BoolVar(&flags.srvOnly, "srv-only", false, "publish no names of the domain for this server, so that it needs no certificate for them; fewer clients find it")
	cmd.Flags().StringVar(&flags.target, "target", "", "host name of this server; default: name in [server]")
	cmd.Flags().StringSliceVar(&flags.addresses, "address", nil, "IP addresses of this server, to publish A and AAAA records instead of CNAME records")
	cmd.Flags().Uint32Var(&flags.ttl, "ttl", 3600, "time to live of the records, in seconds")
	addMXResolver(cmd)
	cmd.Flags().BoolVar(&flags.all, "all", false, "every domain that is configured by name")
	cmd.Flags().BoolVar(&flags.diff, "diff", false, "look up the records in DNS, and print only what is missing or wrong")
	cmd.Flags().StringVar(&flags.zone, "zone", "", "the zone that contains the records; default: DOMAIN")
	flags.applyFlags.add(cmd)
	completesFlag(cmd, "format", dnsrecords.Formats...)
	atOnce := cmd.RunE
	printsDocument(cmd)
	document := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if flags.apply { // what is to be changed is shown before anything is
			return atOnce(cmd, args)
		}
		return document(cmd, args)
	}
	return completesDomains(cmd, maxCompletions)
}

// check refuses arguments and flags that contradict each other.
func (f *dnsFlags) check(args []string) error {
	if f.json {
		if f.format != "zone" && f.format != "json" {
			return fmt.Errorf("--json and --format %s exclude each other; drop one", f.format)
		}
		f.format = "json"
	}
	switch {
	case f.all && len(args) > 0:
		return errors.New("--all is for every domain; drop --all or the domain names")
	case !f.all && len(args) == 0:
		return errors.New("dns needs a DOMAIN, such as example.com, or --all")
	case f.diff && (f.format == "domainconnect" || f.format == "certbot"):
		return fmt.Errorf("--format %s has no form for differences; drop it or --diff", f.format)
	case f.format == "domainconnect" && (f.all || len(args) > 1):
		return errors.New("a Domain Connect template is for all domains with the same settings; name one of them as DOMAIN")
	case f.format == "octodns" && f.zone == "" && (f.all || len(args) > 1):
		return errors.New("a file for octoDNS has one zone; name one DOMAIN, or give the zone of all of them with --zone")
	}
	return nil
}

func printDNS(cmd *cobra.Command, args []string, flags dnsFlags) error {
	options, err := flags.options()
	if err != nil {
		return err
	}
	names, err := parseDomains(args)
	if err != nil {
		return err
	}
	for _, name := range names {
		if _, err := flags.zoneOf(name); err != nil {
			return err
		}
	}
	snapshot, live, err := loadLive(cmd)
	if err != nil {
		return err
	}
	if flags.all {
		names = snapshot.NamedDomains()
	}
	if options.Server == "" {
		options.Server = snapshot.Server.Name
	}
	var all []dnsrecords.Wanted
	for _, name := range names {
		wanted, err := flags.recordsOf(cmd, snapshot, live, name, options)
		if err != nil {
			return err
		}
		all = append(all, wanted)
	}
	if flags.apply {
		return flags.publish(cmd, snapshot, all, options)
	}
	if flags.diff {
		return flags.printDifferences(cmd, all, options)
	}
	out, err := dnsrecords.PrintDomains(flags.format, all, options)
	if err != nil {
		return err
	}
	_, err = cmd.OutOrStdout().Write(out)
	return problem(err)
}

// recordsOf returns the records that a domain should publish.
func (f dnsFlags) recordsOf(cmd *cobra.Command, snapshot *domains.Snapshot, live *exchangers.Live, name settings.Domain, o dnsrecords.Options) (dnsrecords.Wanted, error) {
	zone, err := f.zoneOf(name)
	if err != nil {
		return dnsrecords.Wanted{}, err
	}
	found, _, err := snapshot.LookupForZone(cmd.Context(), name)
	if err != nil {
		return dnsrecords.Wanted{}, notFound(snapshot, live, name)
	}
	records, err := starter.Records(found, o)
	switch {
	case errors.Is(err, dnsrecords.ErrNoServer): // wrong usage: with --address the same file needs no name
		return dnsrecords.Wanted{}, fmt.Errorf("%w: set name in [server], or give --target HOST", err)
	case err != nil:
		return dnsrecords.Wanted{}, problem(err)
	}
	return dnsrecords.Wanted{Domain: name, Zone: zone, Records: records}, nil
}

// options returns what the flags say about this server and about what to publish.
func (f dnsFlags) options() (dnsrecords.Options, error) {
	o := dnsrecords.Options{TTL: f.ttl}
	if !slices.Contains(dnsrecords.Formats, f.format) {
		return o, fmt.Errorf("unknown format %q; write one of %s", f.format, strings.Join(dnsrecords.Formats, ", "))
	}
	if f.srvOnly {
		o.Variant = dnsrecords.SRVOnly
	}
	if f.srvOnly && len(f.addresses) > 0 {
		return o, errors.New("with --srv-only there are no names for --address; drop one of the two")
	}
	if f.ttl > 1<<31-1 { // RFC 2181 section 8
		return o, fmt.Errorf("--ttl %d is too large; write at most %d", f.ttl, 1<<31-1)
	}
	if f.target != "" {
		target, err := settings.ParseDomain(f.target)
		if err != nil {
			return o, fmt.Errorf("--target %q: %w; write a host name such as setup.example.com", f.target, err)
		}
		o.Server = string(target)
	}
	for _, text := range f.addresses {
		a, err := netip.ParseAddr(text)
		if err != nil || a.Zone() != "" {
			return o, fmt.Errorf("--address %q is not a valid IP address; write it like 192.0.2.1,2001:db8::1", text)
		}
		o.Addresses = append(o.Addresses, a.Unmap())
	}
	return o, nil
}

// zoneOf returns the zone that contains the records of a domain.
func (f dnsFlags) zoneOf(d settings.Domain) (settings.Domain, error) {
	if f.zone == "" {
		return d, nil
	}
	zone, err := settings.ParseDomain(f.zone)
	if err != nil {
		return "", fmt.Errorf("--zone %q: %w; write it like example.com", f.zone, err)
	}
	if !dnsrecords.InZone(string(d), zone) {
		return "", fmt.Errorf("%[2]s is not in the zone %[1]s; write --zone with %[2]s or a domain above it", zone, d)
	}
	return zone, nil
}
