package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"mailhint/probe"
	"mailhint/resolver"
)

// listener notes every question, and lets one of them go unanswered.
type listener struct {
	*world
	silent string // a question; empty for none

	mu    sync.Mutex
	asked map[string]int // how often, by question
}

func (l *listener) hear(format string, args ...any) (silent bool) {
	question := fmt.Sprintf(format, args...)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked[question]++
	return question == l.silent
}

func timeout(name string) error {
	return &resolver.Error{Question: name, Kind: resolver.ErrFailed, Causes: []error{resolver.ErrTimeout}}
}

func (l *listener) Host(ctx context.Context, name string) ([]netip.Addr, string, error) {
	if l.hear("host %s", name) {
		return nil, name, timeout(name)
	}
	return l.world.Host(ctx, name)
}

func (l *listener) CNAME(ctx context.Context, name string) (string, error) {
	if l.hear("CNAME %s", name) {
		return "", timeout(name)
	}
	return l.world.CNAME(ctx, name)
}

func (l *listener) SRV(ctx context.Context, name string) ([]resolver.SRV, error) {
	if l.hear("SRV %s", name) {
		return nil, timeout(name)
	}
	return l.world.SRV(ctx, name)
}

func (l *listener) TXT(ctx context.Context, name string) ([]string, error) {
	if l.hear("TXT %s", name) {
		return nil, timeout(name)
	}
	return l.world.TXT(ctx, name)
}

func (l *listener) CAA(ctx context.Context, name string) ([]resolver.CAA, error) {
	if l.hear("CAA %s", name) {
		return nil, timeout(name)
	}
	return l.world.CAA(ctx, name)
}

func (l *listener) Look(ctx context.Context, host string, ports ...probe.Port) probe.Host {
	h := l.world.Look(ctx, host, ports...)
	for _, p := range ports {
		if l.hear("port %s:%d", host, p.Number) {
			for i, look := range h.Looks {
				if look.Port == p {
					h.Looks[i] = probe.Look{Port: p, Address: look.Address, State: probe.Silent}
				}
			}
		}
	}
	return h
}

func (l *listener) LookURL(ctx context.Context, q probe.Request) probe.Web {
	if l.hear("url %s", q.URL) {
		return probe.Web{URL: q.URL, State: probe.Silent, Err: errors.New("i/o timeout")}
	}
	return l.world.LookURL(ctx, q)
}

// listen examines a.example in a world with everything that doctor asks for. One question goes unanswered.
func listen(t *testing.T, silent string) (Report, map[string]int) {
	t.Helper()
	snapshot := load(t, services)
	w := newWorld(t, snapshot, "a.example")
	w.hosts["a.example"] = addresses("203.0.113.80")
	w.hosts["autoconfig.thunderbird.net"] = addresses("203.0.113.90")
	l := &listener{world: w, silent: silent, asked: make(map[string]int)}
	d := w.doctor()
	d.Resolver, d.Prober = l, l
	return d.Examine(t.Context(), find(t, snapshot, "a.example")), l.asked
}

// optional are questions whose answers cannot hide a problem: where clients ask only if they find nothing elsewhere, and what could at most
// add a warning.
var optional = regexp.MustCompile(`^(CNAME |host a\.example$|url http://|url https://a\.example/|url https://autoconfig\.thunderbird\.net/)`)

// TestSilence: whichever question goes unanswered, the report is not good, unless the answer could not have hidden a problem. So silence
// never makes the exit code 0.
func TestSilence(t *testing.T) {
	good, asked := listen(t, "")
	if len(good.Findings) > 0 || good.Incomplete || len(asked) < 30 {
		t.Fatalf("with all answers: %+v, not checked %q, %d questions", good.Findings, good.Unchecked, len(asked))
	}
	for _, question := range slices.Sorted(maps.Keys(asked)) {
		r, _ := listen(t, question)
		if isGood := len(r.Findings) == 0 && !r.Incomplete; isGood != optional.MatchString(question) {
			t.Errorf("%s: good %t, findings %+v, not checked %q", question, isGood, r.Findings, r.Unchecked)
		}
		var s Summary
		s.Add(r)
		if r.Incomplete && len(r.Findings) == 0 && (s.Unchecked != 1 || s.Nagios() != NagiosUnknown || r.Reason == "") {
			t.Errorf("%s: summary %+v, reason %q", question, s, r.Reason)
		}
	}
}

