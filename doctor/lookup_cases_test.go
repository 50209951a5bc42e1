package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"testing"
	"time"

	"mailhint/logins"
	"mailhint/settings"
)

// lookup is a domain whose login names are looked up.
const lookup = usual + `login = { lookup = "people", hint = "your UniID" }
[lookups.people]
type = "file"
file = "logins.txt"
unknown = "%EMAILLOCALPART%"
`

// answers makes the look-ups of the world answer like this.
func answers(login string, took time.Duration, err error) func(*world) {
	return func(w *world) {
		w.lookUp = func(_ context.Context, name string, q settings.PersonQuestion) (string, time.Duration, error) {
			if name != "people" || q.Address.String() != "postmaster@a.example" || q.Primary != "a.example" {
				return "", 0, fmt.Errorf("asked %s for %+v", name, q)
			}
			return login, took, err
		}
	}
}

// lookupCases are about look-ups of login names.
var lookupCases = []findingCase{
	{name: "a look-up that is not asked", config: lookup, change: func(*world) {}},
	{name: "a look-up that does not know postmaster", config: lookup, change: answers("", time.Millisecond, logins.ErrUnknown)},
	{name: "a look-up with several", config: lookup, change: answers("", time.Millisecond, fmt.Errorf("%w: there are several", logins.ErrUnclear))},
	{name: "a look-up that fails", config: lookup, change: answers("", time.Millisecond, errors.New("ldaps://ldap.a.example refuses bind_dn or its password")),
		want: "L06 lookups.people the look-up people fails: ldaps://ldap.a.example refuses bind_dn or its password; people get the login name for unknown addresses"},
	{name: "a slow look-up", config: lookup, change: answers("", 2*time.Second, logins.ErrUnknown),
		want: "warning L06 lookups.people the look-up people takes 2s, and requests wait for 800ms only"},
}

// What only another user may read could not be checked, which is no finding.
func TestLookupNotReadable(t *testing.T) {
	snapshot := load(t, lookup)
	w := newWorld(t, snapshot, "a.example")
	w.hosts["autoconfig.thunderbird.net"] = addresses("203.0.113.90")
	answers("", 0, fmt.Errorf("open ldap.pass: %w", fs.ErrPermission))(w)
	r := w.doctor().Examine(t.Context(), find(t, snapshot, "a.example"))
	if len(r.Findings) != 0 || !r.Incomplete || len(r.Unchecked) == 0 {
		t.Errorf("%+v", r)
	}
}

// A login name that is found is in the answers that are compared, and in what clients get.
func TestLookedUpLogin(t *testing.T) {
	snapshot := load(t, lookup)
	snapshot.FindLoginNames(func(context.Context, []string, settings.PersonQuestion) []string { return []string{"po001"} })
	w := newWorld(t, snapshot, "a.example")
	w.hosts["autoconfig.thunderbird.net"] = addresses("203.0.113.90")
	answers("po001", time.Millisecond, nil)(w)
	r := w.doctor().Examine(t.Context(), find(t, snapshot, "a.example"))
	checkReport(t, r, "")
	for _, c := range r.Clients {
		if c.Login != "from the look-up people" && c.Login != settings.EmailLocalPart {
			t.Errorf("%s signs in as %s", c.Name, c.Login)
		}
	}
}
