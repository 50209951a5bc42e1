//go:build linux

package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mailhint/keypairs/keypairtest"
	"mailhint/lab/visit"
)

// BenchmarkNewConnections compares new TLS connections, with a full handshake and one request each, with nginx that serves the same
// answer from a file: the same P-256 certificate, TLS 1.3, X25519, and both write a buffered log. The servers take turns in each round, so
// that whatever else the machine does affects them all.
//
// The client shares the processors with the server and needs about as much of them, which pulls the ratio of rates towards 1. The figure
// to trust is therefore cpu-ratio, of connections per second of the servers' own processor time. The target is 0.9.
func BenchmarkNewConnections(b *testing.B) {
	program, dir := buildProgram(b), b.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writePair(b, cert, key)
	files := startSecure(b, program, fmt.Sprintf("tls = \"files\"\ncert = %q\nkey = %q\n", cert, key))
	acme := startSecure(b, program, stateWith(b, cert, key, visit.Names()...))
	body := files.body(b)
	for _, protocol := range []string{"http/1.1", "h2"} {
		b.Run(protocol, func(b *testing.B) {
			nginx := startNginx(b, cert, key, protocol, body)
			again := startNginx(b, cert, key, protocol, body) // shows how far from 1 a ratio can be by chance
			again.name = "nginx-again"
			compareVisits(b, visit.New(protocol, nil, body), []*visitedServer{nginx, again,
				{"files", files.secure, []int{files.Process.Pid}},
				{"acme", acme.secure, []int{acme.Process.Pid}}})
		})
	}
}

// visitedServer is a server to which new connections are made.
type visitedServer struct {
	name, address string
	processes     []int
}

// writePair writes a certificate for the names of the domain that is asked for, and its key.
func writePair(b *testing.B, certFile, keyFile string) {
	b.Helper()
	cert, key := keypairtest.PEM(b, keypairtest.New(b, keypairtest.Options{Names: visit.Names()}))
	for file, text := range map[string][]byte{certFile: cert, keyFile: key} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			b.Fatal(err)
		}
	}
}

const benchDomain = "[domains.\"example.com\"]\nimap = \"imap.example.com\"\nsmtp = \"smtp.example.com\"\n"

func startSecure(b *testing.B, program, server string) *child {
	b.Helper()
	c, stop := startChild(b, program, writeConfig(b, benchServer+"https = [\"127.0.0.1:0\"]\n"+server+benchDomain))
	b.Cleanup(stop)
	return c
}

// body returns the answer that all servers shall give.
func (c *child) body(b testing.TB) []byte {
	b.Helper()
	r, err := http.NewRequest(http.MethodGet, "http://"+c.address+path, nil)
	if err != nil {
		b.Fatal(err)
	}
	r.Host = visit.Host
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		b.Fatalf("%s, %v", response.Status, err)
	}
	return body
}

// startNginx runs Debian's nginx with a file at the path of the answer.
func startNginx(b *testing.B, cert, key, protocol string, body []byte) *visitedServer {
	b.Helper()
	program, err := exec.LookPath("nginx")
	if err != nil {
		b.Skip("nginx is not installed: apt-get install nginx")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	dir, options := b.TempDir(), "ssl"
	if protocol == "h2" {
		options += " http2"
	}
	config := strings.NewReplacer("DIR", dir, "ADDRESS", address, "OPTIONS", options, "CERT", cert, "KEY", key).Replace(`
user root;
daemon off;
worker_processes auto;
pid DIR/pid;
error_log DIR/error.log;
events {}
http {
	sendfile on;
	tcp_nopush on;
	types { text/xml xml; }
	access_log DIR/access.log combined buffer=32k flush=1s;
	client_body_temp_path DIR/body; proxy_temp_path DIR/proxy; fastcgi_temp_path DIR/fcgi; uwsgi_temp_path DIR/uwsgi; scgi_temp_path DIR/scgi;
	server {
		listen ADDRESS OPTIONS;
		ssl_certificate CERT;
		ssl_certificate_key KEY;
		ssl_protocols TLSv1.2 TLSv1.3;
		ssl_ecdh_curve X25519:prime256v1;
		root DIR;
	}
}`)
	file := filepath.Join(dir, path)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		b.Fatal(err)
	}
	for name, text := range map[string][]byte{file: body, filepath.Join(dir, "nginx.conf"): []byte(config)} {
		if err := os.WriteFile(name, text, 0o644); err != nil {
			b.Fatal(err)
		}
	}
	cmd := exec.Command(program, "-c", filepath.Join(dir, "nginx.conf"), "-p", dir)
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt) // its workers end too
		cmd.Wait()
	})
	v := visit.New(protocol, nil, body)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if err = v.Ask(address, nil); err == nil {
			return &visitedServer{"nginx", address, append(children(b, cmd.Process.Pid), cmd.Process.Pid)}
		}
		if time.Now().After(deadline) {
			b.Fatalf("nginx does not answer: %v", err)
		}
	}
}