// TestAskedOnce: no question is asked twice, neither in one examination nor about what domains share.
func TestAskedOnce(t *testing.T) {
	_, asked := listen(t, "")
	for question, n := range asked {
		if n != 1 {
			t.Errorf("%s: asked %d times", question, n)
		}
	}

	text := "[profiles.shared]\nimap = \"mail.hoster.example\"\nsmtp = \"mail.hoster.example\"\ndomains = ["
	var names []string
	for i := range 40 {
		names = append(names, fmt.Sprintf("d%d.hosted.example", i))
		text += fmt.Sprintf("%q, ", names[i])
	}
	snapshot := load(t, text+"]\n")
	w := newWorld(t, snapshot, names...)
	l := &listener{world: w, asked: make(map[string]int)}
	d := w.doctor()
	d.Resolver, d.Prober, d.ISPDB = l, l, ""
	run := Run{Doctor: d, Parallel: 8, Domains: func(yield func(Domain) bool) {
		for _, name := range names {
			if !yield(find(t, snapshot, name)) {
				return
			}
		}
	}}
	if err := run.Examine(t.Context(), func(Report) error { return nil }); err != nil {
		t.Fatal(err)
	}
	for _, question := range []string{"host " + setupName, "CNAME mail.hoster.example", "CAA hosted.example", "CAA example", "port mail.hoster.example:993"} {
		if n := l.asked[question]; n != 1 {
			t.Errorf("%s: asked %d times for %d domains, want once", question, n, len(names))
		}
	}
}

// TestRandomName: the name by which a wildcard is recognized cannot be known before, so that no zone can have it, and is looked up only if
// a name points elsewhere.
func TestRandomName(t *testing.T) {
	random := regexp.MustCompile(`^host ([^.]{12,})\.a\.example$`)
	seen := make(map[string]bool)
	for i := range 3 {
		snapshot := load(t, usual)
		w := newWorld(t, snapshot, "a.example")
		if i > 0 {
			delete(w.cnames, "autoconfig.a.example")
			w.hosts["autoconfig.a.example"] = addresses("203.0.113.1")
		}
		l := &listener{world: w, asked: make(map[string]int)}
		d := w.doctor()
		d.Resolver, d.Prober, d.ISPDB = l, l, ""
		d.Examine(t.Context(), find(t, snapshot, "a.example"))
		for question := range l.asked {
			if found := random.FindStringSubmatch(question); found != nil && !strings.HasPrefix(found[1], "autodiscover") && !strings.HasPrefix(found[1], "ua-auto-config") {
				seen[found[1]] = true
			}
		}
		if len(seen) != i {
			t.Fatalf("examination %d: %d names so far, want %d: %v", i+1, len(seen), i, seen)
		}
	}
}

// TestHostileZones: however many records a zone has, few of its servers are asked, and the report stays short.
func TestHostileZones(t *testing.T) {
	snapshot := load(t, services)
	w := newWorld(t, snapshot, "a.example")
	delete(w.cnames, "autoconfig.a.example")
	for i := range 1000 {
		w.hosts["autoconfig.a.example"] = append(w.hosts["autoconfig.a.example"], netip.AddrFrom4([4]byte{203, 0, byte(i >> 8), byte(i)}))
		w.caa["a.example"] = append(w.caa["a.example"], resolver.CAA{Tag: "issue", Value: fmt.Sprintf("ca%d.example", i)})
		for name := range w.srv {
			w.srv[name] = append(w.srv[name], resolver.SRV{Port: 1, Target: fmt.Sprintf("%d.%s.evil.example", i, name)})
		}
		w.txt["_caldavs._tcp.a.example"] = append(w.txt["_caldavs._tcp.a.example"], fmt.Sprintf("path=/%d", i))
		w.txt["_ua-auto-config.a.example"] = append(w.txt["_ua-auto-config.a.example"], fmt.Sprintf("v=UAAC1; a=sha256; d=%d", i))
	}
	l := &listener{world: w, asked: make(map[string]int)}
	d := w.doctor()
	d.Resolver, d.Prober, d.ISPDB, d.Issuers = l, l, "", []Issuer{{Name: "ours.example"}}
	r := d.Examine(t.Context(), find(t, snapshot, "a.example"))
	aliases, urls := 0, 0
	for question, n := range l.asked {
		switch {
		case strings.HasPrefix(question, "CNAME "):
			aliases += n
		case strings.HasPrefix(question, "url "):
			urls += n
		}
	}
	t.Logf("asked about %d aliases and %d URLs", aliases, urls)
	if aliases > 40 || urls > 30 {
		t.Errorf("asked about %d aliases and %d URLs", aliases, urls)
	}
	text := r.Text(0, true)
	if len(r.Findings) > 100 || len(text) > 30_000 || len(codes(r)) < 3 {
		t.Errorf("%d findings, %d octets of text, codes %v", len(r.Findings), len(text), codes(r))
	}
}
