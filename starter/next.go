package starter

import (
	"errors"
	"fmt"
	"strings"

	"mailhint/dnsrecords"
	"mailhint/settings"
)

// NextSteps returns what to do after the first domains.toml has been written: the DNS records to publish, in the form of a zone file, and
// the next commands as comments in it. If the options do not say where the mailhint server is, the records are those of the mail servers.
// The file is the name of the configuration.
func NextSteps(file string, found settings.Found, o dnsrecords.Options) (string, error) {
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
