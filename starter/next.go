package starter

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"mailhint/dnsrecords"
	"mailhint/domains"
	"mailhint/settings"
)

// NextSteps returns what to do after Write has written a first domains.toml for a domain: the DNS records to publish, as lines of a zone
// file, and the next commands as comments in it. If the options do not say where the mailhint server is, the records are only those of the
// mail servers.
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
	config := ""
	if file != "domains.toml" {
		config = " --config " + file
	}
	records, err := Records(found, o)
	if errors.Is(err, dnsrecords.ErrNoServer) {
		records, err = dnsrecords.Services(found, o.TTL), nil
		publish = fmt.Sprintf("Publish the records above and those that point to this server. To print them all: mailhint dns %s%s", found.Domain, config)
	}
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
	fmt.Fprintf(&b, "; Wrote %s with %s. Records for the zone of %s:\n%s", file, servers, found.Domain, zone)
	fmt.Fprintf(&b, "; Next:\n"+
		"; 1. Try it out at http://localhost:8080:\n;   mailhint serve%s\n"+
		"; 2. To answer requests from the internet, fill in [server] in %s as the comment there says, and restart mailhint.\n"+
		"; 3. %s\n"+
		"; 4. Check that everything works:\n;   mailhint doctor %s%s\n", config, file, publish, found.Domain, config)
	return b.String(), nil
}
