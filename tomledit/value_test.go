package tomledit

import (
	"testing"
	"time"
)

// Dates and times without a zone are written as they were read, whatever zone the machine is in.
func TestTimesWithoutZone(t *testing.T) {
	east := 5*60*60 + 30*60
	for want, v := range map[string]time.Time{
		"2026-11-29":                time.Date(2026, 11, 29, 0, 0, 0, 0, time.FixedZone("date-local", east)),
		"2026-11-29T00:30:00":       time.Date(2026, 11, 29, 0, 30, 0, 0, time.FixedZone("datetime-local", east)),
		"07:32:00.5":                time.Date(0, 1, 1, 7, 32, 0, 500_000_000, time.FixedZone("time-local", -east)),
		"2026-11-29T10:00:00Z":      time.Date(2026, 11, 29, 10, 0, 0, 0, time.UTC),
		"2026-11-29T10:00:00+05:30": time.Date(2026, 11, 29, 10, 0, 0, 0, time.FixedZone("", east)),
	} {
		if got := string(appendValue(nil, v)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
