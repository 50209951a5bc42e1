//go:build linux

package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const connections = 16

// What Thunderbird sends, besides Host.
const (
	thunderbird = "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Thunderbird/153.7.0"
	posted      = `<?xml version="1.0" encoding="utf-8"?><Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006">` +
		`<Request><EMailAddress>bob@example.com</EMailAddress><AcceptableResponseSchema>http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a</AcceptableResponseSchema></Request></Autodiscover>`
)

// request is one that is sent again and again.
type request struct {
	method, host, target, body string
	header                     [][2]string
	answer                     string // is part of the answer
}

var (
	get = request{answer: "imap.example.com", method: "GET", host: "autoconfig.example.com", target: "/mail/config-v1.1.xml?emailaddress=bob%40example.com",
		header: [][2]string{{"User-Agent", thunderbird}, {"Accept", "*/*"}, {"Accept-Language", "en-US,en;q=0.5"},
			{"Accept-Encoding", "gzip, deflate, br, zstd"}, {"Connection", "keep-alive"}}}
	page = request{answer: `name="email"`, method: "GET", host: "autoconfig.example.com", target: "/",
		header: [][2]string{{"User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"}, {"Accept", "text/html,*/*;q=0.8"},
			{"Accept-Language", "de-DE,de;q=0.9,en;q=0.8"}, {"Accept-Encoding", "gzip, deflate, br, zstd"}, {"Connection", "keep-alive"}}}
	post = request{answer: "imap.example.com", method: "POST", host: "autodiscover.example.com", target: "/autodiscover/autodiscover.xml", body: posted,
		header: [][2]string{{"User-Agent", thunderbird}, {"Accept", "*/*"}, {"Content-Type", "text/xml; charset=utf-8"}, {"Connection", "keep-alive"}}}
)

// BenchmarkAutoconfig is a GET with an e-mail address. The target for mailhint's ratio of processor time is 0.90.
func BenchmarkAutoconfig(b *testing.B) { compare(b, get) }

// BenchmarkPage is the page for people. The target for the ratio is half of BenchmarkAutoconfig's.
func BenchmarkPage(b *testing.B) { compare(b, page) }

// BenchmarkAutodiscover is a POST of POX, whose XML body has to be read. The target for the ratio is 0.80.
func BenchmarkAutodiscover(b *testing.B) { compare(b, post) }

// compare loads the servers in turn, one round for each iteration, and reports how they compare.
func compare(b *testing.B, r request) {
	if _, err := exec.LookPath("wrk"); err != nil {
		b.Skip("wrk is not installed; Debian has it in package wrk")
	}
	mailhint := startMailhint(b)
	answer := ask(b, mailhint.address, r)
	servers := []*server{startBare(b, answer), mailhint}
	if nginx, err := exec.LookPath("nginx"); err == nil && r.method == http.MethodGet && r.target != "/" { // to POST it says 405, and / is a directory
		servers = append(servers, startNginx(b, nginx, answer))
	}
	script := writeScript(b, r)
	for _, s := range servers {
		if again := ask(b, s.address, r); s.name != "nginx" && again != answer {
			b.Fatalf("%s answers\n%s\nmailhint\n%s", s.name, again, answer)
		}
		s.load(b, r.target, script) // to warm up
		s.rounds = nil
	}
	for first := 0; b.Loop(); first++ {
		for i := range servers {
			servers[(first+i)%len(servers)].load(b, r.target, script)
		}
	}
	report(b, servers)
}

// report reports medians. The baseline is the first server.
func report(b *testing.B, servers []*server) {
	b.ReportMetric(0, "ns/op") // the time of a round says nothing
	for _, s := range servers {
		cpu, rate := make([]float64, len(s.rounds)), make([]float64, len(s.rounds))
		cpuRatio, rateRatio := make([]float64, len(s.rounds)), make([]float64, len(s.rounds))
		for i, mine := range s.rounds {
			bare := servers[0].rounds[i]
			cpu[i], rate[i] = mine.cpu.Seconds()*1e6, mine.rate
			cpuRatio[i], rateRatio[i] = bare.cpu.Seconds()/mine.cpu.Seconds(), mine.rate/bare.rate
		}
		b.ReportMetric(median(cpu), s.name+"-cpu-µs/request")
		b.ReportMetric(median(rate), s.name+"-requests/s")
		b.ReportMetric(s.residentMiB(b), s.name+"-MiB")
		if s != servers[0] {
			b.ReportMetric(median(cpuRatio), s.name+"-cpu-ratio")
			b.ReportMetric(median(rateRatio), s.name+"-throughput-ratio")
			slices.Sort(cpuRatio)
			b.Logf("%s: ratio of processor time %.3f (quartiles %.3f to %.3f), of throughput %.3f, %d rounds", s.name, median(cpuRatio),
				cpuRatio[len(cpuRatio)/4], cpuRatio[len(cpuRatio)*3/4], median(rateRatio), len(s.rounds))
		}
	}
}

