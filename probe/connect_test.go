package probe

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// TestCloseTwice: net/http closes a connection from its reader while the one who asked closes it too. Each connection gives back its
// place once, or the places at an address would run out.
func TestCloseTwice(t *testing.T) {
	to := netip.MustParseAddrPort("192.0.2.1:993")
	p := Prober{Step: time.Second, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		t.Cleanup(func() { theirs.Close() })
		return ours, nil
	}}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for range 100 {
		conn, _, err := p.connect(ctx, to)
		if err != nil {
			t.Fatalf("no place is left: %v", err)
		}
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() { conn.Close() })
		}
		both.Wait()
	}
	if n := len(p.gates.open); n != 0 {
		t.Errorf("%d addresses are still counted, want none", n)
	}
}
