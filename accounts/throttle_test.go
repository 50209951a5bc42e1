package accounts_test

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"mailhint/accounts"
)

// addressOf returns a different IPv6 network for each number.
func addressOf(n int) netip.Addr {
	var octets [16]byte
	binary.BigEndian.PutUint64(octets[:8], 0x2001_0db8_0000_0000+uint64(n)<<16)
	return netip.AddrFrom16(octets)
}

// waitOf is how long a sign-in has to wait; 0 if it need not.
func waitOf(t *testing.T, err error) time.Duration {
	t.Helper()
	if err == nil {
		return 0
	}
	later := (*accounts.TryLaterError)(nil)
	if !errors.As(err, &later) || later.After <= 0 {
		t.Fatalf("error %v", err)
	}
	return later.After
}

// The wait grows up to a limit, passes, and is forgotten after a sign-in that succeeds.
func TestThrottleGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		throttle := accounts.NewThrottle(time.Now)
		ctx := t.Context()
		var waits []time.Duration
		for range 40 {
			wait := waitOf(t, throttle.Wrong(ctx, "anna", client.Address, ""))
			if wait > 0 {
				waits = append(waits, wait)
			}
			time.Sleep(wait)
		}
		for i, wait := range waits {
			if want := min(time.Second<<i, 15*time.Minute); wait != want {
				t.Errorf("wait %d is %v, want %v; all: %v", i, wait, want, waits)
			}
		}
		if len(waits) < 12 {
			t.Errorf("waits %v: too many free mistakes", waits)
		}
		time.Sleep(15 * time.Minute)
		if err := throttle.Right(ctx, "anna", client.Address, ""); err != nil {
			t.Fatal(err)
		}
		if wait := waitOf(t, throttle.Wrong(ctx, "anna", client.Address, "")); wait != 0 {
			t.Errorf("after a good sign-in the next one has to wait %v", wait)
		}
	})
}

// Many machines that guess the password of one account slow the owner a little at a new place, and not at all at a known one.
func TestThrottleStrangersDoNotLockOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		throttle := accounts.NewThrottle(time.Now)
		ctx := t.Context()
		for i := range 500 {
			for range 3 {
				throttle.Wrong(ctx, "anna", addressOf(i), "")
			}
		}
		for _, known := range []string{"device", "network"} {
			start := time.Now()
			if err := throttle.Right(ctx, "anna", client.Address, known); err != nil || time.Since(start) != 0 {
				t.Errorf("from a known %s: error %v after %v", known, err, time.Since(start))
			}
		}
		start := time.Now()
		if err := throttle.Right(ctx, "anna", client.Address, ""); err != nil || time.Since(start) == 0 || time.Since(start) > 2*time.Second {
			t.Errorf("from a new network: error %v after %v", err, time.Since(start))
		}
		// A stranger behind the same address as the owner slows the address, and not the device.
		for range 100 {
			throttle.Wrong(ctx, "anna", client.Address, "network")
		}
		if err := throttle.Right(ctx, "anna", client.Address, "device"); err != nil {
			t.Errorf("from a known device: %v", err)
		}
		if wait := waitOf(t, throttle.Wrong(ctx, "anna", client.Address, "network")); wait == 0 || wait > 30*time.Second {
			t.Errorf("from a known network with many mistakes: wait %v", wait)
		}
	})
}

// One password with many names is slowed per network, also across the addresses of an IPv6 network.
func TestThrottleSpraying(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		throttle := accounts.NewThrottle(time.Now)
		checked := 0
		for i := range 10_000 {
			address := addressOf(0)
			for range i % 256 {
				address = address.Next()
			}
			if throttle.Wrong(t.Context(), string(rune('a'+i%26))+time.Duration(i).String(), address, "") == nil {
				checked++
			}
		}
		if checked > 40 {
			t.Errorf("%d of 10,000 sign-ins from one network were checked", checked)
		}
	})
}

// Whatever strangers do, the memory is bounded.
func TestThrottleMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		throttle := accounts.NewThrottle(time.Now)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		name := make([]byte, 10_000)
		for i := range 100_000 {
			binary.BigEndian.PutUint32(name, uint32(i))
			throttle.Wrong(t.Context(), string(name[:64+i%8]), addressOf(i), "")
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if kept := throttle.Kept(); kept > accounts.MaxKept {
			t.Errorf("%d penalties are kept", kept)
		}
		if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 16<<20 {
			t.Errorf("100,000 wrong sign-ins need %d KiB", grown>>10)
		}
	})
}
