package main

import (
	"testing"
	"time"
)

// The garbage that collects is what it would be without the copy, whatever the size of that.
func TestGCPercent(t *testing.T) {
	const mb = 1 << 20
	for _, c := range []struct{ live, octets, want int }{
		{20 * mb, 0, 100}, {520 * mb, 500 * mb, 3}, {600 * mb, 500 * mb, 16}, {0, 500 * mb, 3}, {21 * mb, mb, 95}, {20_000 * mb, 20_000 * mb, 1},
	} {
		if got := gcPercent(c.live, c.octets); got != c.want {
			t.Errorf("%d MB with a copy of %d MB: %d, want %d", c.live/mb, c.octets/mb, got, c.want)
		}
	}
}

// Many names are looked at less often.
func TestBetweenNames(t *testing.T) {
	for names, want := range map[int]time.Duration{0: time.Minute, 100_000: time.Minute, 1_000_000: 5 * time.Minute, 10_000_000: 50 * time.Minute} {
		if got := betweenNames(names); got != want {
			t.Errorf("%d names: %v, want %v", names, got, want)
		}
	}
}
