//go:build linux

package replica_test

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"mailhint/domains"
	"mailhint/edits"
	"mailhint/postgres"
	"mailhint/postgres/postgrestest"
)

// names are the numbers of domains that BenchmarkStore runs with.
var storeNames = flag.String("names", "100000", "numbers of domains of BenchmarkStore, with commas between them")

// BenchmarkStore measures the real program with many domains in PostgreSQL, of which nine of ten only have a profile and one of ten has values of its
// own: the first copy, the memory, a start from the copy while the database is away, look-ups through the whole server against a server with
// ten domains, and how long a change takes to get to three replicas.
func BenchmarkStore(b *testing.B) {
	program := buildFor(b)
	ten := newBench(b, program, 10)
	defer ten.close()
	ten.copyAll(b)
	for text := range strings.SplitSeq(*storeNames, ",") {
		n, err := strconv.Atoi(text)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(text, func(b *testing.B) {
			for range b.N {
				many := newBench(b, program, n)
				many.measure(b, ten)
				many.close()
			}
		})
	}
}

func buildFor(b *testing.B) string {
	program := filepath.Join(b.TempDir(), "mailhint")
	build := exec.Command("go", "build", "-o", program, "mailhint/cmd/mailhint")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}

// bench is a database with domains, and replicas of it.
type bench struct {
	world
	program string
	n       int
	server  *postgrestest.Server
}

func newBench(b *testing.B, program string, n int) *bench {
	m := &bench{program: program, n: n}
	m.address, m.dir = fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(250), rand.IntN(250), 1+rand.IntN(250)), b.TempDir()
	m.server = postgrestest.Start(b)
	m.server.Exec(b, "postgres", "ALTER SYSTEM SET synchronous_commit = off", "ALTER SYSTEM SET max_wal_size = '2GB'", "SELECT pg_reload_conf()")
	m.database = m.server.Database(b)
	for i := range 3 {
		p := &process{program: program, dir: filepath.Join(m.dir, fmt.Sprint(i)), address: m.address, http: m.port(b), admin: m.port(b)}
		if err := os.Mkdir(p.dir, 0o700); err != nil {
			b.Fatal(err)
		}
		config := fmt.Sprintf("[server]\nhttp = [\"%s:%d\"]\nadmin = \"%s:%d\"\nstate_dir = \"state\"\nlimit_repeats = false\ntrusted_proxies = [\"127.0.0.0/8\"]\n[store]\ntype = \"postgres\"\nurl = %q\n%s",
			p.address, p.http, p.address, p.admin, m.server.URL(m.database), sharedProfile)
		if err := os.WriteFile(p.config(), []byte(config), 0o600); err != nil {
			b.Fatal(err)
		}
		m.replicas = append(m.replicas, p)
		b.Cleanup(func() { p.signal(syscall.SIGKILL) })
	}
	config := postgres.Config{URL: m.server.URL(m.database), Files: func() (*domains.Snapshot, error) { return domains.Load(m.replicas[0].config()) }}
	if _, _, err := postgres.Migrate(b.Context(), config, true); err != nil {
		b.Fatal(err)
	}
	var err error
	if m.store, err = postgres.New(context.Background(), config); err != nil {
		b.Fatal(err)
	}
	m.insert(b)
	return m
}

func (m *bench) close() {
	for _, p := range m.replicas {
		p.signal(syscall.SIGKILL)
	}
	m.store.Close()
}

// benchName is the name of the i-th domain. insert has the same in SQL.
func benchName(i int) string { return fmt.Sprintf("%07x-%d.example", i*2654435761%0xfffffff, i) }

