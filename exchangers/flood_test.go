package exchangers

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mailhint/resolver"
	"mailhint/settings"
)

// clientNumber returns one client of many, each in a network of its own.
func clientNumber(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(11 + i>>16), byte(i >> 8), byte(i), 1})
}

type resolverFunc func(ctx context.Context, name string) ([]resolver.MX, error)

func (f resolverFunc) MX(ctx context.Context, name string) ([]resolver.MX, error) {
	return f(ctx, name)
}

// A flood of new names: DNS is asked no more than the budget allows, a domain of ours is still answered and looked up again, and memory
// use stays small.
func TestFlood(t *testing.T) {
	var asked atomic.Int64
	r := resolverFunc(func(_ context.Context, name string) ([]resolver.MX, error) {
		asked.Add(1)
		if name == "ours.example" {
			return []resolver.MX{{Preference: 10, Host: "mx1.hoster.example"}}, nil
		}
		return nil, resolver.ErrNone
	})
	run(t, r, func(t *testing.T, c *Cache) {
		asks(t, c, "ours.example", false)
		before := heap()
		const seconds, each = 900, 100
		pad := strings.Repeat("x", 60) + "." + strings.Repeat("y", 60) + "." + strings.Repeat("z", 60)
		long := strings.Repeat("q", 10_000)
		for second := range seconds {
			for i := range each {
				request := fmt.Sprintf("%s.n%d-%d.example%s", pad, second, i, long) // the name is a part of it
				d := settings.Domain(request[:len(request)-len(long)])
				if c.Ours(d, hosts, clientNumber(second*each+i)) {
					t.Fatal("an unknown name is ours")
				}
			}
			time.Sleep(time.Second)
			synctest.Wait()
			if second%60 == 0 && !c.Ours("ours.example", hosts, client) {
				t.Fatal("a domain of ours was evicted")
			}
		}
		time.Sleep(keepOurs)
		asks(t, c, "ours.example", true)
		if n, limit := asked.Load(), int64(200+50*seconds+3); n > limit || n < limit/2 {
			t.Errorf("%d look-ups, want at most %d and not much less", n, limit)
		}
		got := c.currentCounts()
		if got.names > maxOthers+1 || got.dropped == 0 || got.ours != 2 {
			t.Errorf("counts %+v", got)
		}
		if grown := heap() - before; grown > 20<<20 {
			t.Errorf("%d MB for %d names", grown>>20, got.names)
		}
	})
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A flood of names whose servers never answer: only the workers wait for them, and the rest is dropped.
func TestFloodOfSilentNames(t *testing.T) {
	var running, peak atomic.Int64
	r := resolverFunc(func(ctx context.Context, _ string) ([]resolver.MX, error) {
		now := running.Add(1)
		defer running.Add(-1)
		for seen := peak.Load(); now > seen && !peak.CompareAndSwap(seen, now); seen = peak.Load() {
		}
		<-ctx.Done()
		return nil, errors.Join(resolver.ErrFailed, ctx.Err())
	})
	run(t, r, func(t *testing.T, c *Cache) {
		for i := range 20_000 {
			c.Ours(settings.Domain(fmt.Sprintf("n%d.example", i)), hosts, clientNumber(i))
			time.Sleep(10 * time.Millisecond)
		}
		if peak.Load() > 256 || peak.Load() < 200 {
			t.Errorf("%d look-ups at the same time, want at most 256 and not much less", peak.Load())
		}
		c.mu.Lock()
		pending := len(c.pending)
		c.mu.Unlock()
		if pending > 1000+256 {
			t.Errorf("%d names wait", pending)
		}
		if c.currentCounts().dropped == 0 {
			t.Error("nothing was dropped")
		}
	})
}

// silentButOurs is a resolver for which ours.example and late.example are ours, and that never answers for another name.
var silentButOurs = resolverFunc(func(ctx context.Context, name string) ([]resolver.MX, error) {
	if name == "ours.example" || name == "late.example" {
		return []resolver.MX{{Preference: 10, Host: "mx1.hoster.example"}}, nil
	}
	<-ctx.Done()
	return nil, errors.Join(resolver.ErrFailed, ctx.Err())
})

// flood asks for names that get no answer, 200 a second.
func flood(c *Cache, what string, d time.Duration, client func(i int) netip.Addr) {
	const pause = 5 * time.Millisecond
	for i := range int(d / pause) {
		c.Ours(settings.Domain(fmt.Sprintf("%s%d.example", what, i)), hosts, client(i))
		time.Sleep(pause)
	}
}

// One client, however many names it makes up and however many addresses of its network it uses, cannot keep the names of other clients
// from being looked up.
func TestFloodOfOneClient(t *testing.T) {
	for name, client := range map[string]func(i int) netip.Addr{
		"one address": func(int) netip.Addr { return netip.MustParseAddr("192.0.2.66") },
		"one network": func(i int) netip.Addr {
			return netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 14: byte(i >> 8), 15: byte(i)})
		},
		"unknown": func(int) netip.Addr { return netip.Addr{} },
	} {
		t.Run(name, func(t *testing.T) {
			run(t, silentButOurs, func(t *testing.T, c *Cache) {
				flood(c, "n", time.Minute, client)
				asks(t, c, "late.example", false)
				asks(t, c, "late.example", true)
				if c.currentCounts().dropped == 0 {
					t.Error("nothing was dropped")
				}
			})
		})
	}
}

