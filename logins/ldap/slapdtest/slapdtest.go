// Package slapdtest runs OpenLDAP's slapd for tests: a directory with people, over ldap: with STARTTLS and over ldaps:, on free ports of the
// loopback interface.
package slapdtest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"mailhint/keypairs/keypairtest"
)

// What is in the directory.
const (
	Base   = "ou=people,dc=uni,dc=example"
	BindDN = "cn=mailhint,dc=uni,dc=example" // may read the people
	// Password is that of BindDN.
	Password = "s3cret pass"
)

// Server is a running slapd.
type Server struct {
	// Plain and Secure are URLs: ldap: with STARTTLS, and ldaps:. Socket is one of a socket, without TLS.
	Plain, Secure, Socket string
	// CA is a file with the certificate, and PasswordFile one with Password.
	CA, PasswordFile string
	// ClientCert and ClientKey are files with a certificate that stands for BindDN (SASL EXTERNAL).
	ClientCert, ClientKey string

	program, dir string
	mu           sync.Mutex
	cmd          *exec.Cmd
	ended        chan error
	log          lines
}

// lines is what slapd writes, while it writes.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// Start runs a server with entries in LDIF until the test ends. A test is skipped where slapd is not installed.
func Start(t testing.TB, ldif string) *Server {
	t.Helper()
	program := find(t, "slapd")
	s := &Server{program: program, dir: t.TempDir()}
	s.write(t, "password", Password+"\n")
	s.PasswordFile = filepath.Join(s.dir, "password")
	cert, key := keypairtest.Write(t, s.dir, "server", keypairtest.New(t, keypairtest.Options{}))
	s.CA = cert
	s.ClientCert, s.ClientKey = keypairtest.Write(t, s.dir, "client", keypairtest.New(t, keypairtest.Options{Names: []string{"client.uni.example"}}))
	if err := os.Mkdir(filepath.Join(s.dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.write(t, "slapd.conf", strings.NewReplacer("DIR", s.dir, "CERT", cert, "KEY", key, "BINDDN", BindDN, "PASSWORD", `"`+Password+`"`).Replace(config))
	s.write(t, "people.ldif", top+ldif)
	add := exec.Command(program, "-T", "add", "-q", "-f", filepath.Join(s.dir, "slapd.conf"), "-l", filepath.Join(s.dir, "people.ldif"))
	if out, err := add.CombinedOutput(); err != nil {
		t.Fatalf("slapadd: %v\n%s", err, out)
	}
	var errs []error
	for range 3 { // another program may take the ports first
		plain, secure := freePort(t), freePort(t)
		s.Plain, s.Secure = "ldap://"+plain, "ldaps://"+secure
		s.Socket = "ldapi://" + filepath.Join(s.dir, "socket")
		err := s.run()
		if err == nil {
			t.Cleanup(func() {
				s.Kill()
				if t.Failed() {
					s.log.mu.Lock()
					t.Logf("output of slapd:\n%s", s.log.text.String())
					s.log.mu.Unlock()
				}
			})
			return s
		}
		errs = append(errs, err)
	}
	t.Fatal(errors.Join(errs...))
	return nil
}

func find(t testing.TB, program string) string {
	t.Helper()
	for _, name := range []string{program, "/usr/sbin/" + program} { // which is not on every PATH
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("slapd is not installed; it is in Debian's package slapd")
	return ""
}

func (s *Server) write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

const config = `include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
pidfile DIR/pid
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCertificateFile CERT
TLSCertificateKeyFile KEY
TLSCACertificateFile DIR/client.pem
TLSVerifyClient try
authz-regexp "cn=client.uni.example" "BINDDN"
sizelimit 500
database mdb
suffix "dc=uni,dc=example"
rootdn "BINDDN"
rootpw PASSWORD
directory DIR/data
index objectClass,mail,uid eq
access to * by * none
`

// top is above the people.
const top = `dn: dc=uni,dc=example
objectClass: domain
dc: uni

dn: ` + Base + `
objectClass: organizationalUnit
ou: people

`

// Person is the entry of a person, with one attribute for each pair of name and value.
func Person(uid string, attributes ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "dn: uid=%s,%s\nobjectClass: inetOrgPerson\ncn: %[1]s\nsn: %[1]s\nuid: %[1]s\n", uid, Base)
	for i := 0; i+1 < len(attributes); i += 2 {
		fmt.Fprintf(&b, "%s: %s\n", attributes[i], attributes[i+1])
	}
	return b.String() + "\n"
}

// Referral is an entry that refers to another server.
func Referral(name, url string) string {
	return fmt.Sprintf("dn: ou=%s,%s\nobjectClass: referral\nobjectClass: extensibleObject\nou: %s\nref: %s\n\n", name, Base, name, url)
}

func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// run starts slapd and waits until it answers.
func (s *Server) run() error {
	socket := strings.TrimPrefix(s.Socket, "ldapi://")
	cmd := exec.Command(s.program, "-d", "0", "-f", filepath.Join(s.dir, "slapd.conf"),
		"-h", s.Plain+"/ "+s.Secure+"/ ldapi://"+strings.ReplaceAll(socket, "/", "%2F"))
	cmd.Stdout, cmd.Stderr = &s.log, &s.log
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	s.mu.Lock()
	s.cmd, s.ended = cmd, ended
	s.mu.Unlock()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial("tcp", strings.TrimPrefix(s.Secure, "ldaps://"))
		if err == nil {
			return c.Close()
		}
		select {
		case err := <-ended:
			ended <- err
			return fmt.Errorf("slapd has ended: %v", err)
		default:
		}
		if time.Now().After(deadline) {
			s.Kill()
			return fmt.Errorf("slapd does not answer: %w", err)
		}
	}
}

// Kill ends the server, as a crash would.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return
	}
	s.cmd.Process.Kill() // an error means that it has ended
	<-s.ended
	s.cmd = nil
}

// Restart starts a server again that was killed, at the same ports.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	if err := s.run(); err != nil {
		t.Fatal(err)
	}
}
