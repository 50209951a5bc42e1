package exchangers

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"mailhint/resolver"
	"mailhint/settings"
)

// asked returns how many names have been looked up that are not ours.
func asked(t *testing.T, c *Cache) uint64 {
	t.Helper()
	synctest.Wait()
	return c.currentCounts().others
}

// TestRates pushes past each limit that the documentation names, from the widest range of clients that shares it, and counts the look-ups
// of the first moment and of each of the 100 seconds after it.
func TestRates(t *testing.T) {
	name := func(i int) settings.Domain { return settings.Domain(fmt.Sprintf("n%d.example", i)) }
	six := func(octets ...byte) netip.Addr {
		a := [16]byte{0x20, 0x01, 0x0d, 0xb8, 15: 1}
		copy(a[16-len(octets):], octets)
		return netip.AddrFrom16(a)
	}
	for _, test := range []struct {
		limit            string
		burst, perSecond uint64
		name             func(i int) settings.Domain
		client           func(i int) netip.Addr
	}{
		{"client", 50, 2, name, func(int) netip.Addr { return netip.MustParseAddr("192.0.2.66") }},
		{"client", 50, 2, name, func(int) netip.Addr { return netip.MustParseAddr("::ffff:192.0.2.66") }},
		{"client", 50, 2, name, func(i int) netip.Addr { return six(byte(i>>8), byte(i)) }},
		{"client", 50, 2, name, func(int) netip.Addr { return netip.Addr{} }},
		{"network", 100, 5, name, func(i int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}) }},
		{"network", 100, 5, name, func(i int) netip.Addr { return six(byte(i>>8), byte(i), 0, 0, 0, 0, 0, 0, 0, 1) }},
		{"provider", 150, 20, name, func(i int) netip.Addr { return six(byte(i>>8), byte(i), 0, 0, 0, 0, 0, 0, 0, 0, 0, 1) }},
		{"domain", 20, 1, func(i int) settings.Domain { return settings.Domain(fmt.Sprintf("n%d.evil.example", i)) }, clientNumber},
		{"total", 200, 50, name, clientNumber},
	} {
		t.Run(test.limit+" "+test.client(1).String(), func(t *testing.T) {
			run(t, &records{}, func(t *testing.T, c *Cache) {
				i := 0
				for range 300 {
					c.Ours(test.name(i), hosts, test.client(i))
					i++
				}
				first := asked(t, c)
				if first != test.burst {
					t.Errorf("%d look-ups at once, want %d", first, test.burst)
				}
				for range 100 {
					time.Sleep(time.Second)
					for range 60 {
						c.Ours(test.name(i), hosts, test.client(i))
						i++
					}
				}
				if n, want := asked(t, c)-first, 100*test.perSecond; n < want-1 || n > want+1 {
					t.Errorf("%d look-ups in 100 seconds, want %d", n, want)
				}
				if n := c.currentCounts(); n.droppedBy[test.limit] != n.dropped || n.dropped == 0 {
					t.Errorf("dropped by %v, want all %d by %s", n.droppedBy, n.dropped, test.limit)
				}
			})
		})
	}
}

// TestRefused: what a client is refused counts neither for the others, nor for itself when the total is used up.
func TestRefused(t *testing.T) {
	run(t, &records{}, func(t *testing.T, c *Cache) {
		for i := range 10_000 { // far more than 200, of which 50 are looked up
			c.Ours(settings.Domain(fmt.Sprintf("n%d.example", i)), hosts, client)
		}
		for i := range 150 {
			c.Ours(settings.Domain(fmt.Sprintf("m%d.example", i)), hosts, clientNumber(i))
		}
		if n := asked(t, c); n != 200 {
			t.Errorf("%d look-ups, want 200: 50 of the client that asked too often and 150 of others", n)
		}
		late := netip.MustParseAddr("198.51.100.9")
		for i := range 1000 {
			c.Ours(settings.Domain(fmt.Sprintf("o%d.example", i)), hosts, late)
		}
		time.Sleep(4 * time.Second)
		for i := range 60 {
			c.Ours(settings.Domain(fmt.Sprintf("p%d.example", i)), hosts, late)
		}
		if n := asked(t, c); n != 250 {
			t.Errorf("%d look-ups, want 250: 50 more of a client that was refused only because the total was used up", n)
		}
	})
}

