package main

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/spf13/cobra"

	"mailhint/certs"
	"mailhint/dnsupdate"
	"mailhint/domains"
	"mailhint/postgres"
)

// certificateFolder is where tls = "acme" keeps certificates.
func certificateFolder(s domains.Server) string { return filepath.Join(s.StateDir, "acme") }

// warnOfRoots warns if a command is going to find every certificate invalid.
func warnOfRoots(cmd *cobra.Command) {
	if warning := certs.NoSystemRoots(); warning != "" {
		fmt.Fprintln(cmd.ErrOrStderr(), warning)
	}
}

// certificateFilesBeside are the certificates from files that are served beside those of tls = "acme": a *server.Server, or a *keypairs.Pairs.
type certificateFilesBeside struct {
	covers func(name string) bool
	expiry func() time.Time
}

// openCertificates opens the certificates of tls = "acme". now returns the current domains, which decide which names may have a certificate;
// none is ordered for names that files cover. With a database, all servers that use it share them.
func openCertificates(s domains.Server, now func() *domains.Snapshot, files certificateFilesBeside, hosts certs.HostResolver, database *postgres.Store, log *slog.Logger) (*certs.Certificates, error) {
	roots, err := certs.ReadRoots(s.ACME.Root)
	if err != nil {
		return nil, fmt.Errorf("server.acme_root: %w", err)
	}
	if warning := certs.NoSystemRoots(); warning != "" && roots == nil {
		log.Warn(warning)
	}
	zones := func() domains.DNS {
		if s := now(); s != nil {
			return s.DNS
		}
		return domains.DNS{}
	}
	var shared certmagic.Storage // nil for none, which a nil *postgres.Certificates would not be
	if database != nil {
		shared = database.Certificates()
	}
	return certs.New(certs.Config{
		Storage:        shared,
		Allowed:        func(name string) bool { s := now(); return s != nil && s.Covers(name) && !files.covers(name) },
		Listed:         func(name string) bool { s := now(); return s != nil && s.Lists(name) },
		CertificateFor: func(name string) string { return now().CertificateFor(name) }, // of an allowed name, so that there are domains
		DNS:            &dnsupdate.Challenges{Zones: zones, Hosts: hosts},
		FirstExpiry:    files.expiry,
		PointsHere:     certs.Reachability{Name: s.Name, Hosts: hosts}.Check, CAs: s.ACME.CAs, Email: s.ACME.Email, Roots: roots,
		Dir: certificateFolder(s), PerHour: s.ACME.Orders, Log: log,
	})
}
