package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mailhint/resolver"
	"mailhint/settings"
)

// busyDNS takes a second for each look-up, and counts how many there are at a time.
type busyDNS struct {
	*fakeDNS
	failures int // of the next look-ups
}

func (b *busyDNS) Host(_ context.Context, name string) ([]netip.Addr, string, error) {
	b.mu.Lock()
	b.asking++
	b.peak = max(b.peak, b.asking)
	fails := b.failures > 0
	b.failures--
	b.mu.Unlock()
	time.Sleep(time.Second)
	b.mu.Lock()
	b.asking--
	b.mu.Unlock()
	if fails {
		return nil, name, fmt.Errorf("%s: %w", name, resolver.ErrTimeout)
	}
	return nil, name, fmt.Errorf("%s: %w", name, resolver.ErrNone)
}

// TestMaxQueries: however many domains are examined at a time, the number of look-ups at a time is limited.
func TestMaxQueries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dns := &busyDNS{fakeDNS: &fakeDNS{}}
		d := &Doctor{Resolver: throttle(dns, maxQueries), Prober: dns, Only: []string{"D01"}}
		var all sync.WaitGroup
		for i := range 200 {
			name := settings.Domain(fmt.Sprintf("d%d.example", i))
			all.Go(func() {
				found := settings.Found{Settings: &settings.Settings{}, Domain: name, Primary: name}
				d.Examine(t.Context(), Domain{Found: found})
			})
		}
		all.Wait()
		if dns.peak != maxQueries {
			t.Errorf("%d look-ups at a time, want %d", dns.peak, maxQueries)
		}
	})
}

// TestRetry: a look-up that timed out is repeated once, unless nothing has been answered yet.
func TestRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dns := &busyDNS{fakeDNS: &fakeDNS{}}
		p := throttle(dns, maxQueries).(*throttled)
		for _, step := range []struct {
			failures int
			want     error
			took     time.Duration
		}{
			{1, resolver.ErrFailed, time.Second},
			{0, resolver.ErrNone, time.Second},
			{1, resolver.ErrNone, 2 * time.Second},
			{2, resolver.ErrFailed, 2 * time.Second},
		} {
			dns.failures = step.failures
			start := time.Now()
			if _, _, err := p.Host(t.Context(), "a.example"); !errors.Is(err, step.want) || time.Since(start) != step.took {
				t.Errorf("%+v: got %v after %s", step, err, time.Since(start))
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for range maxQueries {
			p.free <- struct{}{}
		}
		if _, _, err := p.Host(ctx, "a.example"); !errors.Is(err, resolver.ErrFailed) || !errors.Is(err, context.Canceled) {
			t.Errorf("in the queue, got %v", err)
		}
	})
}
