package certs

import (
	"fmt"
	"testing"
	"time"
)

// A stranger makes up names: ten below each registered domain and a fifth of the hour's orders are allowed, 100 names in all, and a name
// that was allowed keeps its place until nothing has asked for it for a week.
func TestAskLimit(t *testing.T) {
	t.Parallel()
	l := NewAskLimit(0)
	now := time.Now()
	ask := func(domain string) (allowed int) {
		for i := range 300 {
			if l.Allow(fmt.Sprintf("autoconfig.x%d.%s", i, domain), now) {
				allowed++
			}
		}
		return allowed
	}
	for _, step := range []struct {
		after  time.Duration
		domain string
		want   int
	}{
		{0, "a.example", 10}, {0, "b.example", 10}, {0, "c.example", 0},
		{time.Hour, "c.example", 10}, {0, "a.example", 10 + 10}, // the first ten again
		{time.Hour, "a.example", 20 + 10}, {time.Hour, "a.example", 30 + 10}, {time.Hour, "a.example", 40 + 10}, {time.Hour, "a.example", 50 + 10},
		{time.Hour, "a.example", 60 + 10}, {time.Hour, "a.example", 70 + 10}, {time.Hour, "a.example", 80}, // with those of b and c 100
	} {
		now = now.Add(step.after)
		if got := ask(step.domain); got != step.want {
			t.Errorf("%s: %d names allowed, want %d", step.domain, got, step.want)
		}
	}
	if now = now.Add(time.Hour); ask("d.example") != 0 {
		t.Error("more than 100 names are allowed")
	}
	now = now.Add(8 * day)
	if n := ask("d.example"); n != 10 {
		t.Errorf("after a week %d names are allowed, want 10", n)
	}
	if len(l.names) != 10 {
		t.Errorf("%d names are remembered, want 10", len(l.names))
	}
}
