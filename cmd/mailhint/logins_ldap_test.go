package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mailhint/logins"
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
	directory := slapdtest.Start(t, directoryOf(5000))
	for range 5 { // a request that the machine makes wait for longer than the deadline gets no login name, and proves nothing
		if known, unknown := timesOfAddresses(t, directory); known != nil {
			compareTimes(t, known, unknown)
			return
		}
	}
	t.Error("the machine was too busy in each of five attempts")
}

// timesOfAddresses returns how long requests for addresses took that a directory knows, and for others. They are nil if not all were answered in
// time.
func timesOfAddresses(t *testing.T, directory *slapdtest.Server) (known, unknown []time.Duration) {
	t.Helper()
	const each = 2000
	p := startWithDirectory(t, directory, directory.Secure)
	defer p.stop()
	awaitPerson(t, p, 4999) // the first question waits for a connection
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
	wrong := make(chan string, 1) // the first answer that is
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
					select {
					case wrong <- fmt.Sprintf("%s: status %d, %v\n%s", fmt.Sprintf(k.format, i), status, err, body):
					default:
					}
					return
				}
				headers.Store(header, true)
				k.took[i] = took
			}
		})
	}
	asking.Wait()
	if _, metrics := ask(t, p.admin(), "localhost", "/-/metrics"); regexp.MustCompile(`(?m)^mailhint_login_requests_total\{lookup="people",result="(failed|slow|open)"\} [1-9]`).MatchString(metrics) {
		return nil, nil
	}
	select {
	case text := <-wrong:
		t.Error(text)
	default:
	}
	count := 0
	headers.Range(func(header, _ any) bool {
		if count++; count > 1 {
			t.Errorf("the headers differ: %s", header)
		}
		return true
	})
	return kinds[0].took, kinds[1].took
}

// compareTimes fails if one kind of address is answered faster.
func compareTimes(t *testing.T, known, unknown []time.Duration) {
	t.Helper()
	slices.Sort(known)
	slices.Sort(unknown)
	faster := probabilityFaster(known, unknown)
	t.Logf("medians: known %s, unknown %s; a known address is answered faster with probability %.3f", known[len(known)/2], unknown[len(unknown)/2], faster)
	// The probability is 0.5 if nothing differs; for so many requests its standard error is then 0.01.
	if faster < 0.45 || faster > 0.55 {
		t.Errorf("a known address is answered faster than an unknown one with probability %.3f", faster)
	}
}

// awaitPerson asks until the login name of a person is found, each time as another client.
func awaitPerson(t *testing.T, p *running, person int) {
	t.Helper()
	who, want := fmt.Sprintf("person.%04d@uni.example", person), fmt.Sprintf("<username>ab%04d</username>", person)
	n := 30_000
	eventually(t, "the directory's answer is used", func() bool {
		n++
		_, _, body, _, err := askAs(p.public(), who, n)
		return err == nil && strings.Contains(body, want)
	})
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
	awaitPerson(t, p, 0)
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
	const grace, attempts = 700 * time.Millisecond, 5 // for a machine with other work
	for i := 1; ; i++ {
		directory.Hang(t)
		slowest, others := flood(2)
		directory.Resume(t)
		if slowest <= logins.Deadline+grace && others[len(others)*9/10] <= grace {
			break
		}
		t.Logf("while the directory hangs, the slowest request takes %s; the slowest for another domain %s, nine of ten at most %s", slowest, others[len(others)-1], others[len(others)*9/10])
		if i == attempts {
			t.Errorf("the directory delays requests in each of %d attempts", attempts)
			break
		}
		awaitPerson(t, p, i) // until it is waited for again
	}
	directory.Kill()
	flood(1) // the question that hangs when the directory dies
	goroutines, memory := goroutinesNow(), heapNow()
	for i := 1; ; i++ {
		slowest, _ := flood(2)
		if slowest <= grace {
			break
		}
		t.Logf("the slowest request takes %s although the directory is known to be away", slowest)
		if i == attempts {
			t.Errorf("that is so in each of %d attempts", attempts)
			break
		}
	}
	grown := int64(heapNow()) - int64(memory)
	t.Logf("goroutines %d then %d, heap grown by %d KB", goroutines, goroutinesNow(), grown>>10)
	eventually(t, "the goroutines of the requests have ended", func() bool { return goroutinesNow()-goroutines <= 100 })
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
	awaitPerson(t, p, 42)
}

// goroutinesNow counts goroutines without those of connections that are idle.
func goroutinesNow() int {
	manyClients.CloseIdleConnections()
	return runtime.NumGoroutine()
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
