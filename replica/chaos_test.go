//go:build linux

package replica_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"mailhint/domains"
	"mailhint/edits"
	"mailhint/postgres"
	"mailhint/postgres/postgrestest"
)

// chaosTime is how long the test of faults lasts, and soakTime how long with SOAK set.
const (
	chaosTime = 30 * time.Second
	soakTime  = 10 * time.Minute
)

const (
	requestsPerSecond = 200
	changesPerSecond  = 20
	changing          = 200 // names that change all the time
	constant          = 200 // names that do not
)

// TestChaos runs three replicas behind a balancer, and a primary and a standby of PostgreSQL, kills them, cuts their connections and fails over,
// while requests come in and records change. No request fails, no answer is wrong, and in the end every replica has every change that was
// acknowledged, and no other.
func TestChaos(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a minute")
	}
	if _, err := exec.LookPath("haproxy"); err != nil {
		t.Skip("haproxy is not installed; make programs installs it")
	}
	t.Parallel()
	w := newWorld(t)
	w.fill(t)
	for _, r := range w.replicas {
		r.start(t)
	}
	for _, r := range w.replicas {
		r.awaitReady(t)
	}
	w.startBalancer(t)
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait() // also when something fails
	defer stop()
	running.Go(func() { w.requests(ctx, t) })
	running.Go(func() { w.changes(ctx) })
	duration := chaosTime
	if os.Getenv("SOAK") != "" {
		duration = soakTime
	}
	faults := w.faults(t, duration)
	w.settle(t)
	during := fmt.Sprintf("during the faults %d requests, %d changes acknowledged, %d not", w.answered.Load(), w.acknowledged.Load(), w.unknown.Load())
	w.awaitMore(t, int64(duration/time.Second)*requestsPerSecond*3/4, 100)
	stop()
	running.Wait()
	w.compare(t)
	t.Logf("%d requests, %d changes acknowledged, %d not; %s; %v", w.answered.Load(), w.acknowledged.Load(), w.unknown.Load(), during, faults)
}

// awaitMore waits until requests and changes have gone on without faults, and there were so many of them that the test means something: on a busy
// machine, most of the time is that of faults.
func (w *world) awaitMore(t *testing.T, requests, changes int64) {
	t.Helper()
	requests, changes = max(requests, w.answered.Load()+requestsPerSecond), max(changes, w.acknowledged.Load()+changesPerSecond/2)
	await(t, "there are too few requests or changes for the test to mean anything", func() bool {
		return w.answered.Load() >= requests && w.acknowledged.Load() >= changes
	})
}

// world is everything that the test runs.
type world struct {
	dir      string
	address  string // of this test, on loopback
	primary  *postgrestest.Server
	standby  *postgrestest.Server
	proxies  [2]*postgrestest.Proxy // of the primary and the standby, which change places
	main     int                    // the proxy of the primary
	database string
	store    *postgres.Store
	replicas []*process
	balancer int // its port

	answered, acknowledged, unknown atomic.Int64

	mu    sync.Mutex
	names []*history
}

// history is what a changing name has been.
type history struct {
	name  string
	tried []string // what it should have answered, by version; "" for not configured
	acked int      // the latest version that was acknowledged
	seen  map[string]int
}

func newWorld(t *testing.T) *world {
	w := &world{dir: t.TempDir(), address: fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(250), rand.IntN(250), 1+rand.IntN(250))}
	w.primary = postgrestest.Start(t)
	w.database = w.primary.Database(t)
	w.standby = w.primary.Standby(t)
	w.primary.Exec(t, "postgres", "ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()") // what is acknowledged is on both
	w.proxies[0], w.proxies[1] = w.primary.StartProxy(t), w.standby.StartProxy(t)
	url := fmt.Sprintf("postgres://%s@127.0.0.1:%d,127.0.0.1:%d/%s?sslmode=disable&target_session_attrs=read-write&connect_timeout=2", postgrestest.User, w.proxies[0].Port, w.proxies[1].Port, w.database)
	program := filepath.Join(w.dir, "mailhint")
	build := exec.Command("go", "build", "-o", program, "mailhint/cmd/mailhint")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	for i := range 3 {
		p := &process{program: program, dir: filepath.Join(w.dir, fmt.Sprint(i)), address: w.address, http: w.port(t), admin: w.port(t)}
		if err := os.Mkdir(p.dir, 0o700); err != nil {
			t.Fatal(err)
		}
		config := fmt.Sprintf("[server]\nhttp = [\"%s:%d\"]\nadmin = \"%s:%d\"\nstate_dir = \"state\"\nlimit_repeats = false\ntrusted_proxies = [\"127.0.0.0/8\"]\n[store]\ntype = \"postgres\"\nurl = %q\n%s",
			w.address, p.http, w.address, p.admin, url, sharedProfile)
		if err := os.WriteFile(p.config(), []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		w.replicas = append(w.replicas, p)
		t.Cleanup(func() { p.signal(syscall.SIGKILL) })
	}
	files := func() (*domains.Snapshot, error) { return domains.Load(w.replicas[0].config()) }
	if _, _, err := postgres.Migrate(t.Context(), postgres.Config{URL: url, Files: files}, true); err != nil {
		t.Fatal(err)
	}
	var err error
	if w.store, err = postgres.New(t.Context(), postgres.Config{URL: url, Files: files}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.store.Close)
	return w
}