// insert adds the domains, as if they had come with earlier changes.
func (m *bench) insert(b *testing.B) {
	const name = `lpad(to_hex(i * 2654435761 % 268435455), 7, '0') || '-' || i || '.example'`
	const atOnce = 500_000
	for from := 0; from < m.n; from += atOnce {
		m.server.Exec(b, m.database, fmt.Sprintf(`SET mailhint.recorded = 'on';
			INSERT INTO mailhint.records (kind, name, profile, own, revision, sequence)
			SELECT 'domain', %[1]s, CASE WHEN i %% 10 = 9 THEN NULL ELSE 'shared' END,
				CASE WHEN i %% 10 = 9 THEN jsonb_build_object('imap', 'imap.' || %[1]s, 'smtp', 'smtp.' || %[1]s, 'name', 'Firm ' || i,
					'docs', 'https://help.' || %[1]s || '/mail', 'login', '%%EMAILLOCALPART%%') END, i + 1, i + 1
			FROM generate_series(%[2]d::bigint, %[3]d) i`, name, from, min(m.n, from+atOnce)-1))
	}
	last := benchName(m.n - 1)
	m.server.Exec(b, m.database, fmt.Sprintf(`INSERT INTO mailhint.history (number, actor, via, action, kind, name, revision, removed) VALUES (%[1]d, 'bench', 'sql', 'insert', 'domain', '%[2]s', %[1]d, false)`, m.n, last),
		fmt.Sprintf(`UPDATE mailhint.meta SET sequence = %[1]d, revision = %[1]d`, m.n), "ANALYZE mailhint.records", "CHECKPOINT")
}

// copyAll starts the first replica, and returns how long it takes until it is ready.
func (m *bench) copyAll(b *testing.B) time.Duration {
	begin := time.Now()
	p := m.replicas[0]
	p.start(b)
	p.awaitReady(b)
	return time.Since(begin)
}

func (m *bench) measure(b *testing.B, ten *bench) {
	report := func(v float64, unit string) { b.ReportMetric(v, unit) }
	p := m.replicas[0]
	first := m.copyAll(b)
	resident, _ := p.resident()
	report(first.Seconds(), "s/first-copy")
	report(float64(resident)/1e6, "MB-after-copy")
	await(b, "the copy is not saved", func() bool {
		info, err := os.Stat(filepath.Join(p.dir, "state", "replica.copy"))
		return err == nil && info.Size() > int64(m.n)
	})
	resident, peak := p.resident()
	report(float64(peak)/1e6, "MB-at-most")
	empty, _ := ten.replicas[0].resident()
	report(float64(resident-empty)/float64(m.n), "B/name-resident")
	octets := p.metric(b, "mailhint_store_copy_bytes")
	report(octets/float64(m.n), "B/name-table")
	m.lookUp(b, ten)
	resident, _ = p.resident()
	report(float64(resident)/1e6, "MB-resident")

	p.signal(syscall.SIGTERM)
	m.server.Stop(b)
	begin := time.Now()
	p.start(b)
	p.awaitReady(b)
	report(time.Since(begin).Seconds(), "s/restart")
	resident, peak = p.resident()
	report(float64(resident)/1e6, "MB-after-restart")
	report(float64(peak)/1e6, "MB-at-most-restarting")
	for i := range 200 { // it answers every domain without the database
		if host, err := p.askBench(i * (m.n / 200)); err != nil || host != benchHost(i*(m.n/200)) {
			b.Fatalf("domain %d is answered with %q, %v", i*(m.n/200), host, err)
		}
	}
	m.server.Run(b)
	m.change(b)
}

func benchHost(i int) string {
	if i%10 == 9 {
		return "imap." + benchName(i)
	}
	return "imap.example.com"
}

func (p *process) askBench(i int) (string, error) {
	host, _, err := ask(through, p.address, p.http, benchName(i))
	return host, err
}

// lookUp compares the processor time of a request with that of a server with ten domains: for domains that only have a profile, for all, and for all
// with a distribution as in real traffic, where few domains get most requests.
func (m *bench) lookUp(b *testing.B, ten *bench) {
	zipf := rand.NewZipf(rand.New(rand.NewPCG(1, 2)), 1.1, 10, uint64(m.n-1))
	for name, choose := range map[string]func(n int) int{
		"plain": func(n int) int { return rand.IntN(n/10)*10 + rand.IntN(9) },
		"all":   rand.IntN,
		"zipf": func(n int) int {
			if n == m.n {
				return int(zipf.Uint64())
			}
			return rand.IntN(n)
		},
	} {
		const rounds, requests = 5, 10_000
		var a, z []float64
		for range rounds {
			z = append(z, ten.replicas[0].processorTime(b, requests, func() int { return choose(10) }))
			a = append(a, m.replicas[0].processorTime(b, requests, func() int { return choose(m.n) }))
		}
		slices.Sort(a)
		slices.Sort(z)
		b.ReportMetric(z[rounds/2]/a[rounds/2], "speed-"+name)
		b.ReportMetric(a[rounds/2]*1e6, "µs/request-"+name)
	}
}

