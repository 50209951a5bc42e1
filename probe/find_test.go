package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"mailhint/resolver"
	"mailhint/settings"
)

// world is a small Internet: a case of testdata/domains.txtar, which explains the form.
type world struct {
	name, ask string
	hosts     map[string][]netip.Addr
	mx        map[string][]resolver.MX
	srv       map[string][]resolver.SRV
	txt       map[string][]string
	failing   []string
	partly    []string
	ports     map[string][]string // "address:port": TLS mode, names and more
	want      map[string][]string
}

func (w *world) Host(_ context.Context, name string) ([]netip.Addr, string, error) {
	if slices.Contains(w.failing, name) {
		return nil, name, resolver.ErrFailed
	}
	if slices.Contains(w.partly, name) {
		return w.hosts[name], name, resolver.ErrFailed
	}
	if a, ok := w.hosts[name]; ok {
		return a, name, nil
	}
	_, parent, _ := strings.Cut(name, ".")
	if a, ok := w.hosts["*."+parent]; ok {
		return a, name, nil
	}
	return nil, name, resolver.ErrNone
}

func (w *world) MX(_ context.Context, name string) ([]resolver.MX, error) {
	if slices.Contains(w.failing, name) {
		return nil, resolver.ErrFailed
	}
	return noneIfEmpty(w.mx[name])
}

func (w *world) SRV(_ context.Context, name string) ([]resolver.SRV, error) {
	if slices.Contains(w.failing, name) {
		return nil, resolver.ErrFailed
	}
	return noneIfEmpty(w.srv[name])
}

func (w *world) TXT(_ context.Context, name string) ([]string, error) {
	return noneIfEmpty(w.txt[name])
}

func noneIfEmpty[T any](records []T) ([]T, error) {
	if len(records) == 0 {
		return nil, resolver.ErrNone
	}
	return records, nil
}

func readWorlds(t *testing.T) []*world {
	t.Helper()
	archive, err := txtar.ParseFile("testdata/domains.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var all []*world
	for _, file := range archive.Files {
		w := &world{
			name: file.Name, hosts: make(map[string][]netip.Addr), mx: make(map[string][]resolver.MX), srv: make(map[string][]resolver.SRV),
			txt:   make(map[string][]string),
			ports: make(map[string][]string), want: make(map[string][]string),
		}
		for line := range strings.Lines(string(file.Data)) {
			if err := w.read(strings.TrimSpace(line)); err != nil {
				t.Fatalf("%s: %q: %v", file.Name, line, err)
			}
		}
		all = append(all, w)
	}
	return all
}

func (w *world) read(line string) (err error) {
	words := strings.Fields(line)
	if len(words) < 2 {
		return nil
	}
	_, rest, _ := strings.Cut(line, " ")
	switch words[0] {
	case "ask":
		w.ask = rest
	case "A":
		for _, a := range words[2:] {
			w.hosts[words[1]] = append(w.hosts[words[1]], netip.MustParseAddr(a))
		}
	case "MX":
		w.mx[words[1]] = append(w.mx[words[1]], resolver.MX{Preference: 10, Host: strings.TrimSuffix(words[2], ".")})
	case "SRV":
		var port int
		port, err = strconv.Atoi(words[2])
		w.srv[words[1]] = append(w.srv[words[1]], resolver.SRV{Port: uint16(port), Target: strings.TrimSuffix(words[3], ".")})
	case "TXT":
		w.txt[words[1]] = append(w.txt[words[1]], words[2])
	case "fails":
		w.failing = append(w.failing, words[1:]...)
	case "partly":
		w.partly = append(w.partly, words[1:]...)
	case "port":
		for _, port := range strings.Split(words[2], ",") {
			w.ports[net.JoinHostPort(words[1], port)] = append(words[3:], "", "")
		}
	case "domain", "server", "service", "problem", "remark", "error":
		w.want[words[0]] = append(w.want[words[0]], rest)
	default:
		err = errors.New("unknown line")
	}
	return err
}

func TestFind(t *testing.T) {
	good, bad := newAuthority(t, "Test CA", nil), newAuthority(t, "Other CA", nil)
	for _, w := range readWorlds(t) {
		inBubble(t, w.name, func(t *testing.T) {
			p := &Prober{Resolver: w, Roots: good.pool(), Dial: w.dial(t, good, bad), Step: testStep, Now: func() time.Time { return testTime }}
			name, err := settings.ParseDomain(w.ask)
			if err != nil {
				t.Fatal(err)
			}
			f, err := p.Find(t.Context(), Search{Name: name, DNS: w})
			if want := w.want["error"]; want != nil || err != nil {
				if want == nil || err == nil || !errors.Is(err, resolver.ErrFailed) {
					t.Errorf("error %v, want %q", err, want)
				}
				return
			}
			var urls []string
			for _, s := range f.Servers {
				urls = append(urls, fmt.Sprintf("%s %s", s.URL(), s.Auth))
			}
			if !slices.Equal(urls, w.want["server"]) {
				t.Errorf("servers\n  %s\nwant\n  %s", strings.Join(urls, "\n  "), strings.Join(w.want["server"], "\n  "))
			}
			if want := w.want["domain"]; want != nil && string(f.Domain) != want[0] {
				t.Errorf("domain %s, want %s", f.Domain, want[0])
			}
			var services []string
			for _, s := range f.Services {
				if s.Fault == "" {
					services = append(services, s.Name+" "+string(s.URL))
				}
			}
			if !slices.Equal(services, w.want["service"]) {
				t.Errorf("services %q, want %q", services, w.want["service"])
			}
			matches(t, "problem", f.Problems, w.want["problem"])
			matches(t, "remark", f.Remarks, w.want["remark"])
			if t.Failed() {
				for _, h := range f.Hosts {
					for _, l := range h.Looks {
						t.Logf("%s port %d at %s: %s", h.Name, l.Port.Number, l.Address, l.Summary(testTime))
					}
				}
			}
		})
	}
}

// matches compares texts with patterns, one for each in their order.
func matches(t *testing.T, what string, got, want []string) {
	t.Helper()
	ok := len(got) == len(want)
	for i := 0; ok && i < len(got); i++ {
		ok = regexp.MustCompile(want[i]).MatchString(got[i])
	}
	if !ok {
		t.Errorf("%ss\n  %s\nwant\n  %s", what, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}
