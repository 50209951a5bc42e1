package doctor

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mailhint/probe"
	"mailhint/resolver"
	"mailhint/settings"
)

// fakeDNS knows addresses only. Look-ups hang while slow is true.
type fakeDNS struct {
	mu     sync.Mutex
	hosts  map[string]netip.Addr
	slow   bool
	asking int // at the moment
	peak   int // at a time
}

func (f *fakeDNS) set(name string, there bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if delete(f.hosts, name); there {
		f.hosts[name] = netip.MustParseAddr("192.0.2.1")
	}
}

func (f *fakeDNS) Host(ctx context.Context, name string) ([]netip.Addr, string, error) {
	f.mu.Lock()
	slow, a := f.slow, f.hosts[name]
	f.mu.Unlock()
	if slow {
		<-ctx.Done()
		return nil, name, fmt.Errorf("%s: %w", name, resolver.ErrFailed)
	}
	if !a.IsValid() {
		return nil, name, fmt.Errorf("%s: %w", name, resolver.ErrNone)
	}
	return []netip.Addr{a}, name, nil
}

func (f *fakeDNS) CNAME(context.Context, string) (string, error)          { return "", resolver.ErrNone }
func (f *fakeDNS) SRV(context.Context, string) ([]resolver.SRV, error)    { return nil, resolver.ErrNone }
func (f *fakeDNS) TXT(context.Context, string) ([]string, error)          { return nil, resolver.ErrNone }
func (f *fakeDNS) CAA(context.Context, string) ([]resolver.CAA, error)    { return nil, resolver.ErrNone }
func (f *fakeDNS) LookURL(context.Context, probe.Request) (w probe.Web)   { return w }
func (f *fakeDNS) Look(context.Context, string, ...probe.Port) probe.Host { return probe.Host{} }

// counted counts the domains that are examined at the same time, and takes a second for each.
type counted struct{ *fakeDNS }

func (c counted) Host(ctx context.Context, name string) ([]netip.Addr, string, error) {
	if strings.HasPrefix(name, "autoconfig.") {
		c.mu.Lock()
		c.asking++
		c.peak = max(c.peak, c.asking)
		c.mu.Unlock()
		time.Sleep(time.Second)
		c.mu.Lock()
		c.asking--
		c.mu.Unlock()
	}
	return c.fakeDNS.Host(ctx, name)
}

// TestParallel: the given number of domains are examined at a time, and the reports come in order.
func TestParallel(t *testing.T) {
	for _, parallel := range []int{1, 2, 7} {
		synctest.Test(t, func(t *testing.T) {
			dns := &fakeDNS{}
			run := Run{Doctor: &Doctor{Resolver: counted{dns}, Prober: dns, Only: []string{"D01"}}, Parallel: parallel}
			run.Domains = func(yield func(Domain) bool) {
				for i := range 30 {
					name := settings.Domain(fmt.Sprintf("d%d.example", i))
					if !yield(Domain{Found: settings.Found{Settings: &settings.Settings{}, Domain: name, Primary: name}}) {
						return
					}
				}
			}
			n := 0
			err := run.Examine(t.Context(), func(r Report) error {
				if want := settings.Domain(fmt.Sprintf("d%d.example", n)); r.Domain != want {
					t.Errorf("got %s, want %s", r.Domain, want)
				}
				n++
				return nil
			})
			if err != nil || n != 30 || dns.peak != parallel {
				t.Errorf("parallel %d: %d reports, %d at a time, %v", parallel, n, dns.peak, err)
			}
		})
	}
}
