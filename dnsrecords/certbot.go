package dnsrecords

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// maxCertificateNames is how many names Let's Encrypt puts into a certificate.
const maxCertificateNames = 100

// printCertbot prints the commands with which Certbot orders certificates for the names that point to the mailhint server, and for the server
// itself. How Certbot proves them is left to the admin.
func printCertbot(_ string, records []Record) ([]byte, error) {
	var names []string
	add := func(name string) {
		if name != "" && !slices.Contains(names[max(0, len(names)-2*maxCertificateNames):], name) { // the same names are near each other
			names = append(names, name)
		}
	}
	add(serverIn(records))
	for _, r := range records {
		if kindOf(r.Data) == "host" {
			add(r.Name)
		}
	}
	var b bytes.Buffer
	b.WriteString("# Add how Certbot proves the names, such as --nginx, --apache or --dns-rfc2136. Then write cert and key in [server].\n")
	for i, chunk := range slices.Collect(slices.Chunk(names, maxCertificateNames)) {
		name := "mailhint"
		if i > 0 {
			name = fmt.Sprintf("mailhint-%d", i+1)
		}
		fmt.Fprintf(&b, "certbot certonly --cert-name %s \\\n  -d %s\n", name, strings.Join(chunk, " \\\n  -d "))
	}
	return b.Bytes(), nil
}