func median(values []float64) float64 {
	values = slices.Sorted(slices.Values(values))
	return values[len(values)/2]
}

// server is a process that is measured.
type server struct {
	name    string
	address string
	process int // its ID
	rounds  []round
}

// round is what a second of load has shown.
type round struct {
	cpu  time.Duration // of the server, for each request
	rate float64       // requests in a second
}

// wrkOutput finds the number of requests, the seconds they took, and what went wrong.
var wrkOutput = regexp.MustCompile(`(?s)(\d+) requests in ([\d.]+)s.*?\n(?:\s*(Socket errors:[^\n]*|Non-2xx[^\n]*)\n)?`)

func (s *server) load(b *testing.B, target, script string) {
	b.Helper()
	before := s.processorTime(b)
	out, err := exec.Command("wrk", "-t1", "-c", strconv.Itoa(connections), "-d1s", "-s", script, "http://"+s.address+target).CombinedOutput()
	used := s.processorTime(b) - before
	found := wrkOutput.FindSubmatch(out)
	if err != nil || found == nil || len(found[3]) > 0 {
		b.Fatalf("wrk against %s: %v\n%s", s.name, err, out)
	}
	requests, _ := strconv.ParseFloat(string(found[1]), 64) // both match as numbers
	seconds, _ := strconv.ParseFloat(string(found[2]), 64)
	if requests == 0 {
		b.Fatalf("%s answered nothing:\n%s", s.name, out)
	}
	s.rounds = append(s.rounds, round{time.Duration(float64(used) / requests), requests / seconds})
}

// processorTime returns what the process has used so far, to the nanosecond; /proc/PID/stat counts hundredths of a second.
func (s *server) processorTime(b *testing.B) time.Duration {
	b.Helper()
	const schedulerClock = 2 // CPUCLOCK_SCHED, in the number that clock_getcpuclockid(3) makes of a process
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^s.process)<<3|schedulerClock, &t); err != nil {
		b.Fatalf("reading the processor time of %s: %v", s.name, err)
	}
	return time.Duration(t.Nano())
}

var residentPages = regexp.MustCompile(`VmRSS:\s*(\d+) kB`)

// residentMiB returns how much memory the process has.
func (s *server) residentMiB(b *testing.B) float64 {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.process))
	if err != nil {
		b.Fatal(err)
	}
	kib := residentPages.FindSubmatch(status)
	if kib == nil {
		b.Fatalf("no VmRSS in\n%s", status)
	}
	n, _ := strconv.ParseFloat(string(kib[1]), 64) // matches as a number
	return n / 1024
}

// build builds a program of this module as it is built for use.
func build(b *testing.B, name string) string {
	b.Helper()
	program := filepath.Join(b.TempDir(), filepath.Base(name))
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, "mailhint/"+name)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}

// start starts a process that runs until the benchmark ends.
func start(b *testing.B, cmd *exec.Cmd) {
	b.Helper()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt) // fails if it has ended
		cmd.Wait()                       // nothing is expected of how it ends
	})
}

func writeFile(b *testing.B, name, text string) string {
	b.Helper()
	name = filepath.Join(b.TempDir(), name)
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		b.Fatal(err)
	}
	return name
}

var listening = regexp.MustCompile(`msg=listening for=http address=(\S+)`)

