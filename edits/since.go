package edits

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ErrTime is wrapped by errors about a text that is not a time.
var ErrTime = errors.New("not a valid time")

// ParseTime reads a time as a person writes it: as how long it is ago (30m, 12h, 2d, 3w), as a date (2026-11-29) or a date and a time of day (2026-11-29
// 14:30), in the time zone of now, or as in RFC 3339.
func ParseTime(text string, now time.Time) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, "2006-01-02 15:04", "2006-01-02T15:04", time.DateTime, time.RFC3339} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return t, nil
		}
	}
	units := map[string]time.Duration{"m": time.Minute, "h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour}
	number := strings.TrimRight(text, "mhdw")
	const longest = 100_000
	if n, err := strconv.Atoi(number); err == nil && n >= 0 && n < longest && units[text[len(number):]] > 0 {
		return now.Add(-time.Duration(n) * units[text[len(number):]]), nil
	}
	return time.Time{}, fmt.Errorf("%q is %w; write it like 2d, 12h or 2026-11-29", text, ErrTime)
}
