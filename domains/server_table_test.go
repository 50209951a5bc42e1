package domains

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The values of [server], and the defaults.
func TestServer(t *testing.T) {
	t.Setenv("STATE_DIRECTORY", "")
	for _, test := range []struct {
		text string
		want Server
	}{
		{"", Server{TLS: "off", HTTP: []string{"localhost:8080"}, Admin: "127.0.0.1:8081"}},
		{`tls = "off"`, Server{TLS: "off", HTTP: []string{"localhost:8080"}, Admin: "127.0.0.1:8081"}},
		{`http = ":80"
		  admin = ""`, Server{TLS: "off", HTTP: []string{":80"}}},
		{`tls = "files"
		  cert = "a.pem"
		  key = "keys/a.pem"`, Server{TLS: "files", HTTP: []string{":80"}, HTTPS: []string{":443"}, Admin: "127.0.0.1:8081",
			Certificates: []KeyPair{{"DIR/a.pem", "DIR/keys/a.pem"}}}},
		{`tls = "files"
		  http = []
		  https = ["[::1]:8443", "localhost:0"]
		  cert = ["/etc/a.pem", "b.pem"]
		  key = ["/etc/a.key", "b.key"]
		  sign_cert = "s.pem"
		  sign_key = "s.key"`, Server{TLS: "files", HTTP: []string{}, HTTPS: []string{"[::1]:8443", "localhost:0"}, Admin: "127.0.0.1:8081",
			Certificates: []KeyPair{{"/etc/a.pem", "/etc/a.key"}, {"DIR/b.pem", "DIR/b.key"}}, Signing: &KeyPair{"DIR/s.pem", "DIR/s.key"}}},
		{`name = "Setup.Hoster.example."
		  trusted_proxies = "10.0.0.1"
		  proxy_protocol = true
		  state_dir = "/var/lib/mailhint"
		  probe = "0"`, Server{Name: "setup.hoster.example", TLS: "off", HTTP: []string{"localhost:8080"}, Admin: "127.0.0.1:8081",
			TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/32")}, ProxyProtocol: true, StateDir: "/var/lib/mailhint"}},
		{`tls = "acme"
		  state_dir = "st"
		  probe = "6h"
		  probe_private = ["10.0.0.0/8", "::1"]`, Server{TLS: "acme", HTTP: []string{":80"}, HTTPS: []string{":443"}, Admin: "127.0.0.1:8081",
			ACME:     ACME{CAs: []string{"https://acme-v02.api.letsencrypt.org/directory"}, Orders: 100},
			StateDir: "DIR/st", Probe: 6 * time.Hour,
			ProbePrivate: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}}},
		{`tls = "acme"
		  acme_email = "hostmaster@hoster.example"
		  acme_ca = ["https://ca.hoster.example:9000/acme/acme/directory", "letsencrypt-staging"]
		  acme_root = "ca/root.pem"
		  acme_orders = 20`, Server{TLS: "acme", HTTP: []string{":80"}, HTTPS: []string{":443"}, Admin: "127.0.0.1:8081",
			ACME: ACME{
				Email: "hostmaster@hoster.example",
				CAs:   []string{"https://ca.hoster.example:9000/acme/acme/directory", "https://acme-staging-v02.api.letsencrypt.org/directory"},
				Root:  "DIR/ca/root.pem", Orders: 20,
			}}},
	} {
		dir := t.TempDir()
		if test.want.StateDir == "" {
			test.want.StateDir = filepath.Join(dir, "state")
		}
		s, err := Load(write(t, dir, "domains.toml", "[server]\n"+test.text+"\n"+conf("x")))
		if err != nil {
			t.Errorf("%s:\n%v", test.text, err)
			continue
		}
		if got, want := spellServerTable(s.Server, dir), spellServerTable(test.want, dir); got != want {
			t.Errorf("%s:\n got %s\nwant %s", test.text, got, want)
		}
	}
}

// spellServerTable prints a Server with the directory of the file as DIR.
func spellServerTable(s Server, dir string) string {
	signing := s.Signing
	s.Signing = nil
	text := fmt.Sprintf("%+v", s)
	if signing != nil {
		text += fmt.Sprintf(" signed by %+v", *signing)
	}
	return strings.ReplaceAll(filepath.ToSlash(text), filepath.ToSlash(dir), "DIR")
}

func TestTrustedProxies(t *testing.T) {
	s, err := Load(write(t, t.TempDir(), "domains.toml", "[server]\ntrusted_proxies = [\"127.0.0.1\", \"10.0.0.0/8\", \"::1\", \"2001:db8::/32\"]\n"+conf("x")))
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(s.Server.TrustedProxies); got != "[127.0.0.1/32 10.0.0.0/8 ::1/128 2001:db8::/32]" {
		t.Errorf("trusted proxies: %s", got)
	}
}
