package exchangers

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mailhint/resolver"
	"mailhint/settings"
)

var hosts = []settings.Domain{"mx1.hoster.example", "mx2.hoster.example"}

// client asks for few names.
var client = netip.MustParseAddr("192.0.2.1")

// records is a resolver made of data. Other domains have no MX.
type records struct {
	mu    sync.Mutex
	mx    map[string][]resolver.MX
	err   error         // for every question
	wait  time.Duration // before every answer
	asked map[string]int
}

func (r *records) MX(ctx context.Context, name string) ([]resolver.MX, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.asked == nil {
		r.asked = make(map[string]int)
	}
	r.asked[name]++
	if r.wait > 0 {
		r.mu.Unlock()
		select {
		case <-time.After(r.wait):
		case <-ctx.Done():
		}
		r.mu.Lock()
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%s MX: %w: %w", name, resolver.ErrFailed, ctx.Err())
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	if mx := r.mx[name]; mx != nil {
		return mx, nil
	}
	return nil, fmt.Errorf("%s MX: %w", name, resolver.ErrNone)
}

func (r *records) set(change func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change()
}

func (r *records) count(name string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked[name]
}

// run calls test with a running Cache and a clock that jumps.
func run(t *testing.T, r Resolver, test func(t *testing.T, c *Cache)) {
	synctest.Test(t, func(t *testing.T) {
		c := New(r)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan bool)
		go func() { c.Run(ctx); close(ended) }()
		test(t, c)
		cancel()
		<-ended
	})
}

// asks asks whether a domain is ours, and waits for the look-up to end.
func asks(t *testing.T, c *Cache, d settings.Domain, want bool) {
	t.Helper()
	if got := c.Ours(d, hosts, client); got != want {
		t.Errorf("%s at %s: got %t, want %t", d, time.Now().Format(time.TimeOnly), got, want)
	}
	synctest.Wait()
}

func TestPreferred(t *testing.T) {
	for _, test := range []struct {
		mx   string
		want bool
	}{
		{"", false},
		{"10 mx1.hoster.example", true},
		{"10 mx.other.example, 10 mx2.hoster.example", true},
		{"20 mx1.hoster.example, 30 mx.other.example", true},
		{"20 mx1.hoster.example, 10 mx.other.example", false}, // a backup MX has no mailboxes
		{"10 mx1.hoster.example.evil.example", false},
		{"0 ", false}, // takes no mail, RFC 7505
	} {
		var mx []resolver.MX
		for _, text := range strings.Split(test.mx, ", ") {
			var m resolver.MX
			if n, _ := fmt.Sscanf(text, "%d %s", &m.Preference, &m.Host); n > 0 {
				mx = append(mx, m)
			}
		}
		if got := preferred(mx, hosts); (got != "") != test.want {
			t.Errorf("%q: got %q", test.mx, got)
		}
	}
}

// The first question is answered with no; each result is used for its time and no longer.
func TestTimes(t *testing.T) {
	r := &records{mx: map[string][]resolver.MX{"ours.example": {{Preference: 10, Host: "mx1.hoster.example"}}}}
	run(t, r, func(t *testing.T, c *Cache) {
		asks(t, c, "ours.example", false)
		asks(t, c, "ours.example", true)
		asks(t, c, "theirs.example", false)
		asks(t, c, "theirs.example", false)
		time.Sleep(keepOthers - time.Second)
		asks(t, c, "theirs.example", false)
		if r.count("ours.example") != 1 || r.count("theirs.example") != 1 {
			t.Errorf("asked %v, want each once", r.asked)
		}
		r.set(func() { r.mx["theirs.example"] = r.mx["ours.example"] })
		time.Sleep(2 * time.Second)
		asks(t, c, "theirs.example", false)
		asks(t, c, "theirs.example", true)

		time.Sleep(keepOurs)
		r.set(func() { delete(r.mx, "ours.example") }) // it has moved away
		asks(t, c, "ours.example", true)               // and was ours an hour ago
		asks(t, c, "ours.example", false)
		if got := c.currentCounts(); got.ours != 2 || got.others != 2 || got.failed != 0 || got.dropped != 0 || got.names != 2 {
			t.Errorf("counts %+v", got)
		}
	})
}

