// Package knottest runs Knot DNS for tests: an authoritative name server with zones, and keys for dynamic updates. It needs no privileges.
package knottest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// Zone is a zone that the server is authoritative for.
type Zone struct {
	Name    string
	Records string // besides SOA and NS, as lines of a zone file with absolute names
	Keys    []Key  // that may update it
}

// Key is a TSIG key.
type Key struct {
	Name, Algorithm string // the algorithm is hmac-sha256 if it is empty
	Secret          string // base64
}

// File returns the key in the format of BIND.
func (k Key) File() string {
	return fmt.Sprintf("key %q {\n\talgorithm %s;\n\tsecret %q;\n};\n", k.Name, k.algorithm(), k.Secret)
}

func (k Key) algorithm() string {
	if k.Algorithm == "" {
		return "hmac-sha256"
	}
	return k.Algorithm
}

// Write writes the key into a file that only its owner may read, and returns its name.
func (k Key) Write(t testing.TB) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), k.Name+".key")
	if err := os.WriteFile(file, []byte(k.File()), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// NewKey returns a key with a random secret.
func NewKey(name string) Key {
	secret := make([]byte, 32)
	rand.Read(secret) // never fails
	return Key{Name: name, Secret: base64.StdEncoding.EncodeToString(secret)}
}

// Server is a running Knot.
type Server struct {
	Address string // host and port

	log  *bytes.Buffer
	stop func()
}

// ErrNotInstalled means that there is no knotd; it is in Debian's package knot.
var ErrNotInstalled = errors.New("knotd is not installed; it is in Debian's package knot")

// Start runs a server until the test ends. A test is skipped where Knot is not installed.
func Start(t testing.TB, zones ...Zone) *Server {
	t.Helper()
	s, err := Run(zones...)
	if errors.Is(err, ErrNotInstalled) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Stop()
		if t.Failed() {
			t.Logf("output of knotd:\n%s", s.log)
		}
	})
	return s
}

