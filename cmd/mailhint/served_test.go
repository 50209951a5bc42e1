package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"mailhint/certs/pebbletest"
	"mailhint/domains"
	"mailhint/durable"
	"mailhint/server"
)

// replace writes a file as an edit does, and returns the digest of the whole configuration then.
func (r *running) replace(t *testing.T, file, text string) (digest string) {
	t.Helper()
	s, err := domains.Read(r.config, map[string][]byte{file: []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	if err := durable.Replace(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return s.Snapshot.Digest()
}

// awaitServed is AwaitServed, again and again while a busy machine has not read the files in time.
func (r *running) awaitServed(digest string) (served server.Served) {
	for end := time.Now().Add(time.Minute); ; {
		served = server.AwaitServed(context.Background(), domains.Server{Admin: r.admin()}, r.config, digest, time.Now())
		if served.Status != server.NotRead || time.Now().After(end) {
			return served
		}
	}
}

// A command that has changed the configuration learns whether the running server serves it.
func TestAwaitServed(t *testing.T) {
	t.Parallel()
	var list strings.Builder
	for i := range 30 {
		fmt.Fprintf(&list, "customer%d.example\n", i)
	}
	names := filepath.Join(t.TempDir(), "names.txt")
	write(t, names, list.String())
	r := startProgram(t, oneDomain+"[profiles.hosted]\nimap = \"imap.example.com\"\nsmtp = \"smtp.example.com\"\ndomains_file = \""+names+"\"\n")
	answered := func(host string) bool {
		status, _ := ask(t, r.public(), host, path)
		return status == http.StatusOK
	}

	got := r.awaitServed(r.replace(t, names, list.String()+"new.example\n"))
	if got.Status != server.Serving || !strings.HasPrefix(got.String(), "served by the running server a") || !answered("autoconfig.new.example") {
		t.Errorf("a new domain: %q", got)
	}
	got = r.awaitServed(r.replace(t, names, "customer0.example\n"))
	const held = "32 domains would become 2; send SIGHUP (systemctl reload mailhint) to accept"
	if want := "saved, but held back by the running server: " + held; got.Status != server.NotYet || got.String() != want || !answered("autoconfig.customer29.example") {
		t.Errorf("a shrinking list: %q, want %q", got, want)
	}
	got = server.AwaitServed(t.Context(), domains.Server{Admin: r.admin()}, names, "0123", time.Now())
	if want := "saved, but not seen to be served: the server at " + r.admin() + " serves another file, " + r.config; got.Status != server.OtherFile || got.String() != want {
		t.Errorf("another file: %q, want %q", got, want)
	}
}

// Where no server can be asked, the command says so at once.
func TestAwaitServedWithoutServer(t *testing.T) {
	t.Parallel()
	nobody := pebbletest.FreeAddress(t)
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	for admin, want := range map[string]string{
		"":                             "whether a server serves it is not known: admin is \"\"",
		"127.0.0.1:0":                  "whether a server serves it is not known: admin is \"127.0.0.1:0\"",
		nobody:                         "not seen to be served: no server listens at " + nobody,
		other.Listener.Addr().String(): "is not the admin listener of this version",
	} {
		start := time.Now()
		got := server.AwaitServed(t.Context(), domains.Server{Admin: admin}, "domains.toml", "0123", start)
		if !strings.Contains(got.String(), want) {
			t.Errorf("admin %q: %q, want %q", admin, got, want)
		}
		if took := time.Since(start); took > 4*time.Second {
			t.Errorf("admin %q: answered after %v, want at once", admin, took)
		}
	}
}

// loadTestEdits is the variable with the number of edits that TestEditsUnderLoad makes.
const loadTestEdits = "MAILHINT_TEST_EDITS"

// While the configuration is edited, a server that gets 200 requests a second never gives a wrong answer, and serves each edit soon. Every
// other edit is not announced to it.
func TestEditsUnderLoad(t *testing.T) {
	t.Parallel()
	edits := 6
	if text := os.Getenv(loadTestEdits); text != "" {
		var err error
		if edits, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	config := func(i int) string {
		text := strings.Replace(oneDomain, "admin =", "limit_repeats = false\nadmin =", 1)
		return strings.Replace(text, "imap.example.com", fmt.Sprintf("imap%d.example.com", i), 1) + strings.Repeat("# another line\n", i%7)
	}
	r := startProgram(t, config(0)+"\n")
	var (
		mu    sync.Mutex
		right = []string{"imap0.example.com"}
		asked int
	)
	set := func(hosts ...string) {
		mu.Lock()
		defer mu.Unlock()
		right = hosts
	}
	host := func() string {
		_, body := ask(t, r.public(), "autoconfig.example.com", path)
		_, rest, _ := strings.Cut(body, "<hostname>")
		found, _, _ := strings.Cut(rest, "<")
		return found
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		for tick := time.NewTicker(time.Second / 200); ctx.Err() == nil; <-tick.C {
			mu.Lock()
			before := right
			mu.Unlock()
			got := host()
			mu.Lock()
			if asked++; !slices.Contains(before, got) && !slices.Contains(right, got) {
				t.Errorf("request %d is answered with %q, want one of %q", asked, got, right)
			}
			mu.Unlock()
		}
	})
	var announced, noticed []time.Duration
	for i := range edits {
		was, is := fmt.Sprintf("imap%d.example.com", i), fmt.Sprintf("imap%d.example.com", i+1)
		set(was, is)
		digest := r.replace(t, r.config, config(i+1))
		saved := time.Now()
		if i%2 == 0 {
			if got := r.awaitServed(digest); got.Status != server.Serving {
				t.Errorf("edit %d: %q", i, got)
			}
			announced = append(announced, time.Since(saved))
		} else {
			eventually(t, "the edit is served", func() bool { return host() == is })
			noticed = append(noticed, time.Since(saved))
		}
		set(is)
		if got := host(); got != is {
			t.Errorf("edit %d is answered with %q after it was said to be served, want %q", i, got, is)
		}
	}
	stop()
	running.Wait()
	t.Logf("%d edits during %d requests; served after at most %v if announced, and %v if not", edits, asked, slices.Max(announced), slices.Max(noticed))
	if longest := max(slices.Max(announced), slices.Max(noticed)); longest > 20*time.Second {
		t.Errorf("an edit was served after %v", longest)
	}
}
