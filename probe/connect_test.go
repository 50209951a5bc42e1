package probe

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"

	"mailhint/settings"
)

// TestPlacesAreGivenBack asks many times at one address: net/http closes connections too, and each look must give back its place once,
// or the places would run out.
func TestPlacesAreGivenBack(t *testing.T) {
	p := webServer(t, func(http.ResponseWriter, *http.Request) {}, "www.example.com")
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if got := p.LookURL(t.Context(), Request{URL: "https://www.example.com/"}); got.Status != http.StatusOK {
				t.Errorf("got %+v", got)
			}
		})
	}
	all.Wait()
	if n := len(p.gates.open); n != 0 {
		t.Errorf("%d addresses are still counted, want none", n)
	}
}

// TestWaitingIsNotSilence looks at a machine under so many names that the last must wait for longer than a look may take. What is found
// out does not depend on that.
func TestWaitingIsNotSilence(t *testing.T) {
	t.Parallel()
	l := listen(t) // accepts, and never says a word
	hosts := make(hostsFile)
	for i := range (lookSteps + 2) * atOnce {
		hosts[fmt.Sprintf("h%d.example", i)] = []netip.Addr{netip.MustParseAddr("127.0.0.1")}
	}
	p := &Prober{Resolver: hosts, Private: loopback, Dial: dialTo(l), Step: testStep / 2}
	var all sync.WaitGroup
	for name := range hosts {
		all.Go(func() {
			if got := p.Look(t.Context(), name, Port{settings.IMAP, 993, settings.ImplicitTLS}).Looks[0]; got.State != Reached {
				t.Errorf("%s: got %s, %v; want reached", name, got.State, got.Err)
			}
		})
	}
	all.Wait()
}

// TestManySilentAddresses asks a web server that has many addresses and answers at none.
func TestManySilentAddresses(t *testing.T) {
	t.Parallel()
	var addresses []netip.Addr
	for i := range byte(maxAddresses) {
		addresses = append(addresses, netip.AddrFrom4([4]byte{192, 0, 2, i}))
	}
	var dialled atomic.Int32
	p := &Prober{Resolver: hostsFile{"h.example": addresses}, Step: testStep / 10, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		dialled.Add(1)
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	got := p.LookURL(t.Context(), Request{URL: "https://h.example/"})
	if got.State != Silent || got.Address != addresses[0] || dialled.Load() > lookSteps {
		t.Errorf("got %s at %s, %d addresses tried; want at most %d", got.State, got.Address, dialled.Load(), lookSteps)
	}
}