// Run runs a server until Stop.
func Run(zones ...Zone) (*Server, error) {
	program, err := exec.LookPath("knotd")
	if err != nil {
		program, err = exec.LookPath("/usr/sbin/knotd") // which is not on every PATH
	}
	if err != nil {
		return nil, ErrNotInstalled
	}
	var errs []error
	for range 3 { // another program may take the port first
		s, err := run(program, zones)
		if err == nil {
			return s, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

func run(program string, zones []Zone) (*Server, error) {
	dir, err := os.MkdirTemp("", "knot") // a short name: it contains a Unix socket
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := l.Addr().String()
	l.Close() // Knot cannot choose a port itself
	file := filepath.Join(dir, "knot.conf")
	if err := write(dir, file, address, zones); err != nil {
		return nil, err
	}
	ctx, kill := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, "-c", file)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	s := &Server{Address: address, log: new(bytes.Buffer)}
	cmd.Stdout, cmd.Stderr = s.log, s.log
	if err := cmd.Start(); err != nil {
		kill()
		return nil, err
	}
	s.stop = sync.OnceFunc(func() {
		kill()
		cmd.Wait() // fails, because it was interrupted
		os.RemoveAll(dir)
	})
	for _, z := range zones {
		if err := s.await(z.Name); err != nil {
			s.Stop()
			return nil, fmt.Errorf("%w\n%s", err, s.log)
		}
	}
	return s, nil
}

// Stop ends the server.
func (s *Server) Stop() { s.stop() }

// write writes the configuration, and the zones. Everybody may query; the keys of a zone may update it, and this machine may transfer it.
func write(dir, file, address string, zones []Zone) error {
	var keys, acls, list strings.Builder
	var known []string
	for _, z := range zones {
		ids := "transfer"
		for _, k := range z.Keys {
			id := "update-" + strings.ToLower(k.Name)
			ids += ", " + id
			if slices.Contains(known, id) {
				continue
			}
			known = append(known, id)
			fmt.Fprintf(&keys, "  - id: %s\n    algorithm: %s\n    secret: %s\n", k.Name, k.algorithm(), k.Secret)
			fmt.Fprintf(&acls, "  - id: %s\n    key: %s\n    action: update\n", id, k.Name)
		}
		fmt.Fprintf(&list, "  - domain: %s\n    file: %[1]s\n    acl: [%s]\n", z.Name, ids)
		text := fmt.Sprintf("$TTL 60\n%[1]s. SOA ns.%[1]s. hostmaster.%[1]s. 1 3600 600 86400 60\n%[1]s. NS ns.%[1]s.\nns.%[1]s. A 127.0.0.1\n%[2]s", z.Name, z.Records)
		if err := os.WriteFile(filepath.Join(dir, z.Name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	config := fmt.Sprintf(`server:
  rundir: %[1]q
  listen: %[2]q
  udp-workers: 1
  tcp-workers: 2
  background-workers: 1
database:
  storage: %[1]q
key:
%[3]sacl:
  - id: transfer
    address: 127.0.0.1
    action: transfer
%[4]stemplate:
  - id: default
    storage: %[1]q
    semantic-checks: on
    zonefile-sync: -1
zone:
%[5]s`, dir, strings.Replace(address, ":", "@", 1), &keys, &acls, &list)
	return os.WriteFile(file, []byte(config), 0o600)
}

// await waits until a zone is served.
func (s *Server) await(zone string) error {
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		answer, err := s.Ask(zone, dns.TypeSOA)
		switch {
		case err == nil && answer.Rcode == dns.RcodeSuccess && len(answer.Answer) == 1:
			return nil
		case time.Now().After(deadline):
			return fmt.Errorf("knotd does not serve %s: %v", zone, err)
		}
	}
}

// Ask asks the server a question by TCP.
func (s *Server) Ask(name string, t uint16) (*dns.Msg, error) {
	query := new(dns.Msg)
	query.SetQuestion(dns.Fqdn(name), t)
	client := dns.Client{Net: "tcp", Timeout: 30 * time.Second}
	answer, _, err := client.Exchange(query, s.Address)
	return answer, err
}

// Records returns all records of a zone, except SOA and NS and the addresses of the name server.
func (s *Server) Records(zone string) ([]dns.RR, error) {
	query := new(dns.Msg)
	query.SetAxfr(dns.Fqdn(zone))
	envelopes, err := new(dns.Transfer).In(query, s.Address)
	if err != nil {
		return nil, err
	}
	var records []dns.RR
	for e := range envelopes {
		if e.Error != nil {
			err = errors.Join(err, e.Error)
		}
		records = append(records, e.RR...)
	}
	return slices.DeleteFunc(records, func(r dns.RR) bool {
		kind := r.Header().Rrtype
		return kind == dns.TypeSOA || kind == dns.TypeNS || r.Header().Name == "ns."+dns.Fqdn(zone)
	}), err
}

// Transfer returns the Records of a zone as sorted lines of a zone file.
func (s *Server) Transfer(zone string) ([]string, error) {
	records, err := s.Records(zone)
	var lines []string
	for _, r := range records {
		lines = append(lines, strings.Join(strings.Fields(r.String()), " "))
	}
	slices.Sort(lines)
	return lines, err
}

// Update adds records to a zone, as somebody else would: lines of a zone file with absolute names.
func (s *Server) Update(t testing.TB, zone string, key Key, records ...string) {
	t.Helper()
	m := new(dns.Msg)
	m.SetUpdate(dns.Fqdn(zone))
	for _, text := range records {
		r, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		m.Insert([]dns.RR{r})
	}
	m.SetTsig(dns.CanonicalName(key.Name), key.algorithm()+".", 300, time.Now().Unix())
	client := dns.Client{Net: "tcp", Timeout: 30 * time.Second, TsigSecret: map[string]string{dns.CanonicalName(key.Name): key.Secret}}
	answer, _, err := client.Exchange(m, s.Address)
	if err != nil || answer.Rcode != dns.RcodeSuccess {
		t.Fatalf("updating %s: %v, %v", zone, answer, err)
	}
}
