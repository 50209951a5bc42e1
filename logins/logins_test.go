package logins

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mailhint/settings"
)

// fake is a Source that says what a function says.
type fake struct {
	find   func(ctx context.Context, q Question) ([]string, error)
	asked  atomic.Int64
	closed atomic.Bool
}

func (f *fake) Find(ctx context.Context, q Question) ([]string, error) {
	f.asked.Add(1)
	return f.find(ctx, q)
}

func (f *fake) Close() error {
	f.closed.Store(true)
	return nil
}

// directory knows ann, and says nothing to others.
func directory(_ context.Context, q Question) ([]string, error) {
	if q.Address == (settings.Address{Local: "ann", Domain: "a.example"}) {
		return []string{"ab123"}, nil
	}
	return nil, nil
}

func hang(ctx context.Context, _ Question) ([]string, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

var errAway = errors.New("the directory is away")

func away(context.Context, Question) ([]string, error) { return nil, errAway }

// client returns the address of the n-th client, each in a network of its own.
func client(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(n >> 8), byte(n), 1}) }

func ask(local string, n int) settings.PersonQuestion {
	return settings.PersonQuestion{Address: settings.Address{Local: local, Domain: "a.example"}, Primary: "a.example", Client: client(n)}
}

// use returns what finds names in some sources.
func use(t *testing.T, log *slog.Logger, sources map[string]*fake) (*Logins, settings.FindLoginNames) {
	t.Helper()
	ls := New(log)
	var configs []Config
	for name, source := range sources {
		configs = append(configs, Config{Name: name, Content: name, Open: func() (Source, error) { return source, nil }})
	}
	find, err := ls.Use(configs)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ls.Close)
	return ls, find
}

var quiet = slog.New(slog.DiscardHandler)

// atOnce is how long an answer takes that nothing is waited for, except for what hides how long it took.
const atOnce = 2 * step

// expect checks the login name of a person and, in a bubble, how long it took to find.
func expect(t *testing.T, find settings.FindLoginNames, q settings.PersonQuestion, want string, within time.Duration) {
	t.Helper()
	began := time.Now()
	got := find(t.Context(), []string{"people"}, q)
	if took := time.Since(began); !slices.Equal(got, []string{want}) || took > within {
		t.Errorf("got %q after %s, want %q within %s", got, took, want, within)
	}
}

func TestFind(t *testing.T) {
	said := map[string][]string{
		"ann": {"ab123"}, "unknown": nil, "several": {"ab1", "ab2"}, "same": {"ab1", "ab1"}, "empty": {""},
		"control": {"ab\x00123"}, "line": {"ab\n123"}, "escape": {"\x1b[2J"}, "bidi": {"ab\u202e123"}, "long": {strings.Repeat("a", 64<<10)}, "markup": {"<b>ab123</b>"},
		"entity": {"ab&amp;"}, "quoted": {`ab"123`}, "space": {" ab123"}, "placeholder": {"%EMAILADDRESS%"}, "latin1": {"m\xfcller"},
		"windows": {`UNI\ab123`}, "apostrophe": {"o'neil"}, "letters": {"müller"}, "address": {"ann@other.example"},
	}
	source := &fake{find: func(_ context.Context, q Question) ([]string, error) { return said[q.Address.Local], nil }}
	ls, find := use(t, quiet, map[string]*fake{"people": source})
	good := []string{"ann", "windows", "apostrophe", "letters", "address"}
	for local, names := range said {
		want := ""
		if slices.Contains(good, local) {
			want = names[0]
		}
		for range 2 { // the second is remembered
			if got := find(t.Context(), []string{"people"}, ask(local, 0)); !slices.Equal(got, []string{want}) {
				t.Errorf("%s: got %.40q, want %q", local, got, want)
			}
		}
		_, took, err := Try(t.Context(), source, ask(local, 0))
		if (err == nil) != (want != "") || took < 0 || errors.Is(err, ErrUnknown) != (len(names) == 0) || errors.Is(err, ErrUnclear) != (len(names) > 0 && want == "") {
			t.Errorf("%s: Try says %v", local, err)
		}
		if err != nil && len(names) > 0 && names[0] != "" && strings.Contains(err.Error(), names[0]) {
			t.Errorf("%s: %v repeats what the source has said", local, err)
		}
	}
	if got := find(t.Context(), []string{"nowhere", "people"}, ask("ann", 0)); !slices.Equal(got, []string{"", "ab123"}) {
		t.Errorf("of a look-up that does not exist and one that does: %q", got)
	}
	if lines := ls.Lines(); len(lines) != 1 || lines[0] != "login names from people: ok" {
		t.Errorf("%q", lines)
	}
}

