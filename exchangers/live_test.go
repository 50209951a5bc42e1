package exchangers

import (
	"errors"
	"net/netip"
	"testing"

	"mailhint/resolver"
	"mailhint/settings"
)

func TestLive(t *testing.T) {
	hosts := []settings.Domain{"mx1.hoster.example", "mx2.hoster.example"}
	r := &records{mx: map[string][]resolver.MX{
		"ours.example":   {{Preference: 10, Host: "mx2.hoster.example"}, {Preference: 20, Host: "mx.backup.example"}},
		"theirs.example": {{Preference: 10, Host: "mx.other.example"}, {Preference: 20, Host: "mx1.hoster.example"}},
		"null.example":   {{Host: ""}},
	}}
	for d, want := range map[settings.Domain]string{
		"ours.example":   "",
		"theirs.example": `its preferred MX is "mx.other.example", and not mx1.hoster.example or mx2.hoster.example`,
		"null.example":   "it has no MX record; it would have to be mx1.hoster.example or mx2.hoster.example",
		"none.example":   "it has no MX record; it would have to be mx1.hoster.example or mx2.hoster.example",
	} {
		l := NewLive(t.Context(), r)
		if err := l.Why(hosts); err != nil {
			t.Errorf("before any question: %v", err)
		}
		for range 2 {
			if got := l.Ours(d, hosts, netip.Addr{}); got != (want == "") {
				t.Errorf("%s is ours: %t", d, got)
			}
		}
		if n := r.count(string(d)); n != 1 {
			t.Errorf("%s was looked up %d times, want once", d, n)
		}
		if err := l.Why(hosts); want == "" && err != nil || want != "" && (err == nil || err.Error() != want || errors.Is(err, ErrUnknown)) {
			t.Errorf("%s: why: %v, want %q", d, err, want)
		}
	}
	r.set(func() { r.err = resolver.ErrFailed })
	l := NewLive(t.Context(), r)
	if l.Ours("ours.example", hosts, netip.Addr{}) || !errors.Is(l.Why(hosts), ErrUnknown) || !errors.Is(l.Why(hosts), resolver.ErrFailed) {
		t.Errorf("a look-up that failed: %v", l.Why(hosts))
	}
}
