package starter

import (
	"context"
	"fmt"
	"strings"

	"mailhint/dnsrecords"
	"mailhint/domains"
	"mailhint/settings"
)

// NextSteps returns what to do after Write has written a first domains.toml for a domain: the DNS records to publish, as lines of a zone
// file, and the next commands as comments in it. If the options do not say where the mailhint server is, the records have the host name that
// domains.toml suggests, and a comment says so.
func NextSteps(ctx context.Context, file string, d settings.Domain, o dnsrecords.Options) (string, error) {
	snapshot, err := domains.Load(file)
	if err != nil {
		return "", err
	}
	found, err := snapshot.Lookup(ctx, settings.Question{Host: d})
	if err != nil {
		return "", fmt.Errorf("%s has changed meanwhile: %w", file, err)
	}
	publish := "Publish the records above."
	placeholder := o.Server == "" && len(o.Addresses) == 0
	if placeholder {
		o.Server = suggestedServer(found.Domain)
	}
	config := ""
	if file != "domains.toml" {
		config = " --config " + file
	}
	if placeholder {
		publish = fmt.Sprintf("Publish the records above. To print them with another host name: mailhint dns %s --target HOST%s", found.Domain, config)
	}
	if _, updates := snapshot.DNS.ZoneOf(string(found.Domain)); updates {
		publish += fmt.Sprintf("\n;   mailhint dns %s --apply%s", found.Domain, config)
	} else {
		publish += fmt.Sprintf("\n;    To let mailhint publish them, fill in [dns] in %s and run:\n;   mailhint dns %s --apply%s", file, found.Domain, config)
	}
	records, err := Records(found, o)
	if err != nil {
		return "", err
	}
	zone, err := dnsrecords.Print("zone", found.Domain, records)
	if err != nil {
		return "", err
	}
	servers := "1 server"
	if n := len(found.Servers); n != 1 {
		servers = fmt.Sprintf("%d servers", n)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "; Wrote %s with %s. Records for the zone of %s:\n", file, servers, found.Domain)
	if placeholder {
		fmt.Fprintf(&b, "; (%s stands for the host name of this server. Replace it if the server has another one.)\n", o.Server)
	}
	b.Write(dnsrecords.ServerAddresses("zone", found.Domain, o))
	b.Write(zone)
	fmt.Fprintf(&b, "; Next:\n"+
		"; 1. Try it out at http://localhost:8080:\n;   mailhint serve%s\n"+
		"; 2. To answer requests from the internet, fill in [server] in %s as the comment there says, and restart mailhint.\n"+
		"; 3. %s\n"+
		"; 4. Check that everything works:\n;   mailhint doctor %s%s\n", config, file, publish, found.Domain, config)
	return b.String(), nil
}

// ToPublish returns the configuration that Write has written for a domain, and the records that the domain should publish, for those who want
// to publish them at once.
func ToPublish(ctx context.Context, file string, d settings.Domain, o dnsrecords.Options) (*domains.Snapshot, dnsrecords.Wanted, error) {
	snapshot, err := domains.Load(file)
	if err != nil {
		return nil, dnsrecords.Wanted{}, err
	}
	found, _, err := snapshot.LookupForZone(ctx, d)
	if err != nil {
		return nil, dnsrecords.Wanted{}, fmt.Errorf("%s has changed meanwhile: %w", file, err)
	}
	records, err := Records(found, o)
	return snapshot, dnsrecords.Wanted{Domain: d, Zone: d, Records: records}, err
}