// Addresses are compared in lower case.
func TestLetterCase(t *testing.T) {
	source := &fake{find: directory}
	_, find := use(t, quiet, map[string]*fake{"people": source})
	expect(t, find, ask("Ann", 0), "ab123", time.Minute)
	expect(t, find, ask("ANN", 0), "ab123", time.Minute)
	if source.asked.Load() != 1 {
		t.Errorf("asked %d times about one address in different letters", source.asked.Load())
	}
}

// A request waits for the deadline, and after a few of them no request waits, until the source works again.
func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &fake{find: hang}
		ls, find := use(t, quiet, map[string]*fake{"people": source})
		for i := range failuresToOpen {
			began := time.Now()
			expect(t, find, ask(fmt.Sprint("ann", i), i), "", Deadline)
			if took := time.Since(began); took < Deadline {
				t.Errorf("request %d gave up after %s", i, took)
			}
		}
		synctest.Wait()
		for i := range 100 {
			expect(t, find, ask("ann", 50+i), "", atOnce)
		}
		time.Sleep(2 * retryFirst)
		for range 10 { // the first begins an attempt, for which none waits
			expect(t, find, ask("ann", 199), "", 0)
		}
		if lines := ls.Lines(); !strings.Contains(lines[0], "login names from people: too slow") {
			t.Errorf("%q", lines)
		}
		synctest.Wait()
		source.find = directory
		for wait := time.Duration(0); ; wait += time.Second { // attempts are made while requests come
			if names := find(t.Context(), []string{"people"}, ask("ann", 200)); names[0] == "ab123" {
				break
			} else if wait > 2*retryLongest {
				t.Fatal("the source works again, and is not asked")
			}
			time.Sleep(time.Second)
		}
		expect(t, find, ask("ann", 201), "ab123", atOnce)
		time.Sleep(patience + 2*step)
	})
}

// An answer that is too late for one request is there for the next.
func TestLateAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, find := use(t, quiet, map[string]*fake{"people": {find: func(ctx context.Context, q Question) ([]string, error) {
			time.Sleep(Deadline + 200*time.Millisecond)
			return directory(ctx, q)
		}}})
		expect(t, find, ask("ann", 0), "", Deadline)
		time.Sleep(time.Second)
		expect(t, find, ask("ann", 0), "ab123", atOnce)
	})
}

func TestClientGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, find := use(t, quiet, map[string]*fake{"people": {find: hang}})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		began := time.Now()
		if got := find(ctx, []string{"people"}, ask("ann", 0)); got[0] != "" || time.Since(began) > 0 {
			t.Errorf("%q after %s", got, time.Since(began))
		}
		time.Sleep(patience + 2*step)
	})
}

// 200 requests a second while the directory is away: each is answered, at once but for the first few, and nothing grows.
func TestFloodWhileAway(t *testing.T) {
	for name, find := range map[string]func(context.Context, Question) ([]string, error){"silent": hang, "refusing": away} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source := &fake{find: find}
				_, find := use(t, quiet, map[string]*fake{"people": source})
				var answered, waited atomic.Int64
				var requests sync.WaitGroup
				request := func(i int) {
					requests.Go(func() {
						began := time.Now()
						if got := find(context.Background(), []string{"people"}, ask(fmt.Sprint("x", i), i)); got[0] == "" {
							answered.Add(1)
						}
						if took := time.Since(began); took > Deadline {
							t.Errorf("request %d took %s", i, took)
						} else if took > 0 {
							waited.Add(1)
						}
					})
				}
				const perSecond, seconds = 200, 60
				most, memory := 0, uint64(0)
				for i := range perSecond * seconds {
					request(i)
					time.Sleep(time.Second / perSecond)
					if i%perSecond == 0 {
						most = max(most, runtime.NumGoroutine())
					}
					if i == perSecond*seconds/2 {
						memory = heap()
					}
				}
				requests.Wait()
				grown := int64(heap()) - int64(memory)
				t.Logf("asked %d times, %d requests waited, %d goroutines at most, grown by %d KB in the second half", source.asked.Load(), waited.Load(), most, grown>>10)
				if answered.Load() != perSecond*seconds {
					t.Errorf("answered %d of %d requests", answered.Load(), perSecond*seconds)
				}
				if waited.Load() > perSecond || most > maxQuestions+perSecond+50 || source.asked.Load() > maxQuestions+seconds {
					t.Errorf("%d requests waited, %d goroutines, asked %d times", waited.Load(), most, source.asked.Load())
				}
				if grown > 4<<20 { // of which the limiters of ever new clients are the most
					t.Errorf("grown by %d KB", grown>>10)
				}
				time.Sleep(patience + 2*step)
			})
		})
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// Requests for the same address share one question.
func TestSharedQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &fake{find: func(ctx context.Context, q Question) ([]string, error) {
			time.Sleep(100 * time.Millisecond)
			return directory(ctx, q)
		}}
		_, find := use(t, quiet, map[string]*fake{"people": source})
		var requests sync.WaitGroup
		for range 1000 { // more than a client may ask about
			requests.Go(func() { expect(t, find, ask("ann", 0), "ab123", 100*time.Millisecond+atOnce) })
		}
		requests.Wait()
		if source.asked.Load() != 1 {
			t.Errorf("asked %d times", source.asked.Load())
		}
	})
}

