package main

import (
	"bufio"
	"fmt"
	"io"
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
)

// The benchmarks here look at the whole program from outside: start, memory, a million names.

// child is the built program, running.
type child struct {
	*exec.Cmd
	address string        // of the http listener
	secure  string        // of the https listener, if there is one
	started time.Duration // from exec to the line that says it serves
}

func buildProgram(b testing.TB) string {
	b.Helper()
	program := filepath.Join(b.TempDir(), "mailhint")
	build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}

var listening = regexp.MustCompile(`msg=listening for=(https?) address=(\S+)`)

// startChild runs the program with a configuration until the function it returns is called.
func startChild(b testing.TB, program, config string) (*child, func()) {
	b.Helper()
	c := &child{Cmd: exec.Command(program, "serve", "--config", config, "--drain", "0")}
	stderr, err := c.StderrPipe()
	if err != nil {
		b.Fatal(err)
	}
	begin := time.Now()
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		if m := listening.FindStringSubmatch(lines.Text()); m != nil && m[1] == "http" {
			c.address = m[2]
		} else if m != nil {
			c.secure = m[2]
		}
		if strings.Contains(lines.Text(), "msg=serving") {
			break
		}
	}
	c.started = time.Since(begin)
	if c.address == "" {
		b.Fatalf("the program did not start: %v", lines.Err())
	}
	go io.Copy(io.Discard, stderr) // until it ends
	return c, func() {
		c.Process.Kill()
		c.Wait()
	}
}

func (c *child) get(b *testing.B, host string) {
	b.Helper()
	r, err := http.NewRequest(http.MethodGet, "http://"+c.address+"/mail/config-v1.1.xml", nil)
	if err != nil {
		b.Fatal(err)
	}
	r.Host = host
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != 200 {
		b.Fatalf("%s: %s, %v", host, response.Status, err)
	}
}

// resident returns the process's resident memory in octets.
func (c *child) resident(b *testing.B) float64 {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.Process.Pid))
	if err != nil {
		b.Skipf("memory is read from /proc: %v", err)
	}
	m := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(text)
	kB, err := strconv.Atoi(string(m[1]))
	if err != nil {
		b.Fatal(err)
	}
	return float64(kB) * 1024
}

const benchServer = "[server]\nhttp = [\"127.0.0.1:0\"]\nadmin = \"127.0.0.1:0\"\n"

// tenDomains writes a configuration of ten domains.
func tenDomains(b *testing.B) string {
	b.Helper()
	var config strings.Builder
	config.WriteString(benchServer)
	for i := range 10 {
		fmt.Fprintf(&config, "[domains.\"d%d.example\"]\nimap = \"imap.d%d.example\"\nsmtp = \"smtp.d%d.example\"\n", i, i, i)
	}
	return writeConfig(b, config.String())
}

func writeConfig(b *testing.B, text string) string {
	b.Helper()
	file := filepath.Join(b.TempDir(), "domains.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	return file
}

// BenchmarkStart measures the time from exec to the first answer, and memory with ten domains after a thousand answers.
func BenchmarkStart(b *testing.B) {
	program, config := buildProgram(b), tenDomains(b)
	var first []float64
	var memory float64
	for b.Loop() {
		begin := time.Now()
		c, stop := startChild(b, program, config)
		c.get(b, "autoconfig.d0.example")
		first = append(first, float64(time.Since(begin).Microseconds())/1000)
		for i := range 1000 {
			c.get(b, fmt.Sprintf("autoconfig.d%d.example", i%10))
		}
		memory = c.resident(b)
		stop()
	}
	slices.Sort(first)
	b.ReportMetric(first[len(first)/2], "ms/first-answer")
	b.ReportMetric(memory/(1<<20), "MB-resident")
}

// BenchmarkMillionNames measures how long a domains_file of a million names takes to load, its memory for each name above the same
// program without them, and how fast it answers compared with ten domains.
func BenchmarkMillionNames(b *testing.B) {
	const names = 1_000_000
	program := buildProgram(b)
	few, stopFew := startChild(b, program, tenDomains(b))
	defer stopFew()
	config := writeConfig(b, benchServer+"[profiles.p]\nimap = \"imap.hoster.example\"\nsmtp = \"smtp.hoster.example\"\ndomains_file = \"names.txt\"\n")
	list, err := os.Create(filepath.Join(filepath.Dir(config), "names.txt"))
	if err != nil {
		b.Fatal(err)
	}
	out := bufio.NewWriter(list)
	for i := range names {
		fmt.Fprintf(out, "customer-%d.example\n", i)
	}
	if err := out.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := list.Close(); err != nil {
		b.Fatal(err)
	}

	var seconds, each, ratio []float64
	for b.Loop() {
		c, stop := startChild(b, program, config)
		seconds = append(seconds, c.started.Seconds())
		for i := range 100 {
			few.get(b, "autoconfig.d1.example")
			c.get(b, fmt.Sprintf("autoconfig.customer-%d.example", i*9973))
		}
		each = append(each, (c.resident(b)-few.resident(b))/names)
		ratio = append(ratio, answersRatio(b, c, few))
		stop()
	}
	for _, figures := range [][]float64{seconds, each, ratio} {
		slices.Sort(figures)
	}
	b.ReportMetric(seconds[len(seconds)/2], "s/load")
	b.ReportMetric(each[len(each)/2], "B/name")
	b.ReportMetric(ratio[len(ratio)/2], "of-ten-domains'-rate")
}

// answersRatio asks both in turn and returns how the rates of the first compare with the second's.
func answersRatio(b *testing.B, many, few *child) float64 {
	var ratios []float64
	for range 9 {
		begin := time.Now()
		for i := range 500 {
			many.get(b, fmt.Sprintf("autoconfig.customer-%d.example", i*1999))
		}
		manyTook := time.Since(begin)
		begin = time.Now()
		for i := range 500 {
			few.get(b, fmt.Sprintf("autoconfig.d%d.example", i%10))
		}
		ratios = append(ratios, float64(time.Since(begin))/float64(manyTook))
	}
	slices.Sort(ratios)
	return ratios[len(ratios)/2]
}
