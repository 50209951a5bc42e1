//go:build linux

package lab

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/smallstep/pkcs7"

	"mailhint/keypairs/keypairtest"
)

// Every key of [server] and every flag of serve is set to an unusual value, or left out, and the running program is looked at from outside.
// name and the keys that begin with acme_ and probe are in package main's tests, which bring a CA and mail servers.
func TestWiring(t *testing.T) {
	if !alone(t) {
		return
	}
	t.Run("defaults without [server]", wiringDefaults)
	t.Run("defaults with TLS", wiringDefaultsTLS)
	t.Run("unusual values", wiringUnusual)
	t.Run("proxy_protocol", wiringProxyProtocol)
	t.Run("state_dir", wiringStateDir)
	t.Run("warning of plain http", wiringPlainHTTP)
}

const (
	throughProxy = "192.0.2.7" // a client behind a proxy
	// wiringDomains give clients in 192.0.2.0/24 another server.
	wiringDomains = exampleDomain + "[[domains.\"example.com\".rules]]\nfrom = [\"192.0.2.0/24\"]\nimap = \"inside.example.com\"\n"
)

// serve starts mailhint in the folder of the test, with its configuration in domains.toml there.
func (s *setup) serve(t *testing.T, config, listens string, args ...string) *process {
	t.Helper()
	write(t, s.path("domains.toml"), config)
	return s.start(t, "mailhint", append([]string{os.Getenv(insideProgram), "serve"}, args...), listens)
}

// pair writes a certificate for names and its key, and returns the certificate.
func (s *setup) pair(t *testing.T, name string, names ...string) *x509.Certificate {
	t.Helper()
	pair := keypairtest.New(t, keypairtest.Options{Names: names})
	cert, key := keypairtest.PEM(t, pair)
	write(t, s.path(name+".pem"), string(cert))
	write(t, s.path(name+".key"), string(key))
	return pair.Leaf
}

// answer asks for the settings of example.com over plain http, from an address and with a header.
func answer(t *testing.T, address, from, header string) (int, string) {
	t.Helper()
	conn, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: testTimeout}).Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return answerOn(t, conn, header)
}

func answerOn(t *testing.T, conn net.Conn, header string) (int, string) {
	t.Helper()
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(testTimeout))
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: autoconfig.example.com\r\nConnection: close\r\n%s\r\n", path, header)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(response.Body); err != nil {
		return response.StatusCode, err.Error() // a refused connection may be reset before its answer has been read
	}
	return response.StatusCode, body.String()
}

func expectAnswer(t *testing.T, what, address, from, header, content string) {
	t.Helper()
	if status, body := answer(t, address, from, header); status != http.StatusOK || !strings.Contains(body, content) {
		t.Errorf("%s: got %d %s, want %s", what, status, body, content)
	}
}

func expectClosed(t *testing.T, addresses ...string) {
	t.Helper()
	for _, address := range addresses {
		if accepts(address)() == nil {
			t.Errorf("%s accepts connections", address)
		}
	}
}

// served returns the certificate for a name.
func served(t *testing.T, address, name string) *x509.Certificate {
	t.Helper()
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: testTimeout}, "tcp", address, &tls.Config{ServerName: name, InsecureSkipVerify: true})
	if err != nil {
		t.Fatalf("%s at %s: %v", name, address, err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0]
}