const sharedProfile = "[profiles.shared]\nimap = \"imap.example.com\"\nsmtp = \"smtp.example.com\"\n"

// port returns a port that is free at the address of the test, which no other test has.
func (w *world) port(t testing.TB) int {
	l, err := net.Listen("tcp", w.address+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// fill adds the names.
func (w *world) fill(t *testing.T) {
	set := edits.ChangeSet{Actor: "test", Via: edits.Command}
	for i := range constant {
		set.Edits = append(set.Edits, edits.Edit{Ref: edits.Ref{Kind: edits.Domain, Name: constantName(i)}, Action: "add", Values: valuesOf(constantHost(i))})
	}
	for i := range changing {
		h := &history{name: fmt.Sprintf("changing%d.example", i), tried: []string{"imap.example.com"}, seen: make(map[string]int)}
		w.names = append(w.names, h)
		set.Edits = append(set.Edits, edits.Edit{Ref: edits.Ref{Kind: edits.Domain, Name: h.name}, Action: "add", Values: valuesOf(h.tried[0])})
	}
	if _, err := w.store.Apply(t.Context(), set); err != nil {
		t.Fatal(err)
	}
}

func constantName(i int) string { return fmt.Sprintf("constant%d.example", i) }

func constantHost(i int) string {
	if i%10 > 0 {
		return "imap.example.com"
	}
	return fmt.Sprintf("mail.constant%d.example", i)
}

// valuesOf returns the values of a record that answers with a host.
func valuesOf(host string) edits.Values {
	if host == "imap.example.com" {
		return edits.Values{"profile": "shared"}
	}
	return edits.Values{"imap": host, "smtp": host}
}

// process is a replica.
type process struct {
	program, dir, address string
	http, admin           int

	mu   sync.Mutex
	cmd  *exec.Cmd
	life int // how often it was started
	done chan struct{}
}

func (p *process) config() string { return filepath.Join(p.dir, "domains.toml") }

func (p *process) start(t testing.TB) {
	log, err := os.OpenFile(filepath.Join(p.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cmd = exec.Command(p.program, "serve", "--config", p.config())
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if p.done, err = startBound(p.cmd); err != nil {
		t.Fatal(err)
	}
	p.life++
}

// startBound starts a command that is killed when this process ends, however that happens. The kernel does that when the thread ends that has
// started it, so that one is kept. The channel is closed when the command has ended.
func startBound(cmd *exec.Cmd) (ended chan struct{}, err error) {
	ended = make(chan struct{})
	started := make(chan error)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait() // it is killed
			close(ended)
		}
	}()
	return ended, <-started
}

// signal ends the process, and waits for that.
func (p *process) signal(s syscall.Signal) {
	p.mu.Lock()
	cmd, done := p.cmd, p.done
	p.mu.Unlock()
	if cmd != nil {
		cmd.Process.Signal(s)
		<-done
	}
}

var direct = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// ready returns what the replica says about itself; "" if it is not ready.
func (p *process) ready() string {
	response, err := direct.Get(fmt.Sprintf("http://%s:%d/-/readyz", p.address, p.admin))
	if err != nil {
		return ""
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusOK {
		return ""
	}
	return string(text)
}

func (p *process) awaitReady(t testing.TB) {
	t.Helper()
	await(t, "the replica is not ready", func() bool { return p.ready() != "" })
}

func await(t testing.TB, what string, reached func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); !reached(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(what)
		}
	}
}

// startBalancer starts HAProxy. It tries a request again elsewhere when a replica dies while it answers.
func (w *world) startBalancer(t *testing.T) {
	w.balancer = w.port(t)
	var config strings.Builder
	fmt.Fprintf(&config, `global
    maxconn 500
defaults
    mode http
    timeout connect 2s
    timeout client 30s
    timeout server 10s
    timeout check 20s
    retries 5
    retry-on conn-failure empty-response response-timeout 503
    option redispatch 1
frontend public
    bind %s:%d
    default_backend replicas
backend replicas
    option httpchk
    http-check send meth GET uri /-/readyz hdr Host localhost
    http-response set-header X-Replica %%s
`, w.address, w.balancer)
	for i, r := range w.replicas {
		fmt.Fprintf(&config, "    server %d %s:%d check port %d inter 200ms fall 1 rise 1\n", i, r.address, r.http, r.admin)
	}
	file := filepath.Join(w.dir, "haproxy.cfg")
	if err := os.WriteFile(file, []byte(config.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd := exec.Command("haproxy", "-f", file, "-db")
	cmd.Stdout, cmd.Stderr = &out, &out
	ended, err := startBound(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		select {
		case <-ended:
			t.Errorf("the balancer has ended: %s", &out)
		default:
			cmd.Process.Kill()
			<-ended
		}
	})
	await(t, "the balancer does not answer", func() bool {
		host, _, err := ask(through, w.address, w.balancer, constantName(0))
		return err == nil && host == constantHost(0)
	})
}

var through = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 32}}

