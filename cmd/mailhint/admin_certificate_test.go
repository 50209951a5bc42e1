package main

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mailhint/accounts"
	"mailhint/certs/pebbletest"
)

// The admin page and the API are reached over HTTPS under admin_name, with the certificate that was ordered for that name alone.
func TestAdminNameACME(t *testing.T) {
	httpAddress, httpsAddress := pebbletest.FreeAddress(t), pebbletest.FreeAddress(t)
	ca := pebbletest.Start(t, portOf(t, httpAddress), portOf(t, httpsAddress), 90*24*time.Hour)
	config := fmt.Sprintf(`
[server]
name = "setup.example.com"
admin_name = "admin.example.com"
http = [%q]
https = [%q]
tls = "acme"
acme_ca = [%q]
acme_root = %q
state_dir = %q
[domains."example.com"]
imap = "imap.example.com"
smtp = "smtp.example.com"
`, httpAddress, httpsAddress, ca.Directory(), ca.RootFile, t.TempDir())
	p := startProgramIn(t, network{resolver: zoneOf{"setup.example.com": "127.0.0.1", "admin.example.com": "127.0.0.1", "autoconfig.example.com": "127.0.0.1"}}, config)
	const name = "admin.example.com"
	eventually(t, "there is a certificate for admin_name", func() bool {
		_, err := askTLS(httpsAddress, name, "/", ca.Issuing)
		return err == nil
	})
	if _, err := p.people.AddAccount(t.Context(), accounts.CommandLine("test"), accounts.Account{Name: "olga", Role: accounts.Operator}, "correct horse battery"); err != nil {
		t.Fatal(err)
	}
	if body, err := askTLS(httpsAddress, name, "/", ca.Issuing); err != nil || !strings.Contains(body, `action="/sign-in"`) {
		t.Errorf("the admin page: %v\n%s", err, body)
	}
	if body, err := askTLS(httpsAddress, name, "/api/v1/domains", ca.Issuing); err != nil || !strings.Contains(body, `"code":"signed-out"`) {
		t.Errorf("the API: %v\n%s", err, body)
	}
	c, err := tls.Dial("tcp", httpsAddress, &tls.Config{ServerName: name, RootCAs: ca.Issuing})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if names := c.ConnectionState().PeerCertificates[0].DNSNames; !slices.Equal(names, []string{name}) {
		t.Errorf("the certificate is for %q, want %s alone", names, name)
	}
	// Names of others have certificates of their own, and no admin page.
	for _, other := range []string{"setup.example.com", "autoconfig.example.com"} {
		body := ""
		eventually(t, "there is a certificate for "+other, func() bool {
			var err error
			body, err = askTLS(httpsAddress, other, "/sign-in", ca.Issuing)
			return err == nil
		})
		if strings.Contains(body, `action="/sign-in"`) {
			t.Errorf("%s has the admin page:\n%s", other, body)
		}
	}
}