// What was found, and that nothing was found, counts for equally long. A name is used for longer while the source fails.
func TestCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &fake{find: directory}
		_, find := use(t, quiet, map[string]*fake{"people": source})
		for _, test := range []struct {
			wait  time.Duration
			asked int64
		}{{0, 2}, {keepFresh - time.Second, 2}, {2 * time.Second, 4}} {
			time.Sleep(test.wait)
			expect(t, find, ask("ann", 0), "ab123", atOnce)
			expect(t, find, ask("bob", 0), "", atOnce)
			if got := source.asked.Load(); got != test.asked {
				t.Errorf("asked %d times, want %d", got, test.asked)
			}
		}
		source.find = away
		time.Sleep(keepStale - time.Second)
		expect(t, find, ask("ann", 0), "ab123", atOnce)
		time.Sleep(2 * time.Second)
		expect(t, find, ask("ann", 0), "", atOnce)
		source.find = func(context.Context, Question) ([]string, error) { return nil, nil } // ann has left
		time.Sleep(time.Minute)
		expect(t, find, ask("ann", 0), "", atOnce)
	})
}

func TestCacheIsBounded(t *testing.T) {
	c := newCache()
	for i := range 3 * maxMisses {
		c.add(person{address: settings.Address{Local: fmt.Sprint(i), Domain: "a.example"}}, cached{at: time.Now()})
		if i%3 == 0 {
			c.add(person{address: settings.Address{Local: fmt.Sprint("known", i), Domain: "a.example"}}, cached{name: "x", at: time.Now()})
		}
	}
	if c.misses.Len() != maxMisses || c.hits.Len() != maxHits {
		t.Errorf("%d misses, %d hits", c.misses.Len(), c.hits.Len())
	}
}

// changing is a Source whose content changes.
type changing struct {
	fake
	version atomic.Uint64
}

func (c *changing) Version() uint64 { return c.version.Load() }

func TestChangedSource(t *testing.T) {
	login := "old"
	source := &changing{}
	source.find = func(context.Context, Question) ([]string, error) { return []string{login}, nil }
	ls := New(quiet)
	defer ls.Close()
	find, err := ls.Use([]Config{{Name: "people", Open: func() (Source, error) { return source, nil }}})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, find, ask("ann", 0), "old", time.Minute)
	login = "new"
	expect(t, find, ask("ann", 0), "old", time.Minute)
	source.version.Add(1)
	expect(t, find, ask("ann", 0), "new", time.Minute)
}

// A client that asks about ever more addresses gets no names, and others do.
func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &fake{find: func(_ context.Context, q Question) ([]string, error) { return []string{q.Address.Local}, nil }}
		ls, find := use(t, quiet, map[string]*fake{"people": source})
		count := func(addr string, n int) (found int) {
			for range n {
				q := ask(fmt.Sprint("p", source.asked.Load(), addr), 0)
				q.Client = netip.MustParseAddr(addr)
				if find(t.Context(), []string{"people"}, q)[0] != "" {
					found++
				}
			}
			return found
		}
		// The budget grows a little while questions take their time.
		few := func(n int) int { return n + n/20 }
		if got := count("192.0.2.1", 1000); got < perClient.burst || got > few(perClient.burst) {
			t.Errorf("one client gets %d names", got)
		}
		for i := 2; i < 10; i++ {
			count(fmt.Sprint("192.0.2.", i), perClient.burst)
		}
		if got := int(source.asked.Load()); got < perNetwork.burst || got > few(perNetwork.burst) {
			t.Errorf("one network gets %d names", got)
		}
		if got := count("192.0.3.1", 10); got != 10 {
			t.Errorf("a client elsewhere gets %d of 10 names", got)
		}
		if got := count("2001:db8::1", 150) + count("2001:db8::ffff:2", 150); got < perClient.burst || got > few(perClient.burst) {
			t.Errorf("a /64 gets %d names", got)
		}
		time.Sleep(10 * time.Second)
		if got := count("192.0.2.1", 100); got < 10 || got > 20 {
			t.Errorf("after ten seconds a client gets %d more", got)
		}
		l := ls.lookups()[0]
		if l.results[resultLimited].Load() == 0 || l.limited["client"].Load() == 0 || l.limited["network"].Load() == 0 {
			t.Error("nothing is counted")
		}
		// What is remembered costs nothing.
		known := ask("p0192.0.2.1", 0)
		known.Client = netip.MustParseAddr("192.0.2.1")
		for range 1000 {
			expect(t, find, known, "p0192.0.2.1", atOnce)
		}
	})
}

