package starter

import (
	"errors"
	"fmt"
	"time"

	"mailhint/domains"
	"mailhint/durable"
	"mailhint/probe"
	"mailhint/settings"
)

// Updates say how records can be published by dynamic update: the name server, and the file with the key. Both are empty if that is not known.
type Updates struct{ Server, KeyFile string }

// File returns a first domains.toml: the tables [server] and [dns], and the entry of the domain that a probe found, with what it saw as
// comments. The server is mailhint's own host name; empty if it is not known.
func File(f *probe.Finding, server settings.Domain, updates Updates, now time.Time) (string, error) {
	entry, err := Entry(f, f.Comments(now)...)
	if err != nil {
		return "", err
	}
	return "# The configuration of mailhint. After each change, run: mailhint check\n\n" + serverTable(server, f.Domain) + "\n" + dnsTable(updates, f.Domain) + "\n" + entry, nil
}

// Write writes a first domains.toml, as File returns it, and loads it again to see that it is valid. It never overwrites a file: the error
// wraps fs.ErrExist if there is one, even if it appears meanwhile, and is a domains.Problems with the name of the file if it would not be
// valid. After an error there is no file.
func Write(name string, f *probe.Finding, server settings.Domain, updates Updates, now time.Time) error {
	text, err := File(f, server, updates, now)
	if err != nil {
		return err
	}
	return durable.Create(name, []byte(text), 0o644, func(temporary string) error {
		_, err := domains.Load(temporary)
		problems := domains.Problems(nil)
		if !errors.As(err, &problems) {
			return err
		}
		for i := range problems {
			if problems[i].File == temporary {
				problems[i].File = name
			}
		}
		return problems
	})
}

// serverTable returns the [server] table of a first file. The keys for answering the internet are commented out, because with them mailhint
// would not start for a trial: ports 80 and 443 may be in use, and nobody has agreed to the terms of a CA yet.
func serverTable(server, d settings.Domain) string {
	const how = "# As it is, mailhint answers at localhost:8080 only, which is enough to try it out or to run it behind a proxy. To answer requests\n" +
		"# from the internet, %sremove the # in front of the lines below and restart mailhint.\n" +
		"# Ports 80 and 443 must be reachable from outside. With tls = \"acme\", mailhint gets its certificates from Let's Encrypt, and you\n" +
		"# agree to the terms of service of Let's Encrypt.\n"
	keys := fmt.Sprintf("# tls = \"acme\"\n# acme_email = \"hostmaster@%s\"\n", d)
	if server != "" {
		return fmt.Sprintf("[server]\nname = %q\n"+how, server, "") + keys
	}
	return fmt.Sprintf(how, "enter the host name of this machine as name, ") + fmt.Sprintf("# [server]\n# name = %q\n", suggestedServer(d)) + keys
}

// dnsTable returns the [dns] table of a first file, as comments if it is not known how records can be published.
func dnsTable(u Updates, d settings.Domain) string {
	const table = "%[1]s[dns]\n%[1]sserver = %[2]q\n%[1]skey_file = %[3]q\n%[1]szones = [%[4]q]\n"
	if u != (Updates{}) {
		return fmt.Sprintf(table, "", u.Server, u.KeyFile, d)
	}
	return "# To let mailhint publish the DNS records itself, by dynamic update (RFC 2136), enter the name server and a key that may change the\n" +
		"# zone, and remove the # in front of the lines below. Then run: mailhint dns " + string(d) + " --apply\n" +
		fmt.Sprintf(table, "# ", "ns1."+string(d), "mailhint.key", d)
}

// suggestedServer is the host name that mailhint could have in the zone of a domain.
func suggestedServer(d settings.Domain) string { return "setup." + string(d) }