// children are the processes that a process has started.
func children(b *testing.B, process int) []int {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", process))
	if err != nil {
		b.Fatal(err)
	}
	var all []int
	for _, field := range strings.Fields(string(text)) {
		n, err := strconv.Atoi(field)
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, n)
	}
	return all
}

// used returns the processor time of a server so far, in seconds.
func (s *visitedServer) used(b *testing.B) float64 {
	b.Helper()
	ticks := 0
	for _, process := range s.processes {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", process))
		if err != nil {
			b.Fatal(err)
		}
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:])) // from the third, state, on
		for _, field := range fields[11:13] {                                               // utime, stime
			n, err := strconv.Atoi(field)
			if err != nil {
				b.Fatal(err)
			}
			ticks += n
		}
	}
	return float64(ticks) / 100 // USER_HZ, which is 100 on everything that Go runs on
}

// compareVisits reports how the servers compare with the first.
func compareVisits(b *testing.B, v *visit.Client, servers []*visitedServer) {
	const perRound, atLeast = 400, 12
	rates, used := make([][]float64, len(servers)), make([]float64, len(servers))
	round := func(n int) {
		for i := range servers {
			i := (i + n) % len(servers) // none is always first
			before, begin := servers[i].used(b), time.Now()
			visitMany(b, v, servers[i].address, perRound)
			rates[i] = append(rates[i], perRound/time.Since(begin).Seconds())
			used[i] += servers[i].used(b) - before
		}
	}
	for _, s := range servers {
		visitMany(b, v, s.address, perRound) // warm up
	}
	n := 0
	for b.Loop() {
		round(n)
		n++
	}
	for ; n < atLeast; n++ {
		round(n)
	}
	for i, s := range servers {
		var ratios []float64
		for j := range rates[i] {
			ratios = append(ratios, rates[i][j]/rates[0][j])
		}
		slices.Sort(ratios)
		slices.Sort(rates[i])
		ratio, processor := ratios[len(ratios)/2], used[0]/used[i]
		b.Logf("%-11s %5.0f connections a second, %5.0f a second of its processor time; ratios %.3f, %.3f", s.name,
			rates[i][len(ratios)/2], float64(n*perRound)/used[i], ratio, processor)
		if i > 0 {
			b.ReportMetric(ratio, s.name+"-ratio")
			b.ReportMetric(processor, s.name+"-cpu-ratio")
		}
	}
}

// visitMany visits from several clients at once.
func visitMany(b *testing.B, v *visit.Client, address string, visits int) {
	var clients sync.WaitGroup
	var left atomic.Int64
	left.Store(int64(visits))
	for i := range 16 {
		from := net.IPv4(127, 0, 1, byte(i+1)) // each with ports of its own, of which a closed connection keeps one for a minute
		clients.Go(func() {
			for left.Add(-1) >= 0 {
				if err := v.Ask(address, from); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	clients.Wait()
}