var hostname = regexp.MustCompile(`<hostname>([^<]*)</hostname>`)

// ask returns the first server that a name is answered with, "" for none, and the replica that has answered.
func ask(client *http.Client, address string, port int, name string) (host, replica string, err error) {
	request, err := http.NewRequest(http.MethodGet, fmt.Sprintf("http://%s:%d/mail/config-v1.1.xml?emailaddress=ann@%s", address, port, name), nil)
	if err != nil {
		return "", "", err
	}
	request.Host = "autoconfig." + name
	response, err := client.Do(request)
	if err != nil {
		return "", "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	replica = response.Header.Get("X-Replica")
	switch {
	case err != nil:
		return "", replica, err
	case response.StatusCode == http.StatusNotFound:
		return "", replica, nil
	case response.StatusCode != http.StatusOK:
		return "", replica, fmt.Errorf("status %d from replica %s: %.200s", response.StatusCode, replica, body)
	}
	found := hostname.FindSubmatch(body)
	if found == nil {
		return "", replica, errors.New("the answer has no host")
	}
	return string(found[1]), replica, nil
}

// requests sends requests through the balancer, and checks the answers.
func (w *world) requests(ctx context.Context, t *testing.T) {
	var running sync.WaitGroup
	defer running.Wait()
	ticker := time.NewTicker(time.Second / requestsPerSecond)
	defer ticker.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		running.Go(func() {
			var err error
			switch n % 4 {
			case 0:
				err = w.askConstant(n/4%constant, constantHost(n/4%constant))
			case 1:
				err = w.askConstant(constant+n, "")
			default:
				err = w.askChanging(w.names[n%changing])
			}
			if err != nil {
				t.Errorf("request %d: %v", n, err)
			}
			w.answered.Add(1)
		})
	}
}

func (w *world) askConstant(i int, want string) error {
	host, replica, err := ask(through, w.address, w.balancer, constantName(i))
	if err == nil && host != want {
		err = fmt.Errorf("replica %s answers %q for %s, want %q", replica, host, constantName(i), want)
	}
	return err
}

// askChanging asks for a name that changes. The answer must be one that somebody wanted, and none from before the one that the same life of a
// replica has given already.
func (w *world) askChanging(h *history) error {
	lives := w.lives()
	w.mu.Lock()
	seen := make(map[string]int)
	for life, version := range h.seen {
		seen[life] = version
	}
	w.mu.Unlock()
	host, replica, err := ask(through, w.address, w.balancer, h.name)
	if err != nil {
		return err
	}
	life := fmt.Sprint(replica, " ", lives)
	w.mu.Lock()
	defer w.mu.Unlock()
	version := slices.Index(h.tried[seen[life]:], host)
	if version < 0 {
		return fmt.Errorf("replica %s answers %q for %s, which was %q since what it had answered before", replica, host, h.name, h.tried[seen[life]:])
	}
	h.seen[life] = max(h.seen[life], seen[life]+version)
	return nil
}

// lives says how often each replica has been started.
func (w *world) lives() string {
	var lives []int
	for _, r := range w.replicas {
		r.mu.Lock()
		lives = append(lives, r.life)
		r.mu.Unlock()
	}
	return fmt.Sprint(lives)
}

// changes changes records, one after the other. Whether a change that fails has happened is not known.
func (w *world) changes(ctx context.Context) {
	for n := 1; ctx.Err() == nil; n++ {
		h := w.names[rand.IntN(changing)]
		host := fmt.Sprintf("v%d.example.com", n)
		switch n % 5 {
		case 0:
			host = ""
		case 1:
			host = "imap.example.com"
		}
		edit := edits.Edit{Ref: edits.Ref{Kind: edits.Domain, Name: h.name}, If: edits.Any, Action: "set"}
		if host != "" {
			edit.Values = valuesOf(host)
		}
		w.mu.Lock()
		version := len(h.tried)
		h.tried = append(h.tried, host)
		w.mu.Unlock()
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		_, err := w.store.Apply(limited, edits.ChangeSet{Edits: []edits.Edit{edit}, Actor: "test", Via: edits.API})
		cancel()
		if err == nil {
			w.acknowledged.Add(1)
			w.mu.Lock()
			h.acked = version
			w.mu.Unlock()
		} else {
			w.unknown.Add(1)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second / changesPerSecond):
		}
	}
}

