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
	"testing/synctest"
	"time"

	"mailhint/settings"
)

// TestSlotsAreReleased sends many requests to one address. Each must release its slot once, although net/http closes connections too: else
// the slots would run out.
func TestSlotsAreReleased(t *testing.T) {
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
	if n := len(p.limit.slots); n != 0 {
		t.Errorf("%d addresses still have slots, want none", n)
	}
}

// TestWaitingDoesNotCount looks at a machine under so many names that the last has to wait for longer than a look may take. The result must
// be the same.
func TestWaitingDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hosts := make(hostsFile)
		for i := range 3 * 4 { // at most 4 at a time
			hosts[fmt.Sprintf("h%d.example", i)] = []netip.Addr{netip.MustParseAddr("192.0.2.1")}
		}
		p := &Prober{Resolver: hosts, Dial: dialServer(t, silent), Step: testStep}
		start := time.Now()
		var all sync.WaitGroup
		for name := range hosts {
			all.Go(func() {
				if got := p.Look(t.Context(), name, Port{settings.IMAP, 993, settings.ImplicitTLS}).Looks[0]; got.State != Reached {
					t.Errorf("%s: got %s, %v; want reached", name, got.State, got.Err)
				}
			})
		}
		all.Wait()
		if took := time.Since(start); took <= 130*time.Second {
			t.Errorf("it took %s, want more than a look may take", took)
		}
	})
}

// TestManySilentAddresses sends a request to a web server that has many addresses and answers at none.
func TestManySilentAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var addresses []netip.Addr
		for i := range byte(maxAddresses) {
			addresses = append(addresses, netip.AddrFrom4([4]byte{192, 0, 2, i}))
		}
		var dialled atomic.Int32
		p := &Prober{Resolver: hostsFile{"h.example": addresses}, Step: testStep, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			dialled.Add(1)
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		got := p.LookURL(t.Context(), Request{URL: "https://h.example/"})
		if got.State != Silent || got.Address != addresses[0] || dialled.Load() != 3 {
			t.Errorf("got %s at %s, %d addresses tried; want %d", got.State, got.Address, dialled.Load(), 3)
		}
	})
}
