package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mailhint/logins/ldap/slapdtest"
)

// startWithDirectory runs the program with a look-up in a directory for uni.example. Requests come through a proxy, so that each can have a
// client of its own.
func startWithDirectory(t *testing.T, directory *slapdtest.Server, urls ...string) *running {
	t.Helper()
	var quoted []string
	for _, u := range urls {
		quoted = append(quoted, fmt.Sprintf("%q", u))
	}
	return startProgram(t, fmt.Sprintf(`
[server]
http = ["127.0.0.1:0"]
admin = "127.0.0.1:0"
trusted_proxies = ["127.0.0.1"]

[domains."uni.example"]
imap = "imap.uni.example"
smtp = "smtp.uni.example"
login = { lookup = "people", hint = "your UniID, for example ab123" }

[domains."other.example"]
imap = "imap.other.example"
smtp = "smtp.other.example"

[lookups.people]
type = "ldap"
url = [%s]
ca = %q
base = %q
attribute = "uid"
bind_dn = %q
bind_password_file = %q
unknown = "%%EMAILLOCALPART%%"
`, strings.Join(quoted, ", "), directory.CA, slapdtest.Base, slapdtest.BindDN, directory.PasswordFile))
}

// manyClients keeps connections for many requests at once.
var manyClients = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 300}}

