package certs

import (
	"fmt"
	"testing"
	"time"
)

// askMany asks for names that a stranger makes up below a domain, and returns how many are allowed.
func askMany(l *AskLimit, domain string, n int, now time.Time) (allowed int) {
	for i := range n {
		if l.Allow(fmt.Sprintf("autoconfig.x%d.%s", i, domain), now) {
			allowed++
		}
	}
	return allowed
}

// A stranger makes up names: ten below each registered domain and a fifth of the hour's orders are allowed, and a name that was allowed keeps
// its place until nothing has asked for it for a week.
func TestAskLimit(t *testing.T) {
	t.Parallel()
	l := NewAskLimit(0)
	now := time.Now()
	for _, step := range []struct {
		after  time.Duration
		domain string
		want   int
	}{
		{0, "a.example", 10}, {0, "b.example", 10}, {0, "c.example", 0},
		{time.Hour, "c.example", 10}, {0, "a.example", 10}, {0, "d.example", 10}, {0, "e.example", 0},
		{8 * day, "e.example", 10},
	} {
		now = now.Add(step.after)
		if got := askMany(l, step.domain, 300, now); got != step.want {
			t.Errorf("%s: %d names allowed, want %d", step.domain, got, step.want)
		}
	}
	if len(l.names) != 10 {
		t.Errorf("%d names are remembered after a week, want 10", len(l.names))
	}
}

// A stranger asks for names below one wildcard for a month. They hold ten places, and the other domains get theirs.
func TestAskLimitSparesNeighbours(t *testing.T) {
	t.Parallel()
	l := NewAskLimit(0)
	now := time.Now()
	for hour := range 30 * 24 {
		if n := askMany(l, "evil.test", 300, now); n != 10 {
			t.Fatalf("hour %d: %d names below one registered domain are allowed, want 10", hour, n)
		}
		if hour == 12 || hour == 30*24-1 {
			if name := fmt.Sprintf("autoconfig.real.neighbour%d.example", hour); !l.Allow(name, now) {
				t.Errorf("hour %d: %s is refused", hour, name)
			}
		}
		now = now.Add(time.Hour)
	}
}

// When all 100 places are taken, a domain that holds none gets one of the domain that holds most, and no second one.
func TestAskLimitGivesWay(t *testing.T) {
	t.Parallel()
	l := NewAskLimit(0)
	now := time.Now()
	for i := range 10 {
		now = now.Add(time.Hour)
		if n := askMany(l, fmt.Sprintf("d%d.test", i), 10, now); n != 10 {
			t.Fatalf("domain %d gets %d places, want 10", i, n)
		}
	}
	for i := range 10 { // the longest unasked is x3.d7.test
		for n := range 10 {
			if name := fmt.Sprintf("autoconfig.x%d.d%d.test", n, i); name != "autoconfig.x3.d7.test" {
				l.Allow(name, now.Add(time.Minute))
			}
		}
	}
	now = now.Add(2 * time.Hour)
	if !l.Allow("autoconfig.real.neighbour.example", now) {
		t.Fatal("a domain that holds no place is refused")
	}
	if _, held := l.names["autoconfig.x3.d7.test"]; held || len(l.names) != 100 {
		t.Errorf("the name that was not asked for the longest holds its place: %t; %d places are taken", held, len(l.names))
	}
	for _, name := range []string{"autoconfig.second.neighbour.example", "autoconfig.x3.d7.test"} {
		if l.Allow(name, now) {
			t.Errorf("all places are taken, but %s gets a second one for its domain", name)
		}
	}
	for i := range 300 { // orders for names that have given way count
		l.Allow(fmt.Sprintf("autoconfig.e%d.test", i), now)
	}
	if len(l.recent) != 20 || len(l.names) != 100 {
		t.Errorf("%d new names in an hour, want 20; %d places are taken", len(l.recent), len(l.names))
	}
	for hour := range 300 {
		now = now.Add(time.Hour)
		askMany(l, "d0.test", 10, now)
		l.Allow(fmt.Sprintf("autoconfig.f%d.test", hour), now)
		if !l.Allow("autoconfig.real.neighbour.example", now) {
			t.Fatalf("hour %d: the only name of a domain has given way", hour)
		}
	}
}
