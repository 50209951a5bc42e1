package certs

import (
	"testing"
	"time"

	"github.com/caddyserver/certmagic"
)

// A process that is killed during an order waits a while before the next order when it is started again, and longer each time.
func TestKilledDuringOrder(t *testing.T) {
	t.Parallel()
	now := time.Now()
	storage := &certmagic.FileStorage{Path: t.TempDir()}
	var last time.Duration
	for range 3 {
		f, err := readFailures(t.Context(), storage)
		if err != nil {
			t.Fatal(err)
		}
		if wait := f.wait("a.test", now); max(wait, 0) < last || wait > 2*time.Hour {
			t.Errorf("waits %s, before %s", wait, last)
		} else {
			last = max(wait, 0) + 1
		}
		if _, err := f.begin(t.Context(), "a.test", now); err != nil {
			t.Fatal(err)
		}
	}
	if last < firstBackoff {
		t.Errorf("waits only %s", last)
	}
	f, err := readFailures(t.Context(), storage)
	if err != nil {
		t.Fatal(err)
	}
	finish, err := f.begin(t.Context(), "b.test", now)
	if err != nil {
		t.Fatal(err)
	}
	finish() // as when the process is stopped
	if f, err = readFailures(t.Context(), storage); err != nil || f.wait("b.test", now) > 0 || len(f.all()) != 1 {
		t.Errorf("an abandoned order counts: %v, %v", err, f.all())
	}
	if wait := f.wait("a.test", now.Add(-1000*time.Hour)); wait > 0 {
		t.Errorf("with the clock set back it waits %s", wait)
	}
}