// askAs asks for the settings of an address as the n-th client, and returns status, headers without those that say how long or when, body, and
// how long it took.
func askAs(address, who string, n int) (status int, headers, body string, took time.Duration, err error) {
	_, domain, _ := strings.Cut(who, "@")
	r, err := http.NewRequest(http.MethodGet, "http://"+address+path+"?emailaddress="+url.QueryEscape(who), nil)
	if err != nil {
		return 0, "", "", 0, err
	}
	r.Host = "autoconfig." + domain
	r.Header.Set("X-Forwarded-For", fmt.Sprintf("10.%d.%d.1", n>>8, n&0xff))
	r.Header.Set("X-Forwarded-Proto", "https")
	began := time.Now()
	response, err := manyClients.Do(r)
	if err != nil {
		return 0, "", "", 0, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	took = time.Since(began)
	response.Header.Del("Date")
	response.Header.Del("Content-Length")
	return response.StatusCode, fmt.Sprint(response.Header), string(text), took, err
}

func directoryOf(people int) string {
	var b strings.Builder
	for i := range people {
		b.WriteString(slapdtest.Person(fmt.Sprintf("ab%04d", i), "mail", fmt.Sprintf("person.%04d@uni.example", i)))
	}
	return b.String()
}

// An address that the directory does not know is answered like one that it knows, in the same time: of two requests, one of each kind, either is
// the faster one equally often.
func TestUnknownAddressesTakeAsLong(t *testing.T) {
	const each = 2000
	directory := slapdtest.Start(t, directoryOf(5000))
	p := startWithDirectory(t, directory, directory.Secure)
	type kind struct {
		format, login string
		took          []time.Duration
	}
	kinds := [2]kind{{format: "person.%04d@uni.example", login: "ab%04d"}, {format: "nobody.%04d@uni.example", login: "nobody.%04d"}}
	for i := range kinds {
		kinds[i].took = make([]time.Duration, each)
	}
	var next atomic.Int64
	var asking sync.WaitGroup
	var headers sync.Map
	for range 16 {
		asking.Go(func() {
			for {
				n := int(next.Add(1) - 1)
				if n >= 2*each {
					return
				}
				i, k := n/2, &kinds[(n+n/2)%2] // now one kind first, now the other
				status, header, body, took, err := askAs(p.public(), fmt.Sprintf(k.format, i), n)
				if err != nil || status != http.StatusOK || !strings.Contains(body, "<username>"+fmt.Sprintf(k.login, i)+"</username>") {
					t.Errorf("status %d, %v\n%s", status, err, body)
					return
				}
				headers.Store(header, true)
				k.took[i] = took
			}
		})
	}
	asking.Wait()
	count := 0
	headers.Range(func(header, _ any) bool {
		if count++; count > 1 {
			t.Errorf("the headers differ: %s", header)
		}
		return true
	})
	for _, k := range kinds {
		slices.Sort(k.took)
	}
	t.Logf("medians: known %s, unknown %s", kinds[0].took[each/2], kinds[1].took[each/2])
	// The probability is 0.5 if nothing differs; for so many requests its standard error is then 0.01.
	if faster := probabilityFaster(kinds[0].took, kinds[1].took); faster < 0.45 || faster > 0.55 {
		t.Errorf("a known address is answered faster than an unknown one with probability %.3f", faster)
	} else {
		t.Logf("a known address is answered faster than an unknown one with probability %.3f", faster)
	}
}

// probabilityFaster is the probability that a value of one sorted sample is less than one of another, half of it if they are equal: the statistic
// of Mann and Whitney.
func probabilityFaster[T cmp.Ordered](a, b []T) float64 {
	less := 0.0
	for _, x := range a {
		from, _ := slices.BinarySearch(b, x)
		to := from
		for to < len(b) && b[to] == x {
			to++
		}
		less += float64(len(b)-to) + float64(to-from)/2
	}
	return less / float64(len(a)*len(b))
}

// 200 requests a second while the directory hangs, and then is away: no request fails, none takes longer than the deadline, those for other
// domains are not harmed, and nothing grows. When the directory is back, so are the names.
func TestDirectoryAway(t *testing.T) {
	directory := slapdtest.Start(t, directoryOf(100))
	p := startWithDirectory(t, directory, directory.Plain)
	if _, _, body, _, err := askAs(p.public(), "person.0000@uni.example", 0); err != nil || !strings.Contains(body, "<username>ab0000</username>") {
		t.Fatalf("before: %v\n%s", err, body)
	}
	n := 1
	flood := func(seconds int) (slowest time.Duration, others []time.Duration) {
		const perSecond = 200
		var mu sync.Mutex
		var asking sync.WaitGroup
		tick := time.NewTicker(time.Second / perSecond)
		defer tick.Stop()
		for range seconds * perSecond {
			<-tick.C
			n++
			asking.Go(func(n int) func() {
				return func() {
					who, want := fmt.Sprintf("someone.%d@uni.example", n), fmt.Sprintf("<username>someone.%d</username>", n)
					if n%10 == 0 {
						who, want = fmt.Sprintf("someone.%d@other.example", n), "<username>%EMAILADDRESS%</username>"
					}
					status, _, body, took, err := askAs(p.public(), who, n)
					mu.Lock()
					defer mu.Unlock()
					if err != nil || status != http.StatusOK || !strings.Contains(body, want) {
						t.Errorf("%s: status %d, %v\n%s", who, status, err, body)
					}
					if slowest = max(slowest, took); n%10 == 0 {
						others = append(others, took)
					}
				}
			}(n))
		}
		asking.Wait()
		slices.Sort(others)
		return slowest, others
	}
	const grace = 700 * time.Millisecond // for a machine with other work
	directory.Hang(t)
	slowest, others := flood(2)
	if slowest > 800*time.Millisecond+grace || others[len(others)*9/10] > grace {
		t.Errorf("the slowest request took %s, those for another domain up to %s", slowest, others[len(others)-1])
	}
	directory.Resume(t)
	directory.Kill()
	flood(1) // the question that hangs when the directory dies
	goroutines, memory := runtime.NumGoroutine(), heapNow()
	slowest, _ = flood(2)
	grown := int64(heapNow()) - int64(memory)
	t.Logf("slowest %s, goroutines %d then %d, heap grown by %d KB", slowest, goroutines, runtime.NumGoroutine(), grown>>10)
	if slowest > grace {
		t.Errorf("the slowest request took %s although the directory is known to be away", slowest)
	}
	if more := runtime.NumGoroutine() - goroutines; more > 100 {
		t.Errorf("%d more goroutines", more)
	}
	if grown > 8<<20 {
		t.Errorf("the heap has grown by %d KB", grown>>10)
	}
	if _, body := ask(t, p.admin(), "localhost", "/-/readyz"); !strings.Contains(body, "login names from people: fails, not waited for: ") {
		t.Errorf("/-/readyz:\n%s", body)
	}
	if strings.Contains(p.log.String(), "someone") {
		t.Errorf("addresses are in the log:\n%s", p.log)
	}
	directory.Restart(t)
	eventually(t, "the names are back", func() bool {
		n++
		_, _, body, _, err := askAs(p.public(), "person.0042@uni.example", n)
		return err == nil && strings.Contains(body, "<username>ab0042</username>")
	})
}

func heapNow() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// With several directories, one that does not answer costs little.
func TestShowAsksTheDirectory(t *testing.T) {
	directory := slapdtest.Start(t, directoryOf(10))
	p := startWithDirectory(t, directory, "ldaps://127.0.0.1:1", directory.Secure)
	p.stop()
	out, err := runCommand(t, "show", "person.0003@uni.example", "--config", p.config)
	if err != nil || !strings.Contains(out, `look-up people: "ab0003" (`) || !strings.Contains(out, "<username>ab0003</username>") {
		t.Errorf("%v\n%s", err, out)
	}
	directory.Kill()
	out, err = runCommand(t, "show", "person.0003@uni.example", "--config", p.config)
	if err != nil || !strings.Contains(out, "look-up people: ldaps://127.0.0.1:1: ") || !strings.Contains(out, "refused; the answer has the login name for unknown addresses (") ||
		!strings.Contains(out, "<username>person.0003</username>") {
		t.Errorf("%v\n%s", err, out)
	}
}

// runCommand runs a command and returns what it prints.
func runCommand(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(&out)
	root.SetErr(&out)
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}
