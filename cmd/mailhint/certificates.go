package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"mailhint/certs"
	"mailhint/domains"
	"mailhint/resolver"
)

// hostResolver finds the addresses of a name.
type hostResolver interface {
	Host(ctx context.Context, name string) (addresses []netip.Addr, canonical string, err error)
}

// acmeDir is where certificates are, below state_dir.
const acmeDir = "acme"

// openCertificates prepares what tls = "acme" needs. now returns the domains that say which names may have a certificate.
func openCertificates(s domains.Server, now func() *domains.Snapshot, hosts hostResolver, log *slog.Logger) (*certs.Certificates, error) {
	roots, err := readRoots(s.ACME.Root)
	if err != nil {
		return nil, err
	}
	here := &whereabouts{own: s.Name, hosts: hosts, addresses: net.InterfaceAddrs}
	return certs.New(certs.Config{
		Allowed:    func(name string) bool { s := now(); return s != nil && s.Covers(name) },
		Listed:     func(name string) bool { s := now(); return s != nil && s.Lists(name) },
		PointsHere: here.check, CAs: s.ACME.CAs, Email: s.ACME.Email, Roots: roots,
		Dir: filepath.Join(s.StateDir, acmeDir), PerHour: s.ACME.Orders, Log: log,
	})
}

func readRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("acme_root: %w; correct it in [server]", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("acme_root: there is no certificate in %s; give a PEM file", file)
	}
	return roots, nil
}

// whereabouts tells whether names lead to this server: to an address of this machine, or to one of the server's own name, which is
// what counts behind a load balancer or network address translation.
type whereabouts struct {
	own       string // the server's name; may be empty
	hosts     hostResolver
	addresses func() ([]net.Addr, error)
}

// check returns why the CA would not find us under a name.
func (w *whereabouts) check(ctx context.Context, name string) error {
	found, _, err := w.hosts.Host(ctx, name)
	if errors.Is(err, resolver.ErrNone) {
		return errors.New("the name has no address in DNS; publish what mailhint dns prints")
	}
	if err != nil {
		return fmt.Errorf("the name's address cannot be looked up: %w", err)
	}
	ours, public, err := w.ours()
	if err != nil || slices.ContainsFunc(found, func(a netip.Addr) bool { return slices.Contains(ours, a) }) {
		return nil // the CA looks for itself
	}
	if w.own != "" && name != w.own {
		byName, _, err := w.hosts.Host(ctx, w.own)
		if err != nil || slices.ContainsFunc(found, func(a netip.Addr) bool { return slices.Contains(byName, a) }) {
			return nil
		}
	} else if !public || w.own != "" {
		return nil // behind address translation nobody here knows how it looks from outside
	}
	return fmt.Errorf("the name leads to %s, which is not this server; publish what mailhint dns prints, or write this server's name in [server]",
		found[0])
}

// ours returns this machine's addresses, and whether one of them is seen from outside.
func (w *whereabouts) ours() (ours []netip.Addr, public bool, err error) {
	all, err := w.addresses()
	for _, a := range all {
		prefix, err := netip.ParsePrefix(a.String())
		if err != nil {
			continue
		}
		address := prefix.Addr().Unmap().WithZone("")
		ours = append(ours, address)
		public = public || address.IsGlobalUnicast() && !address.IsPrivate()
	}
	return ours, public, err
}

// certificateLines are what /-/readyz shows of certificates.
func certificateLines(c *certs.Certificates) []string {
	s := c.Status()
	var states []string
	for _, state := range certs.States {
		if n := s.Names[state]; n > 0 {
			states = append(states, fmt.Sprintf("%d %s", n, state))
		}
	}
	if len(states) == 0 {
		states = []string{"none"}
	}
	lines := []string{fmt.Sprintf("certificates: %s; %d names wait", strings.Join(states, ", "), s.Waiting)}
	if s.Unkept != "" {
		lines = append(lines, "certificates cannot be kept in state_dir, so none are ordered: "+s.Unkept)
	}
	if s.Crowded {
		lines = append(lines, "no more names below wildcards get certificates; list those that matter in domains.toml")
	}
	for _, a := range s.Accounts {
		if a.Fault != "" {
			lines = append(lines, fmt.Sprintf("CA %s gives no certificates, tried again at %s: %s", a.CA, a.Until.UTC().Format(time.RFC3339), a.Fault))
		}
		if a.NextFree > 0 {
			lines = append(lines, fmt.Sprintf("CA %s: all %d orders of this hour are made, the next in %s", a.CA, a.PerHour, a.NextFree.Round(time.Second)))
		}
	}
	return lines
}

// certificateMetrics shows the same to Prometheus. No label names a domain.
type certificateMetrics struct{ *certs.Certificates }

var (
	certificatesDesc = prometheus.NewDesc("mailhint_certificates", "Names by the state of their certificate: valid, due, missing or expired.",
		[]string{"state"}, nil)
	certificateExpiryDesc = prometheus.NewDesc("mailhint_certificate_expiry_timestamp_seconds", "When the first of the certificates in use ends.", nil, nil)
	certificateQueueDesc  = prometheus.NewDesc("mailhint_certificates_waiting", "Names that wait for an order, or are being ordered.", nil, nil)
	acmeOrdersDesc        = prometheus.NewDesc("mailhint_acme_orders_total",
		"Orders by what became of them: ok, refused, declined, limited, or away when the CA could not be reached.", []string{"result"}, nil)
	acmeBudgetDesc = prometheus.NewDesc("mailhint_acme_orders_left", "Orders that may still be made this hour.", []string{"ca"}, nil)
	acmeUpDesc     = prometheus.NewDesc("mailhint_acme_up", "0 while the CA cannot be reached or wants no orders.", []string{"ca"}, nil)
)

func (m certificateMetrics) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{certificatesDesc, certificateExpiryDesc, certificateQueueDesc, acmeOrdersDesc, acmeBudgetDesc, acmeUpDesc} {
		descs <- d
	}
}

func (m certificateMetrics) Collect(metrics chan<- prometheus.Metric) {
	s := m.Status()
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	for _, state := range certs.States {
		gauge(certificatesDesc, float64(s.Names[state]), string(state))
	}
	if !s.FirstEnd.IsZero() {
		gauge(certificateExpiryDesc, float64(s.FirstEnd.Unix()))
	}
	gauge(certificateQueueDesc, float64(s.Waiting))
	for result, n := range s.Orders {
		metrics <- prometheus.MustNewConstMetric(acmeOrdersDesc, prometheus.CounterValue, float64(n), result)
	}
	for _, a := range s.Accounts {
		up := 1.0
		if a.Fault != "" {
			up = 0
		}
		gauge(acmeBudgetDesc, float64(a.PerHour-a.Orders), a.CA)
		gauge(acmeUpDesc, up, a.CA)
	}
}
