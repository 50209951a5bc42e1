package domains

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"mailhint/settings"
)

// loadInChild is the variable with the file that a child process of the test binary loads instead of running tests: memory is
// measured in a process that has done nothing else.
const loadInChild = "MAILHINT_TEST_LOAD"

func TestMain(m *testing.M) {
	if file := os.Getenv(loadInChild); file != "" {
		if err := json.NewEncoder(os.Stdout).Encode(measureLoad(file)); err != nil {
			panic(err)
		}
		return
	}
	os.Exit(m.Run())
}

// measured is what loading cost.
type measured struct {
	Seconds        float64
	Domains        int
	Empty          int64 // octets resident before
	Loaded, Peak   int64 // after, and at most
	Reloaded, Rest int64 // after a second load beside the first, and when the garbage of both is gone
}

func measureLoad(file string) (m measured) {
	load := func() *Snapshot {
		s, err := Load(file)
		if err != nil {
			panic(err)
		}
		return s
	}
	debug.FreeOSMemory()
	m.Empty, _ = resident()
	start := time.Now()
	s := load()
	m.Seconds = time.Since(start).Seconds()
	m.Loaded, m.Peak = resident()
	m.Domains = s.Domains()
	s2 := load()
	m.Reloaded, _ = resident()
	runtime.KeepAlive(s)
	s = nil
	debug.FreeOSMemory()
	m.Rest, _ = resident()
	runtime.KeepAlive(s2)
	return m
}

// resident returns the memory of this process in RAM, now and at most, or zeros if the system does not say.
func resident() (now, most int64) {
	f, err := os.Open("/proc/self/status")
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

// nameOf returns the i-th of many names, with lengths as in registries.
func nameOf(i int) settings.Domain {
	ends := [...]string{"com", "de", "net", "co.uk", "org", "example"}
	return settings.Domain(fmt.Sprintf("%s-%s.%s", strconv.FormatUint(uint64(i)*2654435761%1_000_003, 36), strconv.FormatUint(uint64(i)*40503, 36), ends[i%len(ends)]))
}

// writeList writes a configuration with a list of n names.
func writeList(tb testing.TB, n int) string {
	tb.Helper()
	var names strings.Builder
	for i := range n {
		names.WriteString(string(nameOf(i)) + "\n")
	}
	dir := tb.TempDir()
	write(tb, dir, "names.txt", names.String())
	return write(tb, dir, "domains.toml", "[profiles.shared]\nimap = \"imap.hoster.example\"\nsmtp = \"smtp.hoster.example\"\ndomains_file = \"names.txt\"\n")
}

// A name in a list costs at most 200 octets, including its own text.
func TestListMemory(t *testing.T) {
	const n = 200_000
	file := writeList(t, n)
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	s, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	per := (heap() - before) / n
	if s.Domains() != n || per > 200 {
		t.Errorf("%d names, %d octets each", s.Domains(), per)
	}
	if found, err := s.Lookup(t.Context(), settings.Question{Host: nameOf(n - 1)}); err != nil || len(found.Servers) != 4 {
		t.Errorf("the last name: %+v, %v", found, err)
	}
	runtime.KeepAlive(s)
}

func BenchmarkLoadMillion(b *testing.B) {
	if now, _ := resident(); now == 0 {
		b.Skip("this system does not report the memory of a process")
	}
	const n = 1_000_000
	file := writeList(b, n)
	binary, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	var sum measured
	rounds := 0
	for b.Loop() {
		child := exec.Command(binary)
		child.Env = append(os.Environ(), loadInChild+"="+file)
		child.Stderr = os.Stderr
		out, err := child.Output()
		if err != nil {
			b.Fatal(err)
		}
		var m measured
		if err := json.Unmarshal(out, &m); err != nil || m.Domains != n {
			b.Fatalf("%s, %v", out, err)
		}
		sum.Seconds += m.Seconds
		sum.Loaded += m.Loaded - m.Empty
		sum.Peak += m.Peak - m.Empty
		sum.Reloaded += m.Reloaded - m.Empty
		sum.Rest += m.Rest - m.Empty
		rounds++
	}
	per := func(octets int64) float64 { return float64(octets) / float64(rounds) / n }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(sum.Seconds/float64(rounds), "s/load")
	b.ReportMetric(per(sum.Loaded), "B/name")
	b.ReportMetric(per(sum.Peak), "B/name-at-most")
	b.ReportMetric(per(sum.Reloaded), "B/name-reloading")
	b.ReportMetric(per(sum.Rest), "B/name-reloaded")
}

// BenchmarkLookup looks up names in turn, and reports how much longer that takes among a million names than among ten.
func BenchmarkLookup(b *testing.B) {
	const many = 1_000_000
	ten, million := loadList(b, 10), loadList(b, many)
	questions := make([]settings.Question, 4096)
	few := make([]settings.Question, len(questions))
	for i := range questions {
		questions[i] = settings.Question{Address: settings.Address{Local: "ann", Domain: nameOf(i * (many / len(questions)))}}
		few[i] = settings.Question{Address: settings.Address{Local: "ann", Domain: nameOf(i % 10)}}
	}
	lookUp := func(s *Snapshot, questions []settings.Question, n int) time.Duration {
		start := time.Now()
		for i := range n {
			if _, err := s.Lookup(b.Context(), questions[i%len(questions)]); err != nil {
				b.Fatal(questions[i%len(questions)])
			}
		}
		return time.Since(start)
	}
	i := 0
	for b.Loop() {
		if _, err := million.Lookup(b.Context(), questions[i%len(questions)]); err != nil {
			b.Fatal(questions[i%len(questions)])
		}
		i++
	}
	n := max(i, 100_000)
	long, short := lookUp(million, questions, n), lookUp(ten, few, n)
	b.ReportMetric(float64(long)/float64(short), "times-ten-names")
	b.ReportMetric(float64(short)/float64(n), "ns/op-ten-names")
}

func loadList(b *testing.B, n int) *Snapshot {
	b.Helper()
	s, err := Load(filepath.FromSlash(writeList(b, n)))
	if err != nil {
		b.Fatal(err)
	}
	return s
}
