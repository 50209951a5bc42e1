package probe

import (
	"crypto/x509"
	"fmt"
	"math"
	"time"
)

// renewBefore is the most time before its end at which a certificate should have been renewed.
const renewBefore = 14 * 24 * time.Hour

// ExpiresSoon reports whether a certificate should have been renewed by now: less than a third of its lifetime is left, and less than 14
// days. Automatic renewal of certificates that last months comes much earlier, and that of certificates that last days comes no later.
func ExpiresSoon(c *x509.Certificate, now time.Time) bool {
	return c.NotAfter.Sub(now) < min(renewBefore, c.NotAfter.Sub(c.NotBefore)/3)
}

// Days returns the whole days that are left until a time; below zero if it is past.
func Days(until, now time.Time) int { return int(math.Floor(until.Sub(now).Hours() / 24)) }

func days(until, now time.Time) string {
	if n := Days(until, now); n != 1 {
		return fmt.Sprintf("%d days", n)
	}
	return "1 day"
}
