package server

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"

	"mailhint/certs"
	"mailhint/dnsupdate"
	"mailhint/domains"
	"mailhint/keypairs"
	"mailhint/listen"
	"mailhint/secretfile"
)

// CheckStart reads the certificates that a configuration names. It returns problems because of which New or the certificates of
// tls = "acme" would fail on this machine, or addresses could not be listened on because they belong to another one; and warnings about
// published names that no certificate covers. Privileged ports and ports in use are left out: they depend on who runs serve, and when.
func CheckStart(s *domains.Snapshot) (problems, warnings domains.Problems) {
	log := slog.New(slog.DiscardHandler)
	fail := func(key string, i int, err error) {
		if err != nil {
			problems = append(problems, domains.Problem{Position: s.ServerAt(key, i), Key: "server." + key, Text: err.Error() + " (serve would not start on this machine)"})
		}
	}
	for i, pair := range s.Server.Certificates {
		_, err := keypairs.Open([]keypairs.Files{keypairs.Files(pair)}, log)
		fail("cert", i, err)
	}
	if pair := s.Server.Signing; pair != nil {
		_, err := keypairs.Open([]keypairs.Files{keypairs.Files(*pair)}, log)
		fail("sign_cert", 0, err)
	}
	_, err := certs.ReadRoots(s.Server.ACME.Root)
	fail("acme_root", 0, err)
	if s.Server.TLS == "acme" {
		fail("state_dir", 0, checkDirectory(s.Server.StateDir))
	}
	for key, addresses := range map[string][]string{"http": s.Server.HTTP, "https": s.Server.HTTPS, "admin": {s.Server.Admin}} {
		for i, address := range addresses {
			fail(key, i, checkAddress(address))
		}
	}
	slices.SortStableFunc(problems, func(a, b domains.Problem) int { return cmp.Compare(a.Line, b.Line) })
	srv, err := New(s.Server, nil, log)
	if err != nil { // one of the problems
		return problems, nil
	}
	for _, z := range s.DNS.Zones {
		if _, err := dnsupdate.ReadKey(z.KeyFile); err != nil && !errors.Is(err, fs.ErrPermission) { // serve may run as another user
			warnings = append(warnings, domains.Problem{Position: z.At, Key: "dns.zones", Text: fmt.Sprintf("nothing can be published in %s: %v", z.Name, err)})
		}
	}
	if s.OIDC.SecretFile != "" {
		if _, err := secretfile.ReadRegular(s.OIDC.SecretFile); err != nil && !errors.Is(err, fs.ErrPermission) { // serve may run as another user
			warnings = append(warnings, domains.Problem{Position: s.OIDC.At, Key: "oidc.client_secret_file", Text: "nobody can sign in through the identity provider: " + err.Error()})
		}
	}
	if warning := srv.UncoveredWarning(s); warning != "" {
		warnings = append(warnings, domains.Problem{Position: s.ServerAt("cert", 0), Key: "server.cert", Text: warning})
	}
	return problems, warnings
}

// checkAddress returns an error for an address to listen on whose IP address this machine does not have.
func checkAddress(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil { // empty, or refused when it was read
		return nil
	}
	if _, err := netip.ParseAddr(host); err != nil { // a name, which would have to be looked up, or every address
		return nil
	}
	absent := false
	for _, spelling := range listen.Spellings(net.JoinHostPort(host, "0")) {
		listener, err := net.Listen("tcp", spelling)
		if err == nil {
			return listener.Close()
		}
		absent = listen.IsAbsent(err)
	}
	if absent {
		return fmt.Errorf("%s is not an address of this machine; write one that is, or only the port to listen on all of them", host)
	}
	return nil
}

// checkDirectory returns an error if a directory does not exist and cannot be made, or nothing can be written to it. Missing permissions
// are left out: serve may run as another user.
func checkDirectory(dir string) error {
	for at := dir; ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		switch {
		case err == nil && !info.IsDir():
			return fmt.Errorf("%s cannot be made, because %s is not a directory; write another one, such as \"/var/lib/mailhint\"", dir, at)
		case err != nil && at != filepath.Dir(at):
			continue
		}
		made, err := os.MkdirTemp(at, ".mailhint-check-")
		switch {
		case errors.Is(err, fs.ErrPermission):
			return nil
		case err != nil:
			return fmt.Errorf("nothing can be written to %s: %w; write another one, such as \"/var/lib/mailhint\"", dir, err)
		}
		return os.Remove(made)
	}
}