// TestForgotten: the budgets of many clients need little memory, and those that ask all the time are not forgotten.
func TestForgotten(t *testing.T) {
	b := newBudget()
	now := time.Now()
	before := heap()
	busy := netip.MustParseAddr("2001:db8::1")
	spent := 0
	for i := range 60_000 {
		a := netip.AddrFrom16([16]byte{0x2a, byte(i >> 16), byte(i >> 8), byte(i), 15: 1})
		b.take(settings.Domain(fmt.Sprintf("n%d.example", i)), a, now)
		if i%200 == 0 && b.take(settings.Domain(fmt.Sprintf("m%d.example", i)), busy, now) == "" {
			spent++
		}
		now = now.Add(100 * time.Microsecond)
	}
	if spent > 50+2*6 {
		t.Errorf("a client has looked up %d names in 6 seconds, want at most 62", spent)
	}
	if n := b.networks.Len() + b.domains.Len(); n > 40_000 {
		t.Errorf("%d budgets are kept, want at most 40,000", n)
	}
	if grown := heap() - before; grown > 20<<20 {
		t.Errorf("%d MB for the budgets", grown>>20)
	}
}

// TestSilentName: a name whose name servers do not answer is looked up again after a minute, two, four, up to an hour, as long as the
// resolver answers for others. Once it answers, it is looked up as soon as others.
func TestSilentName(t *testing.T) {
	r := &silence{records: &records{mx: map[string][]resolver.MX{"silent.example": {{Preference: 10, Host: "mx1.hoster.example"}}}}, name: "silent.example"}
	run(t, r, func(t *testing.T, c *Cache) {
		last, pauses := time.Time{}, []time.Duration(nil)
		for begin := time.Now(); time.Since(begin) < 8*time.Hour; time.Sleep(time.Second) {
			c.Ours("silent.example", hosts, client)
			c.Ours("other.example", hosts, client) // looked up every five minutes
			if int(time.Since(begin).Seconds())%9 == 0 {
				c.Ours(settings.Domain(fmt.Sprintf("n%d.example", time.Now().Unix())), hosts, clientNumber(int(time.Now().Unix())))
			}
			synctest.Wait()
			if n := r.lastAsked(); n != last {
				if !last.IsZero() {
					pauses = append(pauses, n.Sub(last).Truncate(time.Minute))
				}
				last = n
			}
		}
		want := []time.Duration{1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60}
		for i, w := range want {
			if i >= len(pauses) || pauses[i] != w*time.Minute {
				t.Fatalf("looked up after %v, want %v minutes", pauses, want)
			}
		}
		r.setName("")
		time.Sleep(time.Hour)
		asks(t, c, "silent.example", false)
		asks(t, c, "silent.example", true)
	})
}

// TestSilentCost: a look-up without answer counts as 11 for its client, as long as the resolver answers for others, and as 1 while it does not.
func TestSilentCost(t *testing.T) {
	for _, works := range []bool{true, false} {
		run(t, silentButOurs, func(t *testing.T, c *Cache) {
			for i := range 4 {
				c.Ours(settings.Domain(fmt.Sprintf("n%d.example", i)), hosts, client)
			}
			time.Sleep(time.Second)
			if works {
				c.Ours("ours.example", hosts, netip.MustParseAddr("198.51.100.7"))
			}
			time.Sleep(9 * time.Second) // 20 more, but never more than 50
			before := c.currentCounts().droppedBy["client"]
			for i := range 50 {
				c.Ours(settings.Domain(fmt.Sprintf("m%d.example", i)), hosts, client)
			}
			want := uint64(0)
			if works {
				want = 50 - (50 - 4*10 + 10) // they end after 5 of the 10 seconds, when there are 50 again
			}
			if dropped := c.currentCounts().droppedBy["client"] - before; dropped != want {
				t.Errorf("the resolver works: %t; %d of 50 names are dropped, want %d", works, dropped, want)
			}
		})
	}
}

// silence is records, but for one name it never answers.
type silence struct {
	*records
	name string
	at   time.Time // when it was asked for that name
}

func (s *silence) MX(ctx context.Context, name string) ([]resolver.MX, error) {
	s.mu.Lock()
	silent := name == s.name
	if silent {
		s.at = time.Now()
	}
	s.mu.Unlock()
	if silent {
		<-ctx.Done()
		return nil, errors.Join(resolver.ErrFailed, ctx.Err())
	}
	return s.records.MX(ctx, name)
}

func (s *silence) setName(name string) { s.set(func() { s.name = name }) }

func (s *silence) lastAsked() (at time.Time) {
	s.set(func() { at = s.at })
	return at
}
