package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// followSize keeps the garbage collector as busy as it would be without the copy, until ctx is done. The copy is one large part of the heap that the
// collector need not look into; but as Go sees it, the program may leave as much garbage behind as its heap is large, so that it would need twice the
// memory, and each request would get memory that no cache of the processor has.
func (p *program) followSize(ctx context.Context) {
	if os.Getenv("GOGC") != "" {
		return // somebody knows better
	}
	for set := 100; ; {
		if percent := gcPercent(liveHeap(), p.replica.Status().Octets); percent != set { // it stops the program for a moment
			debug.SetGCPercent(percent)
			set = percent
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second): // a copy is read in seconds
		}
	}
}

// gcPercent returns the GOGC with which a heap, of which the copy is a part, may grow as much as it would with 100 and without the copy.
func gcPercent(live, octets int) int {
	others := max(live-octets, serveBallast)
	return max(1, 100*others/(others+octets))
}

// liveHeap is what the latest garbage collection has left, in octets.
func liveHeap() int {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return int(sample[0].Value.Uint64())
}