// startMailhint starts "mailhint serve" with its log in a file. BENCH_MAILHINT may name another program than the one built here, for
// a comparison with an older one.
func startMailhint(b *testing.B) *server {
	b.Helper()
	program := os.Getenv("BENCH_MAILHINT")
	if program == "" {
		program = build(b, "cmd/mailhint")
	}
	config := writeFile(b, "domains.toml", "[server]\nhttp = [\"127.0.0.1:0\"]\nadmin = \"127.0.0.1:0\"\ntls = \"off\"\n\n"+
		"[domains.\"example.com\"]\nimap = \"imap.example.com\"\nsmtp = \"smtp.example.com\"\n")
	name := filepath.Join(b.TempDir(), "access.log")
	log, err := os.Create(name)
	if err != nil {
		b.Fatal(err)
	}
	defer log.Close() // the program has its own
	cmd := exec.Command(program, "serve", "--config", config, "--drain", "0")
	cmd.Stderr = log
	start(b, cmd)
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		lines, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		if found := listening.FindSubmatch(lines); found != nil {
			return &server{name: "mailhint", address: string(found[1]), process: cmd.Process.Pid}
		}
		if time.Now().After(end) {
			b.Fatalf("mailhint does not listen:\n%s", lines)
		}
	}
}

// startBare starts the bare handler with what mailhint answers.
func startBare(b *testing.B, answer string) *server {
	b.Helper()
	cmd := exec.Command(build(b, "bench/bare"))
	cmd.Stdin, cmd.Stderr = strings.NewReader(answer), os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	start(b, cmd)
	address, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		b.Fatalf("the bare handler does not say where it listens: %v", err)
	}
	return &server{name: "bare", address: strings.TrimSpace(address), process: cmd.Process.Pid}
}

// startNginx starts nginx with the body of the answer in a file, without an access log.
func startNginx(b *testing.B, program, answer string) *server {
	b.Helper()
	_, body, _ := strings.Cut(answer, "\r\n\r\n")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	address := l.Addr().String()
	l.Close() // for nginx, which cannot choose a free port itself
	config := writeFile(b, "nginx.conf", `daemon off; master_process off; error_log stderr crit; pid `+filepath.Join(b.TempDir(), "pid")+`;
events { }
http {
	access_log off;
	keepalive_requests 1000000000;
	server {
		listen `+address+`;
		location ~ . { default_type text/xml; alias `+writeFile(b, "answer.xml", body)+`; }
	}
}
`)
	cmd := exec.Command(program, "-p", b.TempDir(), "-c", config, "-e", "stderr")
	cmd.Stderr = os.Stderr
	start(b, cmd)
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close() // has served its purpose
			return &server{name: "nginx", address: address, process: cmd.Process.Pid}
		}
		if time.Now().After(end) {
			b.Fatalf("nginx does not listen: %v", err)
		}
	}
}

// ask sends a request and returns the answer without its date.
func ask(b *testing.B, address string, r request) string {
	b.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute)) // what it cannot set it would show below
	var text bytes.Buffer
	fmt.Fprintf(&text, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.method, r.target, r.host)
	for _, h := range r.header {
		fmt.Fprintf(&text, "%s: %s\r\n", h[0], h[1])
	}
	if r.body != "" {
		fmt.Fprintf(&text, "Content-Length: %d\r\n", len(r.body))
	}
	fmt.Fprintf(&text, "\r\n%s", r.body)
	if _, err := c.Write(text.Bytes()); err != nil {
		b.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: r.method})
	if err != nil {
		b.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		b.Fatal(err)
	}
	if response.StatusCode != http.StatusOK || !bytes.Contains(body, []byte(r.answer)) {
		b.Fatalf("the answer is %s\n%s", response.Status, body)
	}
	response.Header.Del("Date")
	var answer strings.Builder
	fmt.Fprintf(&answer, "HTTP/1.1 200 OK\r\n")
	response.Header.Write(&answer) // writing to a strings.Builder cannot fail
	fmt.Fprintf(&answer, "\r\n%s", body)
	return answer.String()
}

// writeScript writes what wrk needs to send a request besides its target.
func writeScript(b *testing.B, r request) string {
	b.Helper()
	var text strings.Builder
	fmt.Fprintf(&text, "wrk.method = %q\nwrk.headers[\"Host\"] = %q\n", r.method, r.host)
	for _, h := range r.header {
		fmt.Fprintf(&text, "wrk.headers[%q] = %q\n", h[0], h[1])
	}
	if r.body != "" {
		fmt.Fprintf(&text, "wrk.body = [[%s]]\n", r.body)
	}
	return writeFile(b, "request.lua", text.String())
}
