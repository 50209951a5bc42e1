package main

import (
	"net/netip"
	"time"

	"mailhint/monitor"
	"mailhint/probe"
	"mailhint/resolver"
)

// systemProber looks at servers as mail clients on this machine would reach them.
func systemProber(private []netip.Prefix) monitor.Prober {
	return &probe.Prober{Resolver: resolver.SystemNow{}, Private: private, Greeting: manyGreeting}
}

// manyGreeting is how long a server may take to greet where many servers are looked at. That is less than mail clients wait, because a
// server that never greets should not hold up the others.
const manyGreeting = 20 * time.Second
