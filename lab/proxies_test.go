//go:build linux

package lab

import (
	"crypto/x509"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"mailhint/keypairs/keypairtest"
)

// front is a web server in front of mailhint.
type front struct {
	kind    string
	program string // and Debian's package, if it is called otherwise
	install string
	server  string // the lines of [server] that the snippet asks for, besides the usual ones
	// command writes the configuration around the snippet into a folder, and returns the command line.
	command func(t *testing.T, f *setup) []string
	// roots returns the CA of the certificates; nil for that of the folder.
	roots func(t *testing.T, f *setup) *x509.CertPool
	// strict is true if it refuses TLS for names that are not ours.
	strict bool
}

const behindTLS = "tls = \"off\"\nhttp = [\"127.0.0.1:8080\"]\ntrusted_proxies = [\"127.0.0.1\", \"::1\"]\n"

var fronts = []front{
	{kind: "nginx", program: "nginx", install: "nginx", server: behindTLS, command: nginx},
	{kind: "nginx-sni", program: "nginx", install: "nginx libnginx-mod-stream", command: nginxSNI,
		server: "tls = \"files\"\ncert = \"cert.pem\"\nkey = \"key.pem\"\nhttp = [\"127.0.0.1:8080\"]\nhttps = [\"127.0.0.1:8443\"]\n" +
			"trusted_proxies = [\"127.0.0.1\", \"::1\"]\nproxy_protocol = true\n"},
	{kind: "caddy", program: "caddy", install: "caddy", server: behindTLS, command: caddy, roots: caddyRoots, strict: true},
	{kind: "haproxy", program: "haproxy", install: "haproxy", server: behindTLS, command: haproxy},
	{kind: "haproxy", program: "haproxy", install: "haproxy", server: behindTLS + "proxy_protocol = true\n", command: haproxy},
	{kind: "apache", program: "apache2", install: "apache2", server: behindTLS, command: apache},
}

// setup is the folder of a test.
type setup struct {
	dir     string
	snippet string
}

func (s *setup) path(name string) string { return filepath.Join(s.dir, name) }

// block returns the lines in the comment below a line, without the comment marks.
func (s *setup) block(t *testing.T, below string) string {
	t.Helper()
	_, rest, found := strings.Cut(s.snippet, below)
	if !found {
		t.Fatalf("the snippet does not contain %q:\n%s", below, s.snippet)
	}
	var block strings.Builder
	for line := range strings.Lines(rest) {
		if text, ok := strings.CutPrefix(line, "#   "); ok {
			block.WriteString(text)
		} else if block.Len() > 0 {
			break
		}
	}
	return block.String()
}

// Every web server that Debian has works in front of mailhint, with exactly the snippet that mailhint prints.
func TestProxies(t *testing.T) {
	if !alone(t) {
		return
	}
	const listed = "[domains.\"example.com\"]\nimap = \"imap.example.com\"\nsmtp = \"smtp.example.com\"\n" +
		"caldav = \"https://dav.hoster.example/calendars/\"\njmap = \"https://jmap.hoster.example/session\"\n" +
		"[[domains.\"example.com\".rules]]\nfrom = [\"198.51.100.0/24\"]\nimap = \"inside.example.com\"\n"
	const unlisted = listed + "[domains.\"*.students.example\"]\nimap = \"imap.example.com\"\nsmtp = \"smtp.example.com\"\n"
	for _, f := range fronts {
		name := f.kind
		if strings.Contains(f.server, "proxy_protocol") && f.kind == "haproxy" {
			name += " with the PROXY protocol"
		}
		t.Run(name, func(t *testing.T) {
			if _, err := exec.LookPath(f.program); err != nil {
				t.Skipf("%s is not installed: apt-get install %s", f.program, f.install)
			}
			t.Run("names listed", func(t *testing.T) { f.try(t, listed, false) })
			t.Run("names not listed", func(t *testing.T) { f.try(t, unlisted, true) })
		})
	}
}

func (f front) try(t *testing.T, domains string, all bool) {
	s := &setup{dir: t.TempDir()}
	os.Chmod(s.dir, 0o755) // a server may change its user
	roots := newCertificate(t, s)
	config := s.path("domains.toml")
	write(t, config, "[server]\n"+f.server+domains)
	args := []string{"proxy", f.kind, "--config", config}
	if f.kind == "haproxy" {
		args = append(args, "--cert", s.path("both.pem"))
	} else {
		args = append(args, "--cert", s.path("cert.pem"), "--key", s.path("key.pem"))
	}
	snippet, err := exec.Command(os.Getenv(insideProgram), args...).Output()
	if err != nil {
		t.Fatalf("mailhint proxy: %v", err)
	}
	s.snippet = string(snippet)
	mailhint := s.start(t, "mailhint", []string{os.Getenv(insideProgram), "serve", "--config", config}, "127.0.0.1:8080")
	server := s.start(t, f.kind, f.command(t, s), "127.0.0.1:443")
	if f.roots != nil {
		roots = f.roots(t, s)
	}
	c := &client{t: t, roots: roots}
	c.expectAnswers()
	c.expectForgedHeadersIgnored()
	if all {
		if r := c.ask(request{url: "http://autoconfig.stranger.example" + path}); r.StatusCode != http.StatusNotFound {
			t.Errorf("a domain that is not ours: %s, want 404", r.Status)
		}
		if r := c.ask(request{url: "http://autoconfig.a.students.example" + path}); r.StatusCode != http.StatusOK {
			t.Errorf("a name below a wildcard: %s, want 200", r.Status)
		}
	}
	if f.strict {
		if _, err := c.do(request{url: "https://autoconfig.stranger.example" + path}); err == nil || !strings.Contains(err.Error(), "tls: ") {
			t.Errorf("TLS for a domain that is not ours: %v, want an alert", err)
		}
	}
	mailhint.stop(t)
	c.expectErrors()
	server.stop(t)
	log, err := os.ReadFile(server.log)
	if err != nil {
		t.Fatal(err)
	}
	if log := string(log); strings.Contains(log, "ann@") || strings.Contains(log, "ann%40") || strings.Contains(log, witness) {
		t.Errorf("the log contains e-mail addresses:\n%s", log)
	}
}

// newCertificate writes a certificate for the names of the test, and returns roots that trust it.
func newCertificate(t *testing.T, s *setup) *x509.CertPool {
	t.Helper()
	pair := keypairtest.New(t, keypairtest.Options{Names: []string{"example.com", "*.example.com", "*.a.students.example"}})
	cert, key := keypairtest.PEM(t, pair)
	write(t, s.path("cert.pem"), string(cert))
	write(t, s.path("key.pem"), string(key))
	write(t, s.path("both.pem"), string(cert)+string(key))
	roots := x509.NewCertPool()
	roots.AddCert(pair.Leaf)
	return roots
}

// start runs a program in the folder until the test ends, and waits until it listens.
func (s *setup) start(t *testing.T, name string, command []string, listens string) *process {
	t.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir = s.dir
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "NOTIFY_SOCKET=") }), "HOME="+s.dir, "XDG_DATA_HOME="+s.dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	p := startCommand(t, name, s.dir, cmd)
	t.Cleanup(func() {
		p.stop(t)
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what it has started, if that has not ended with it
		if t.Failed() {
			t.Logf("%s said:\n%s", name, tail(p.log))
		}
	})
	p.await(t, accepts(listens))
	return p
}

// fill writes the folder and other things into a configuration.
func (s *setup) fill(text string, words ...string) string {
	return strings.NewReplacer(append(words, "DIR", s.dir)...).Replace(text)
}
