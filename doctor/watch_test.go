package doctor

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mailhint/domains"
)

// watched is a running Watch.
type watched struct {
	*fakeDNS
	file string
	out  bytes.Buffer
	done chan error
}

func watch(t *testing.T, ctx context.Context, config string, hosts ...string) *watched {
	t.Helper()
	w := &watched{fakeDNS: &fakeDNS{hosts: make(map[string]netip.Addr)}, file: filepath.Join(t.TempDir(), "domains.toml"),
		done: make(chan error, 1)}
	for _, host := range hosts {
		w.set(host, true)
	}
	w.write(t, config)
	run, err := w.prepare()
	if err != nil {
		t.Fatal(err)
	}
	go func() { w.done <- Watch(ctx, &w.out, time.Minute, run, w.prepare) }()
	return w
}

func (w *watched) prepare() (Run, error) {
	snapshot, err := domains.Load(w.file)
	if err != nil {
		return Run{}, err
	}
	d := &Doctor{Resolver: w.fakeDNS, Prober: w.fakeDNS, Server: snapshot.Server.Name, Only: []string{"D01"}}
	run := Run{Doctor: d, Parallel: 2}
	run.Domains, run.Total = AllTargets(context.Background(), snapshot)
	return run, nil
}

func (w *watched) write(t *testing.T, config string) {
	t.Helper()
	if err := os.WriteFile(w.file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
}

// round waits for the next examination and returns what it printed, without the time.
func (w *watched) round() string {
	time.Sleep(time.Minute)
	synctest.Wait()
	defer w.out.Reset()
	return regexp.MustCompile(`(?m)^[-0-9]{10} [:0-9]{8} `).ReplaceAllString(w.out.String(), "")
}

const watchedConfig = "[server]\nname = \"setup.example.net\"\n[domains.\"a.example\"]\nimap = \"mail.a.example\"\nsmtp = \"mail.a.example\"\n"

// TestWatch: only changes are printed, of the world and of the configuration.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		w := watch(t, ctx, watchedConfig, "setup.example.net", "mail.a.example", "autoconfig.a.example", "autodiscover.a.example")
		missing := func(host string) string {
			text := "no address in DNS"
			if strings.HasPrefix(host, "mail.") {
				text = "this mail server has no address in DNS"
			}
			return host[strings.Index(host, ".")+1:] + " D01 " + host + ": " + text + "\n"
		}
		steps := []struct {
			what   string
			change func()
			want   string
		}{
			{"everything is good", func() {}, "good\n"},
			{"nothing changes", func() {}, ""},
			{"a name disappears", func() { w.set("autoconfig.a.example", false) }, "+ " + missing("autoconfig.a.example")},
			{"it is still missing", func() {}, ""},
			{"a mail server disappears, and the name is back", func() { w.set("autoconfig.a.example", true); w.set("mail.a.example", false) },
				"+ " + missing("mail.a.example") + "- " + missing("autoconfig.a.example")},
			{"a broken configuration", func() { w.write(t, "nonsense") },
				`\+ the configuration cannot be used, still using the previous one: .*domains.toml.*\n`},
			{"still broken, and the mail server is back", func() { w.set("mail.a.example", true) }, "- " + missing("mail.a.example")},
			{"one more domain", func() {
				w.write(t, strings.Replace(watchedConfig, "imap", "aliases = [\"b.example\"]\nimap", 1))
				w.set("autoconfig.b.example", true)
			}, "(?s)\\+ " + missing("autodiscover.b.example") + "- the configuration .*"},
			{"everything is good again", func() { w.set("autodiscover.b.example", true) }, "- " + missing("autodiscover.b.example")},
		}
		for i, step := range steps {
			if i > 0 {
				step.change()
			} else {
				time.Sleep(-time.Minute + time.Second)
			}
			want := step.want
			if !strings.Contains(want, ".*") {
				want = regexp.QuoteMeta(want)
			}
			if got := w.round(); !regexp.MustCompile("^" + want + "$").MatchString(got) {
				t.Fatalf("%s: got %q, want %q", step.what, got, want)
			}
		}
		cancel()
		if err := <-w.done; err != nil {
			t.Error(err)
		}
	})
}

// TestWatchEnds: Watch ends at once when told to, even if something hangs.
func TestWatchEnds(t *testing.T) {
	for _, slow := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			w := watch(t, ctx, watchedConfig)
			w.mu.Lock()
			w.slow = slow
			w.mu.Unlock()
			time.Sleep(90 * time.Second)
			cancel()
			start := time.Now()
			if err := <-w.done; err != nil || time.Since(start) > 0 {
				t.Errorf("hanging %t: ending took %s: %v", slow, time.Since(start), err)
			}
		})
	}
}

// TestWatchOutput: an error of the output ends it.
func TestWatchOutput(t *testing.T) {
	if err := printChanges(brokenWriter{}, nil, []string{"a"}); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v", err)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
