package probe

import (
	"fmt"
	"strings"
	"time"

	"mailhint/untrusted"
)

var stateTexts = map[State]string{
	0: "not probed", Reached: "reached", Refused: "connection refused", Silent: "no answer", Unreachable: "unreachable",
	Forbidden: "private address, not probed",
}

// String returns the state in a few words.
func (s State) String() string { return stateTexts[s] }

// Summary returns in one line what a look found, for people: the TLS mode, the certificate and the login methods, or what went wrong.
func (l Look) Summary(now time.Time) string {
	switch {
	case l.NoRoute:
		return "this machine has no route to the address"
	case l.State != Reached:
		return l.State.String()
	case l.Err != nil && l.TLS == nil:
		return l.Err.Error()
	}
	parts := []string{l.Speaks.String()}
	if l.Speaks == 0 {
		parts = nil
	}
	offered := l.After
	if l.TLS == nil {
		offered = l.Before
	} else {
		parts = append(parts, l.TLS.VersionName(), l.TLS.summary(now))
	}
	if l.Greeted >= slowGreeting {
		parts = append(parts, "greets after "+seconds(l.Greeted))
	}
	if len(offered.Mechanisms) > 0 {
		parts = append(parts, untrusted.Clip("login methods "+strings.Join(offered.Mechanisms, " "), maxText))
	} else if l.Speaks != 0 {
		parts = append(parts, "no login method")
	}
	if l.Err != nil {
		parts = append(parts, l.Err.Error())
	}
	return strings.Join(parts, ", ")
}

// slowGreeting is from when on people notice that a server is slow to greet.
const slowGreeting = 5 * time.Second

func seconds(d time.Duration) string { return fmt.Sprintf("%d s", int(d.Round(time.Second).Seconds())) }

// summary returns the state of the certificate in a few words.
func (t *TLS) summary(now time.Time) string {
	var faults []string
	if t.ChainErr != nil {
		faults = append(faults, t.ChainErr.Error())
	}
	if t.NameErr != nil {
		faults = append(faults, t.NameErr.Error())
	}
	if len(faults) > 0 {
		return "invalid certificate (" + strings.Join(faults, "; ") + ")"
	}
	return "certificate valid for " + days(t.Leaf().NotAfter, now)
}