// faults makes faults for a time, and returns how many of each.
func (w *world) faults(t *testing.T, duration time.Duration) map[string]int {
	list := []struct {
		name string
		make func()
	}{
		{"replica killed", func() { w.restartReplica(t, syscall.SIGKILL) }},
		{"replica stopped", func() { w.restartReplica(t, syscall.SIGTERM) }},
		{"database killed", func() { w.primary.Kill(t); pause(500); w.primary.Run(t) }},
		{"connections cut", func() { w.proxies[w.main].CloseAll() }},
		{"database unreachable", func() { w.proxies[w.main].Cut(); pause(2000); w.proxies[w.main].Restore() }},
		{"packets dropped", func() {
			w.proxies[w.main].Drop()
			pause(3000)
			w.proxies[w.main].Restore()
			w.proxies[w.main].CloseAll()
		}},
		{"network slow", func() { w.proxies[w.main].Delay(300 * time.Millisecond); pause(3000); w.proxies[w.main].Delay(0) }},
		{"replica started without database", func() {
			w.proxies[0].Cut()
			w.proxies[1].Cut()
			w.restartReplica(t, syscall.SIGKILL)
			w.proxies[0].Restore()
			w.proxies[1].Restore()
		}},
		{"standby promoted", func() { w.failOver(t) }},
	}
	made := make(map[string]int)
	order := rand.Perm(len(list))
	for n, begin := 0, time.Now(); time.Since(begin) < duration || n < len(list); n++ {
		fault := list[order[n%len(list)]]
		fault.make()
		made[fault.name]++
		pause(300)
	}
	return made
}

func pause(milliseconds int) { time.Sleep(time.Duration(milliseconds) * time.Millisecond) }

// restartReplica ends a replica, and starts it again. The next one is not ended before the balancer sends requests to this one again.
func (w *world) restartReplica(t *testing.T, s syscall.Signal) {
	i := rand.IntN(len(w.replicas))
	r := w.replicas[i]
	r.signal(s)
	r.start(t)
	r.awaitReady(t)
	pause(500) // the balancer notices that it was away
	await(t, fmt.Sprintf("the balancer sends nothing to replica %d", i), func() bool {
		_, replica, err := ask(through, w.address, w.balancer, constantName(0))
		return err == nil && replica == fmt.Sprint(i)
	})
}

// failOver kills the primary for good, promotes the standby, and makes a new one.
func (w *world) failOver(t *testing.T) {
	w.primary.AwaitStandby(t, w.standby) // it may have been made a moment ago
	w.primary.Kill(t)
	w.standby.Promote(t)
	w.primary, w.main = w.standby, 1-w.main
	w.standby = w.primary.Standby(t)
	w.primary.Exec(t, "postgres", "ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
	w.proxies[1-w.main].Redirect(w.standby)
}

// settle waits until all replicas follow the database.
func (w *world) settle(t *testing.T) {
	for i, r := range w.replicas {
		await(t, fmt.Sprintf("replica %d does not follow", i), func() bool { return strings.Contains(r.ready(), "\nstore: following, ") })
	}
}

// compare compares the replicas with the database, and that with what was acknowledged.
func (w *world) compare(t *testing.T) {
	position, err := w.store.Position(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range w.replicas {
		await(t, fmt.Sprintf("replica %d does not get to change %d: %s", i, position.Sequence, r.ready()), func() bool {
			return strings.Contains(r.ready(), fmt.Sprintf(" sequence %d,", position.Sequence))
		})
	}
	for _, h := range w.names {
		record, err := w.store.Get(t.Context(), edits.Ref{Kind: edits.Domain, Name: h.name})
		stored := ""
		switch {
		case errors.Is(err, edits.ErrNotFound):
		case err != nil:
			t.Fatal(err)
		default:
			if stored = "imap.example.com"; record.Values["imap"] != nil {
				stored = record.Values["imap"].(string)
			}
		}
		if !slices.Contains(h.tried[h.acked:], stored) {
			t.Errorf("the database has %q for %s; acknowledged was %q, and tried since %q", stored, h.name, h.tried[h.acked], h.tried[h.acked+1:])
		}
		for i, r := range w.replicas {
			host, _, err := ask(direct, r.address, r.http, h.name)
			if err != nil || host != stored {
				t.Errorf("replica %d answers %q, %v for %s; the database has %q", i, host, err, h.name, stored)
			}
		}
	}
}
