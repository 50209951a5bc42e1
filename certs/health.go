package certs

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// storageHealth is whether the storage accepts what is written. While it does not, nothing is ordered: the certificate would be lost.
type storageHealth struct {
	mu    sync.Mutex
	fault string // why it does not; empty if it does
	until time.Time
}

// storagePause is the time between attempts to write while that fails.
const storagePause = 30 * time.Second

// errStorage means that nothing can be saved, which is not the fault of a name.
var errStorage = errors.New("certificates cannot be saved")

// checkPrefix begins the names of the files that checkStorage writes.
const checkPrefix = "check-"

// checkStorage writes as much as a certificate takes, and deletes it.
func (c *Certificates) checkStorage(ctx context.Context) error {
	key := fmt.Sprintf("%s%08x", checkPrefix, rand.Uint32())
	err := c.storage.Store(ctx, key, make([]byte, 16<<10))
	if err == nil {
		err = c.storage.Delete(context.WithoutCancel(ctx), key)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	s := &c.health
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		if s.fault != "" {
			c.log.Info("certificates can be saved again")
		}
		s.fault = ""
		return nil
	}
	text := clip(err)
	if s.fault == "" {
		c.log.Error("certificates cannot be saved, so none are ordered; still serving the existing ones", "error", text)
	}
	s.fault, s.until = text, c.clock.Now().Add(spread(storagePause))
	return fmt.Errorf("%w: %s", errStorage, text)
}

// pause returns for how long nothing is ordered, and why.
func (s *storageHealth) pause(now time.Time) (time.Duration, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fault == "" {
		return 0, ""
	}
	return max(s.until.Sub(now), 0), s.fault
}