// A flood from many clients that uses up the budget of all: a domain of ours is still looked up again.
func TestFloodOfManyClients(t *testing.T) {
	run(t, silentButOurs, func(t *testing.T, c *Cache) {
		asks(t, c, "ours.example", false)
		time.Sleep(keepOurs - time.Minute)
		flood(c, "n", time.Minute, clientNumber)
		if c.currentCounts().droppedBy["total"] == 0 {
			t.Error("nothing was dropped: this is not a flood")
		}
		asks(t, c, "ours.example", true)
		flood(c, "m", 2*timeout, clientNumber)
		if got := c.currentCounts(); got.ours != 2 {
			t.Errorf("ours.example was looked up %d times, want 2: %+v", got.ours, got)
		}
	})
}

// TestFloodOfOnePrefix: 120 requests a second for silent names from one IPv6 /48, each from another /64 in it. Of 40 customers elsewhere,
// each of whom asks again after a few seconds as mail programs and people do, all are answered.
func TestFloodOfOnePrefix(t *testing.T) {
	const perSecond, customers = 120, 40
	r := resolverFunc(func(ctx context.Context, name string) ([]resolver.MX, error) {
		if strings.HasPrefix(name, "customer") {
			return []resolver.MX{{Preference: 10, Host: "mx1.hoster.example"}}, nil
		}
		<-ctx.Done()
		return nil, errors.Join(resolver.ErrFailed, ctx.Err())
	})
	run(t, r, func(t *testing.T, c *Cache) {
		n := 0
		attack := func(d time.Duration) {
			for range int(d.Seconds() * perSecond) {
				n++
				from := netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 0, 0x66, byte(n >> 8), byte(n), 15: 1})
				c.Ours(settings.Domain(fmt.Sprintf("n%d.example", n)), hosts, from)
				time.Sleep(time.Second / perSecond)
			}
		}
		attack(30 * time.Second)
		answered := 0
		for i := range customers {
			d := settings.Domain(fmt.Sprintf("customer%d.example", i))
			from := netip.AddrFrom4([4]byte{203, 0, byte(i), 7})
			c.Ours(d, hosts, from)
			attack(3 * time.Second)
			if c.Ours(d, hosts, from) {
				answered++
			}
		}
		if answered != customers {
			t.Errorf("%d of %d customers were answered: %+v", answered, customers, c.currentCounts())
		}
	})
}