// While the resolver fails, our domains stay ours for a day, and unknown ones are looked up again after a minute.
func TestResolverFails(t *testing.T) {
	r := &records{mx: map[string][]resolver.MX{"ours.example": {{Preference: 10, Host: "mx2.hoster.example"}}}}
	run(t, r, func(t *testing.T, c *Cache) {
		asks(t, c, "ours.example", false)
		r.set(func() { r.err = fmt.Errorf("SERVFAIL: %w", resolver.ErrFailed) })
		time.Sleep(keepOurs)
		asks(t, c, "ours.example", true)
		asks(t, c, "ours.example", true)
		if n := r.count("ours.example"); n != 2 {
			t.Errorf("asked %d times, want 2: a failure is kept for a minute", n)
		}
		time.Sleep(trustOurs - keepOurs - time.Second)
		asks(t, c, "ours.example", true)
		time.Sleep(time.Second)
		asks(t, c, "ours.example", false)

		asks(t, c, "new.example", false)
		asks(t, c, "new.example", false)
		time.Sleep(keepFailed)
		r.set(func() { r.err, r.mx["new.example"] = nil, r.mx["ours.example"] })
		asks(t, c, "new.example", false)
		asks(t, c, "new.example", true)
		if n := r.count("new.example"); n != 2 {
			t.Errorf("asked %d times, want 2", n)
		}
		asks(t, c, "ours.example", false)
		asks(t, c, "ours.example", true)
	})
}

// A reload that adds a host leaves our domains ours without another look-up; other domains may have become ours.
func TestMoreHosts(t *testing.T) {
	r := &records{mx: map[string][]resolver.MX{
		"ours.example": {{Preference: 10, Host: "mx2.hoster.example"}},
		"more.example": {{Preference: 10, Host: "mx3.hoster.example"}},
	}}
	run(t, r, func(t *testing.T, c *Cache) {
		asks(t, c, "ours.example", false)
		asks(t, c, "more.example", false)
		more := append([]settings.Domain{"mx3.hoster.example"}, hosts...)
		if !c.Ours("ours.example", more, client) {
			t.Error("not ours after the reload")
		}
		if c.Ours("more.example", more, client) {
			t.Error("ours before the look-up")
		}
		synctest.Wait()
		if !c.Ours("more.example", more, client) {
			t.Error("not ours by the new host")
		}
		if n := r.count("ours.example"); n != 1 {
			t.Errorf("asked %d times, want once", n)
		}
	})
}

// A reload that removes hosts makes results with these hosts invalid.
func TestOtherHosts(t *testing.T) {
	r := &records{mx: map[string][]resolver.MX{"ours.example": {{Preference: 10, Host: "mx1.hoster.example"}}}}
	run(t, r, func(t *testing.T, c *Cache) {
		asks(t, c, "ours.example", false)
		asks(t, c, "ours.example", true)
		moved := []settings.Domain{"mx9.hoster.example"}
		for range 2 {
			if c.Ours("ours.example", moved, client) {
				t.Error("ours by hosts that are no longer ours")
			}
			synctest.Wait()
		}
		if n := r.count("ours.example"); n != 2 {
			t.Errorf("asked %d times, want 2", n)
		}
	})
}

// A look-up that gets no answer ends after the timeout, and a thousand questions for one name are one look-up.
func TestSilentServer(t *testing.T) {
	r := &records{wait: time.Hour}
	run(t, r, func(t *testing.T, c *Cache) {
		for range 1000 {
			asks(t, c, "slow.example", false)
		}
		if n := r.count("slow.example"); n != 1 {
			t.Errorf("asked %d times, want once", n)
		}
		time.Sleep(timeout)
		synctest.Wait()
		if got := c.currentCounts(); got.failed != 1 {
			t.Errorf("counts %+v, want one failure", got)
		}
	})
}

// All methods at the same time, for the race detector.
func TestConcurrency(t *testing.T) {
	r := &records{mx: map[string][]resolver.MX{"n1.example": {{Preference: 10, Host: "mx1.hoster.example"}}}}
	c := New(r)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan bool)
	go func() { c.Run(ctx); close(ended) }()
	var asking sync.WaitGroup
	for range 8 {
		asking.Go(func() {
			for i := range 2000 {
				c.Ours(settings.Domain(fmt.Sprintf("n%d.example", i%300)), hosts[:1+i%2], clientNumber(i))
				c.currentCounts()
			}
		})
	}
	asking.Wait()
	cancel()
	<-ended
	if n := c.currentCounts().names; n == 0 || n > 300 {
		t.Errorf("%d names are cached, want 1 to 300", n)
	}
}
