package probe

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mailhint/resolver"
)

// wide is a hostile zone: every name has an address, many mail exchangers in domains of their own, and many SRV records.
type wide struct {
	records int
	lookUps atomic.Int64 // of hosts
}

func (w *wide) Host(_ context.Context, name string) ([]netip.Addr, string, error) {
	w.lookUps.Add(1)
	if len(name) > 30 { // a random name: there is no wildcard
		return nil, name, resolver.ErrNoSuchName
	}
	return []netip.Addr{netip.MustParseAddr("192.0.2.1")}, name, nil
}

func (w *wide) MX(context.Context, string) (mx []resolver.MX, err error) {
	for i := range w.records {
		mx = append(mx, resolver.MX{Preference: uint16(i), Host: fmt.Sprintf("mx.inside.d%d.example", i)})
	}
	return mx, nil
}

func (w *wide) SRV(_ context.Context, name string) (places []resolver.SRV, err error) {
	for i := range w.records {
		places = append(places, resolver.SRV{Port: 993, Target: fmt.Sprintf("h%d.%s", i, name[len("_"):len("_imap")]+".example")})
	}
	return places, nil
}

func (*wide) TXT(context.Context, string) ([]string, error) { return nil, resolver.ErrNoData }

// TestFindSilentMachine probes a hostile zone, all of whose names point to one machine that accepts connections and sends nothing. Each port is
// waited for once.
func TestFindSilentMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		zone := &wide{records: 100}
		p := &Prober{Resolver: zone, Step: testStep, Dial: dialServer(t, silent)}
		start := time.Now()
		f, err := p.Find(t.Context(), Search{Name: "d.example", MailDomain: true, DNS: zone})
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range f.Hosts {
			for _, l := range h.Looks {
				if l.State != Reached || l.Err == nil || !strings.Contains(l.Err.Error(), " within 1m0s") {
					t.Errorf("%s port %d: %s, %v; want reached, without a greeting within a minute", h.Name, l.Port.Number, l.State, l.Err)
				}
			}
		}
		if took := time.Since(start); took > 4*time.Minute { // what probe takes at most, unless told otherwise
			t.Errorf("it took %s, want at most 4 minutes", took)
		}
	})
}

// TestFindStaysSmall probes a hostile zone, all of whose names point to one machine that answers at no port: the numbers of hosts and of
// look-ups are limited, and no port is waited for twice.
func TestFindStaysSmall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mutex sync.Mutex
		dialled := make(map[string]int)
		zone := &wide{records: 100}
		p := &Prober{Resolver: zone, Step: testStep, Dial: func(ctx context.Context, _, address string) (net.Conn, error) {
			mutex.Lock()
			dialled[address]++
			mutex.Unlock()
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		start := time.Now()
		f, err := p.Find(t.Context(), Search{Name: "d.example", MailDomain: true, DNS: zone})
		if err != nil {
			t.Fatal(err)
		}
		if len(f.Hosts) != 24 {
			t.Errorf("%d hosts, want 24", len(f.Hosts))
		}
		named := make(map[string]int)
		for _, c := range f.Candidates {
			for _, p := range c.Named {
				named[fmt.Sprint(p.Protocol, p.Security)]++
			}
		}
		for service, n := range named {
			if n > 4 {
				t.Errorf("%d SRV records of one name were used for %s, want at most 4", n, service)
			}
		}
		if n := zone.lookUps.Load(); n > 50 {
			t.Errorf("%d look-ups of hosts, want at most 50", n)
		}
		for address, n := range dialled {
			if n > 1 {
				t.Errorf("%d connections to %s, which does not answer", n, address)
			}
		}
		if took := time.Since(start); took > time.Minute {
			t.Errorf("it took %s, want at most a minute", took)
		}
	})
}
