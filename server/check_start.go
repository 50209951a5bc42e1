package server

import (
	"log/slog"

	"mailhint/certs"
	"mailhint/domains"
	"mailhint/keypairs"
)

// CheckStart reads the certificates that a configuration names. It returns problems because of which New or the certificates of
// tls = "acme" would fail on this machine, and warnings about published names that no certificate covers. It opens no listener.
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
	srv, err := New(s.Server, nil, log)
	if err != nil { // one of the problems
		return problems, nil
	}
	if warning := srv.UncoveredWarning(s); warning != "" {
		warnings = append(warnings, domains.Problem{Position: s.ServerAt("cert", 0), Key: "server.cert", Text: warning})
	}
	return problems, warnings
}