// processorTime returns the seconds of processor time that a request takes.
func (p *process) processorTime(b *testing.B, requests int, choose func() int) float64 {
	before := p.busy(b)
	for range requests {
		i := choose()
		if host, err := p.askBench(i); err != nil || host != benchHost(i) {
			b.Fatalf("domain %d is answered with %q, %v", i, host, err)
		}
	}
	return (p.busy(b) - before) / float64(requests)
}

// busy returns the processor time of the process so far, in seconds.
func (p *process) busy(b *testing.B) float64 {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p.cmd.Process.Pid))
	if err != nil || len(threads) == 0 {
		b.Fatal("the system does not say how busy a process is")
	}
	sum := 0.0
	for _, file := range threads { // a thread of Go hardly ever ends
		text, err := os.ReadFile(file)
		if err != nil {
			b.Fatal(err)
		}
		nanoseconds, err := strconv.ParseFloat(strings.Fields(string(text))[0], 64)
		if err != nil {
			b.Fatal(err)
		}
		sum += nanoseconds / 1e9
	}
	return sum
}

// change measures how long a change takes from its acknowledgement until three replicas answer with it.
func (m *bench) change(b *testing.B) {
	p := m.replicas[0]
	for _, other := range m.replicas[1:] {
		if out, err := exec.Command("cp", "-r", filepath.Join(p.dir, "state"), other.dir).CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, out)
		}
		other.start(b)
		other.awaitReady(b)
	}
	for i, r := range m.replicas {
		await(b, fmt.Sprintf("replica %d does not follow", i), func() bool { return strings.Contains(r.ready(), "\nstore: following, ") })
	}
	var times []float64
	for i := range 300 {
		name, host := benchName(rand.IntN(m.n)), fmt.Sprintf("v%d.example.com", i)
		set := edits.ChangeSet{Edits: []edits.Edit{{Ref: edits.Ref{Kind: edits.Domain, Name: name}, If: edits.Any, Action: "set", Values: valuesOf(host)}}, Actor: "bench", Via: edits.API}
		if _, err := m.store.Apply(b.Context(), set); err != nil {
			b.Fatal(err)
		}
		begin := time.Now()
		for _, r := range m.replicas {
			for got := ""; got != host; {
				var err error
				if got, _, err = ask(through, r.address, r.http, name); err != nil {
					b.Fatal(err)
				}
			}
		}
		times = append(times, time.Since(begin).Seconds())
	}
	slices.Sort(times)
	b.ReportMetric(times[len(times)/2]*1000, "ms/change-p50")
	b.ReportMetric(times[len(times)*99/100]*1000, "ms/change-p99")
}

// resident returns the memory of the process in RAM, now and at most, in octets.
func (p *process) resident() (now, most int64) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		words := strings.Fields(lines.Text())
		if len(words) < 2 {
			continue
		}
		kilobytes, _ := strconv.ParseInt(words[1], 10, 64)
		switch words[0] {
		case "VmRSS:":
			now = kilobytes << 10
		case "VmHWM:":
			most = kilobytes << 10
		}
	}
	return now, most
}

// metric returns the value of a metric without labels.
func (p *process) metric(b *testing.B, name string) float64 {
	response, err := http.Get(fmt.Sprintf("http://%s:%d/-/metrics", p.address, p.admin))
	if err != nil {
		b.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		b.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindSubmatch(text)
	if found == nil {
		b.Fatalf("there is no %s", name)
	}
	v, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		b.Fatal(err)
	}
	return v
}