// A slow directory harms only its own domains.
func TestOthersAreNotHarmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, find := use(t, quiet, map[string]*fake{"slow": {find: hang}, "people": {find: directory}})
		var requests sync.WaitGroup
		for i := range 500 {
			requests.Go(func() { find(context.Background(), []string{"slow"}, ask(fmt.Sprint("x", i), i)) })
		}
		time.Sleep(time.Millisecond)
		expect(t, find, ask("ann", 1000), "ab123", atOnce)
		requests.Wait()
		// Of two look-ups of one domain, the good one is used, and both share the deadline.
		began := time.Now()
		if got := find(t.Context(), []string{"slow", "people"}, ask("ann", 1001)); !slices.Equal(got, []string{"", "ab123"}) || time.Since(began) > Deadline {
			t.Errorf("%q after %s", got, time.Since(began))
		}
		time.Sleep(patience + 2*step)
	})
}

func TestUse(t *testing.T) {
	ls := New(quiet)
	sources := make(map[string]*fake)
	config := func(name, content string, err error) Config {
		return Config{Name: name, Content: content, Open: func() (Source, error) {
			if err != nil {
				return nil, err
			}
			sources[name+content] = &fake{find: directory}
			return sources[name+content], nil
		}}
	}
	if _, err := ls.Use([]Config{config("people", "1", nil), config("guests", "1", nil)}); err != nil {
		t.Fatal(err)
	}
	if _, err := ls.Use([]Config{config("new", "1", nil), config("people", "2", errAway)}); err == nil {
		t.Fatal("a look-up that cannot be opened is used")
	}
	if !sources["new1"].closed.Load() || sources["people1"].closed.Load() || sources["guests1"].closed.Load() {
		t.Error("a mistake does not leave everything as it was")
	}
	first := sources["people1"]
	find, err := ls.Use([]Config{config("people", "1", nil)})
	if err != nil || sources["people1"] != first || first.closed.Load() || !sources["guests1"].closed.Load() {
		t.Errorf("%v: the same look-up was opened again, or another was not closed", err)
	}
	expect(t, find, ask("ann", 0), "ab123", time.Minute)
	ls.Close()
	expect(t, find, ask("bob", 0), "", time.Second)
	if first.asked.Load() != 1 {
		t.Error("a closed source is asked")
	}
}

// Logs, errors and lines for /-/readyz say nothing about addresses.
func TestNothingAboutAddresses(t *testing.T) {
	var log bytes.Buffer
	source := &fake{find: func(_ context.Context, q Question) ([]string, error) {
		if q.Address.Local == "hostile" {
			return []string{"<secret>"}, nil
		}
		return nil, errAway
	}}
	ls, find := use(t, slog.New(slog.NewTextHandler(&log, nil)), map[string]*fake{"people": source})
	for i := range 20 {
		expect(t, find, ask("hostile", i), "", time.Minute)
		expect(t, find, ask(fmt.Sprint("someone", i), i), "", time.Minute)
	}
	text := log.String() + strings.Join(ls.Lines(), "\n")
	if !strings.Contains(text, "cannot be used") || !strings.Contains(text, "a look-up of login names fails") || !strings.Contains(text, errAway.Error()) {
		t.Errorf("too little is logged:\n%s", text)
	}
	for _, secret := range []string{"hostile", "someone", "a.example", "secret", "10.0."} {
		if strings.Contains(text, secret) {
			t.Errorf("%s is logged:\n%s", secret, text)
		}
	}
}

// That nothing can be said about some addresses is no failure of the Source: strangers could otherwise make it be left alone.
func TestUnclearIsNoFailure(t *testing.T) {
	ls, find := use(t, quiet, map[string]*fake{"people": {find: func(ctx context.Context, q Question) ([]string, error) {
		if strings.HasPrefix(q.Address.Local, "odd") {
			return nil, fmt.Errorf("%w: the query cannot be run", ErrUnclear)
		}
		return directory(ctx, q)
	}}})
	for i := range 3 * failuresToOpen {
		expect(t, find, ask(fmt.Sprint("odd", i), i), "", time.Minute)
	}
	expect(t, find, ask("ann", 0), "ab123", time.Minute)
	if n := ls.lookups()[0].results[resultUnclear].Load(); n != 3*failuresToOpen {
		t.Errorf("%d are unclear", n)
	}
}