// profileSigner returns the certificate that has signed the profile that Apple's programs get.
func profileSigner(t *testing.T, address string) *x509.Certificate {
	t.Helper()
	client := http.Client{Timeout: testTimeout, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	r, err := http.NewRequest(http.MethodGet, "https://"+address+"/email.mobileconfig?email=ann@example.com", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "autoconfig.example.com"
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(response.Body); err != nil {
		t.Fatal(err)
	}
	message, err := pkcs7.Parse(body.Bytes())
	if err != nil {
		t.Fatalf("the profile is not signed: %v\n%.300q", err, &body)
	}
	if err := message.Verify(); err != nil || !bytes.Contains(message.Content, []byte("ann@example.com")) {
		t.Errorf("the signature: %v, of %s", err, message.Content)
	}
	return message.GetOnlySigner()
}

// stopAndTime sends SIGTERM and returns how long the process still ran.
func (p *process) stopAndTime(t *testing.T) time.Duration {
	t.Helper()
	begin := time.Now()
	p.stop(t)
	if p.err != nil {
		t.Errorf("it ended with %v", p.err)
	}
	return time.Since(begin)
}

// README: "plain HTTP on localhost:8080", health and metrics at 127.0.0.1:8081, and no proxy is believed; --drain is 1s and the log is text.
func wiringDefaults(t *testing.T) {
	s := &setup{dir: t.TempDir()}
	p := s.serve(t, wiringDomains, "127.0.0.1:8080")
	expectAnswer(t, "a client", "127.0.0.1:8080", "127.0.0.1", "", seenOutside)
	expectAnswer(t, "a proxy that is not listed", "127.0.0.1:8080", "127.0.0.1", "X-Forwarded-For: "+throughProxy+"\r\n", seenOutside)
	if status, _ := get(t, "127.0.0.1:8081", "localhost", "/-/healthz"); status != http.StatusOK {
		t.Errorf("healthz: %d", status)
	}
	expectClosed(t, asked+":8080", asked+":8081", "127.0.0.1:80", "127.0.0.1:443")
	if took := p.stopAndTime(t); took < time.Second {
		t.Errorf("it ended %s after SIGTERM, before the second of --drain was over", took)
	}
	if log := tail(p.log); !strings.Contains(log, " level=INFO msg=serving ") || strings.Contains(log, "{") {
		t.Errorf("the log is not text:\n%s", log)
	}
}

// With TLS it listens at ports 80 and 443 of all addresses, and signs profiles with its own certificate.
func wiringDefaultsTLS(t *testing.T) {
	s := &setup{dir: t.TempDir()}
	cert := s.pair(t, "one", "autoconfig.example.com")
	s.serve(t, "[server]\ntls = \"files\"\ncert = \"one.pem\"\nkey = \"one.key\"\nadmin = \"\"\n"+wiringDomains, asked+":443", "--drain", "0s")
	expectAnswer(t, "a client", asked+":80", fromInside, "", seenOutside)
	if got := served(t, asked+":443", "autoconfig.example.com"); !got.Equal(cert) {
		t.Errorf("got the certificate %s", got.Subject)
	}
	if got := profileSigner(t, asked+":443"); !got.Equal(cert) {
		t.Errorf("the profile is signed by %v", got)
	}
	expectClosed(t, "127.0.0.1:8081")
}

func wiringUnusual(t *testing.T) {
	s := &setup{dir: t.TempDir()}
	first, second, sign := s.pair(t, "first", "autoconfig.example.com"), s.pair(t, "second", "autoconfig.second.example"), s.pair(t, "sign", "Signer")
	const config = `[server]
http = ["203.0.113.10:8001", "203.0.113.11:8002"]
https = ["203.0.113.10:8443", "203.0.113.11:8444"]
tls = "files"
cert = ["first.pem", "second.pem"]
key = ["first.key", "second.key"]
sign_cert = "sign.pem"
sign_key = "sign.key"
trusted_proxies = ["198.51.100.0/24"]
admin = "203.0.113.12:8003"
` + wiringDomains
	p := s.serve(t, config, "203.0.113.12:8003", "--log-format", "json", "--drain", "3s", "--config", "domains.toml")
	const header = "X-Forwarded-For: " + throughProxy + "\r\n"
	for _, address := range []string{"203.0.113.10:8001", "203.0.113.11:8002"} {
		expectAnswer(t, "a client", address, "203.0.113.20", header, seenOutside)
		expectAnswer(t, "a trusted proxy", address, fromInside, header, seenInside)
	}
	for _, address := range []string{"203.0.113.10:8443", "203.0.113.11:8444"} {
		for name, want := range map[string]*x509.Certificate{"autoconfig.example.com": first, "autoconfig.second.example": second, "other.example": first} {
			if got := served(t, address, name); !got.Equal(want) {
				t.Errorf("%s at %s: got the certificate %s, want %s", name, address, got.Subject, want.Subject)
			}
		}
	}
	if got := profileSigner(t, "203.0.113.10:8443"); !got.Equal(sign) {
		t.Errorf("the profile is signed by %v", got)
	}
	expectClosed(t, asked+":80", asked+":443", "127.0.0.1:8080", "127.0.0.1:8081")
	hangupReads(t, s, p)
	wiringDrain(t, p, "203.0.113.12:8003", "203.0.113.10:8001", 3*time.Second)
	log, err := os.ReadFile(p.log)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(log) {
		var fields map[string]any
		if err := json.Unmarshal(line, &fields); err != nil || fields["level"] == "" {
			t.Errorf("the log line %q: %v", line, err)
		}
	}
}

// hangupReads replaces a certificate so that nothing but SIGHUP can make the program read it: size and time of the files do not change.
func hangupReads(t *testing.T, s *setup, p *process) {
	t.Helper()
	names := []string{s.path("second.pem"), s.path("second.key")}
	var sizes []int64
	var times []time.Time
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		sizes, times = append(sizes, info.Size()), append(times, info.ModTime())
	}
	var fresh *x509.Certificate
	for fits := false; !fits; { // signatures differ in length
		fresh = s.pair(t, "fresh", "autoconfig.second.example")
		fits = true
		for i, name := range []string{s.path("fresh.pem"), s.path("fresh.key")} {
			info, err := os.Stat(name)
			if err != nil {
				t.Fatal(err)
			}
			fits = fits && info.Size() <= sizes[i]
		}
	}
	for i, name := range []string{s.path("fresh.pem"), s.path("fresh.key")} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, bytes.Repeat([]byte("\n"), int(sizes[i])-len(text))...)
		if err := errors.Join(os.WriteFile(name, text, 0o600), os.Chtimes(name, times[i], times[i]), os.Rename(name, names[i])); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "SIGHUP makes the program read the certificate", func() bool {
		return served(t, "203.0.113.10:8443", "autoconfig.second.example").Equal(fresh)
	})
}

