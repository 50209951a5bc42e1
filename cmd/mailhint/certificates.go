package main

import (
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/spf13/cobra"

	"mailhint/certs"
	"mailhint/domains"
)

// certificateFolder is where tls = "acme" keeps certificates.
func certificateFolder(s domains.Server) string { return filepath.Join(s.StateDir, "acme") }

// warnOfRoots warns if a command is going to find every certificate invalid.
func warnOfRoots(cmd *cobra.Command) {
	if warning := certs.NoSystemRoots(); warning != "" {
		fmt.Fprintln(cmd.ErrOrStderr(), warning)
	}
}

// openCertificates opens the certificates of tls = "acme". now returns the current domains, which decide which names may have a certificate.
func openCertificates(s domains.Server, now func() *domains.Snapshot, hosts certs.HostResolver, log *slog.Logger) (*certs.Certificates, error) {
	roots, err := certs.ReadRoots(s.ACME.Root)
	if err != nil {
		return nil, fmt.Errorf("server.acme_root: %w", err)
	}
	if warning := certs.NoSystemRoots(); warning != "" && roots == nil {
		log.Warn(warning)
	}
	return certs.New(certs.Config{
		Allowed:    func(name string) bool { s := now(); return s != nil && s.Covers(name) },
		Listed:     func(name string) bool { s := now(); return s != nil && s.Lists(name) },
		PointsHere: certs.Reachability{Name: s.Name, Hosts: hosts}.Check, CAs: s.ACME.CAs, Email: s.ACME.Email, Roots: roots,
		Dir: certificateFolder(s), PerHour: s.ACME.Orders, Log: log,
	})
}
