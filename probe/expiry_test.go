package probe

import (
	"crypto/x509"
	"testing"
	"time"
)

// TestExpiresSoon: the limit is 14 days, or a third of a shorter lifetime, such as that of Let's Encrypt's certificates for six days.
func TestExpiresSoon(t *testing.T) {
	const day = 24 * time.Hour
	tests := []struct {
		lifetime, left time.Duration
		want           bool
	}{
		{90 * day, 30 * day, false},
		{90 * day, 14 * day, false},
		{90 * day, 14*day - time.Second, true},
		{398 * day, 15 * day, false},
		{398 * day, 13 * day, true},
		{42 * day, 14 * day, false},
		{30 * day, 11 * day, false},
		{30 * day, 9 * day, true},
		{160 * time.Hour, 159 * time.Hour, false},
		{160 * time.Hour, 54 * time.Hour, false},
		{160 * time.Hour, 53 * time.Hour, true},
		{160 * time.Hour, -time.Hour, true},
	}
	for _, test := range tests {
		c := &x509.Certificate{NotBefore: testTime.Add(test.left - test.lifetime), NotAfter: testTime.Add(test.left)}
		if got := ExpiresSoon(c, testTime); got != test.want {
			t.Errorf("%s left of %s: got %t, want %t", test.left, test.lifetime, got, test.want)
		}
	}
}