// wiringDrain stops a process: it reports that it is not ready, accepts connections for the time of --drain, and ends then.
func wiringDrain(t *testing.T, p *process, admin, public string, drain time.Duration) {
	t.Helper()
	begin := time.Now()
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "readyz reports that it is not ready", func() bool {
		status, _ := get(t, admin, "localhost", "/-/readyz")
		return status == http.StatusServiceUnavailable
	})
	if status, body := answer(t, public, "203.0.113.20", ""); status != http.StatusOK && time.Since(begin) < drain {
		t.Errorf("a new connection %s after SIGTERM: %d %s", time.Since(begin), status, body)
	}
	select { // without another signal, which would end it at once
	case <-p.ended:
	case <-time.After(testTimeout):
		t.Fatalf("still running %s after SIGTERM", testTimeout)
	}
	if took := time.Since(begin); took < drain || p.err != nil {
		t.Errorf("it ended %s after SIGTERM with %v, want the %s of --drain and no error", took, p.err, drain)
	}
}

func wiringProxyProtocol(t *testing.T) {
	s := &setup{dir: t.TempDir()}
	s.serve(t, "[server]\nhttp = [\"203.0.113.10:8001\"]\nadmin = \"\"\nproxy_protocol = true\ntrusted_proxies = [\"198.51.100.0/24\"]\n"+wiringDomains,
		"203.0.113.10:8001", "--drain", "0s")
	for from, want := range map[string]string{fromInside: seenInside, "203.0.113.20": ""} {
		conn, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}).Dial("tcp", "203.0.113.10:8001")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "PROXY TCP4 %s 203.0.113.10 1234 80\r\n", throughProxy)
		if status, body := answerOn(t, conn, ""); want == "" && status == http.StatusOK || want != "" && !strings.Contains(body, want) {
			t.Errorf("a PROXY header from %s: got %d %s", from, status, body)
		}
	}
}

// state_dir is where the certificates of tls = "acme" are kept; by default it is $STATE_DIRECTORY, or state beside the file.
func wiringStateDir(t *testing.T) {
	const config = "[server]\ntls = \"acme\"\nname = \"setup.example.com\"\nacme_ca = [\"https://203.0.113.99:14000/dir\"]\nhttp = [\"203.0.113.10:8001\"]\n" +
		"https = [\"203.0.113.10:8443\"]\nadmin = \"\"\n"
	for _, test := range []struct{ name, line, environment, folder string }{
		{"key", "state_dir = \"odd/state\"\n", "elsewhere", "odd/state"},
		{"environment", "", "elsewhere", "elsewhere"},
		{"neither", "", "", "state"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &setup{dir: t.TempDir()}
			environment := ""
			if test.environment != "" {
				environment = s.path(test.environment)
			}
			t.Setenv("STATE_DIRECTORY", environment)
			p := s.serve(t, config+test.line+wiringDomains, "203.0.113.10:8001", "--drain", "0s")
			eventually(t, "the folder is there", func() bool {
				found, err := filepath.Glob(s.path(filepath.Join(test.folder, "acme")))
				return err == nil && len(found) == 1
			})
			for _, other := range []string{"odd/state", "elsewhere", "state"} {
				if _, err := os.Stat(s.path(other)); other != test.folder && err == nil {
					t.Errorf("%s is there, too", other)
				}
			}
			p.stop(t)
		})
	}
}

// Without TLS, and without a proxy that does it, others could change the answers.
func wiringPlainHTTP(t *testing.T) {
	const warning = "tls is \\\"off\\\" and other machines can connect"
	for _, test := range []struct {
		lines, listens string
		warns          bool
	}{
		{"http = [\"203.0.113.10:8001\"]\n", "203.0.113.10:8001", true},
		{"http = [\":8001\"]\n", "203.0.113.10:8001", true},
		{"http = [\"127.0.0.1:8001\"]\n", "127.0.0.1:8001", false},
		{"http = [\"203.0.113.10:8001\"]\ntrusted_proxies = [\"198.51.100.9\"]\n", "203.0.113.10:8001", false},
	} {
		s := &setup{dir: t.TempDir()}
		p := s.serve(t, "[server]\nadmin = \"\"\n"+test.lines+wiringDomains, test.listens, "--drain", "0s")
		p.stop(t) // the log is complete
		if log := tail(p.log); strings.Contains(log, warning) != test.warns || test.warns && !strings.Contains(log, "level=WARN") {
			t.Errorf("%q: want the warning: %t, got\n%s", test.lines, test.warns, log)
		}
	}
}
