package exchangers

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mailhint/resolver"
)

// TestKeep: domains of ours are answered right after a restart, and for a day although the resolver fails; a domain that has moved away
// is looked up and then no longer answered.
func TestKeep(t *testing.T) {
	file := filepath.Join(t.TempDir(), "new", "fallback.txt")
	r := &records{mx: map[string][]resolver.MX{"ours.example": {{Preference: 10, Host: "mx1.hoster.example"}}}}
	log := slog.New(slog.DiscardHandler)
	synctest.Test(t, func(t *testing.T) {
		// start runs a Cache for a while.
		start := func(use func(c *Cache)) {
			c := New(r)
			if skipped, err := c.Load(file); skipped != 0 || err != nil {
				t.Fatalf("skipped %d lines, %v", skipped, err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan bool, 2)
			go func() { c.Run(ctx); ended <- true }()
			go func() { c.Keep(ctx, file, log); ended <- true }()
			use(c)
			cancel()
			<-ended
			<-ended
		}
		start(func(c *Cache) {
			asks(t, c, "ours.example", false)
			asks(t, c, "theirs.example", false)
		})
		text, err := os.ReadFile(file)
		if err != nil || !strings.HasSuffix(string(text), "\nours.example mx1.hoster.example 2000-01-01T00:00:00Z\n") || strings.Contains(string(text), "theirs") {
			t.Fatalf("saved %q, %v", text, err)
		}
		start(func(c *Cache) {
			asks(t, c, "ours.example", true)
			if n := r.count("ours.example"); n != 1 {
				t.Errorf("asked %d times, want once: the result is less than an hour old", n)
			}
			r.set(func() { r.err = resolver.ErrFailed })
			time.Sleep(23 * time.Hour)
			asks(t, c, "ours.example", true)
		})
		start(func(c *Cache) {
			asks(t, c, "ours.example", true)
			time.Sleep(2 * time.Hour)
			asks(t, c, "ours.example", false)
			r.set(func() { r.err = nil })
			time.Sleep(time.Hour)
			asks(t, c, "ours.example", false)
			asks(t, c, "ours.example", true)
			time.Sleep(6 * time.Minute) // a crash from now on loses nothing
			if text, err := os.ReadFile(file); err != nil || !strings.Contains(string(text), "ours.example") {
				t.Errorf("saved %q, %v", text, err)
			}
			r.set(func() { delete(r.mx, "ours.example") })
			time.Sleep(time.Hour)
			asks(t, c, "ours.example", true)
			asks(t, c, "ours.example", false)
		})
		start(func(c *Cache) { asks(t, c, "ours.example", false) })
	})
}

// TestLoadDamaged reads what disks and people make of the file.
func TestLoadDamaged(t *testing.T) {
	now := time.Now().UTC()
	good := "good.example mx1.hoster.example " + now.Format(time.RFC3339) + "\n"
	for name, test := range map[string]struct {
		text    string
		skipped int
		fails   bool
		answers bool
	}{
		"whole":            {text: savedHead + good, answers: true},
		"empty":            {},
		"cut":              {text: good + "more.example mx1.hos", skipped: 1, answers: true},
		"zeros":            {text: strings.Repeat("\x00", 4096) + "\n" + good, skipped: 1, answers: true},
		"not a domain":     {text: "a..example mx1.hoster.example 2026-01-01T00:00:00Z\n" + good, skipped: 1, answers: true},
		"not a time":       {text: "good.example mx1.hoster.example soon\n", skipped: 1},
		"not yet":          {text: "good.example mx1.hoster.example " + now.Add(time.Hour).Format(time.RFC3339) + "\n", skipped: 1},
		"too old":          {text: "good.example mx1.hoster.example " + now.Add(-25*time.Hour).Format(time.RFC3339) + "\n"},
		"of another mx":    {text: strings.ReplaceAll(good, "mx1.hoster", "mx9.hoster")},
		"an endless line":  {text: good + strings.Repeat("x", 1<<20), fails: true, answers: true},
		"without any line": {text: strings.Repeat("x", 1<<20), fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(file, []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
			c := New(&records{})
			skipped, err := c.Load(file)
			if skipped != test.skipped || (err != nil) != test.fails {
				t.Errorf("skipped %d lines, %v; want %d, failure %t", skipped, err, test.skipped, test.fails)
			}
			if got := c.Ours("good.example", hosts, client); got != test.answers {
				t.Errorf("good.example is ours: %t, want %t", got, test.answers)
			}
		})
	}
}

// TestLoadTooMany: a file with more domains than are cached leaves the cache at its limit of 100,000.
func TestLoadTooMany(t *testing.T) {
	var text strings.Builder
	for i := range 100_500 {
		fmt.Fprintf(&text, "d%d.example mx1.hoster.example %s\n", i, time.Now().UTC().Format(time.RFC3339))
	}
	c := New(&records{})
	if _, err := c.read(strings.NewReader(text.String()), time.Now()); err != nil {
		t.Fatal(err)
	}
	if n := c.currentCounts().names; n != 100_000 {
		t.Errorf("%d names, want 100,000", n)
	}
	if !c.Ours("d100499.example", hosts, client) {
		t.Error("the last domain, which was used most recently, is not there")
	}
}

// TestSaveFails: a disk that cannot be written to is counted, and written to once it can.
func TestSaveFails(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "state", "file")
	if err := os.WriteFile(filepath.Join(dir, "state"), nil, 0o600); err != nil { // no directory
		t.Fatal(err)
	}
	r := &records{mx: map[string][]resolver.MX{"ours.example": {{Preference: 10, Host: "mx1.hoster.example"}}}}
	run(t, r, func(t *testing.T, c *Cache) {
		asks(t, c, "ours.example", false)
		for range 2 {
			if c.save(file) == nil {
				t.Error("saving below a file succeeds")
			}
		}
		if n := c.currentCounts().saveFailures; n != 2 {
			t.Errorf("%d failures are counted, want 2", n)
		}
		if err := os.Remove(filepath.Join(dir, "state")); err != nil {
			t.Fatal(err)
		}
		if err := c.save(file); err != nil {
			t.Error(err)
		}
		if text, err := os.ReadFile(file); err != nil || !strings.Contains(string(text), "ours.example ") {
			t.Errorf("saved %q, %v", text, err)
		}
	})
}
