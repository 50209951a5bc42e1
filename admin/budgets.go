package admin

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Looking at mail servers and name servers costs time, and others could be harmed by it: each account may do so much, and all together no more than the
// slots that there are.
const (
	// lookBurst and lookEvery are the budget of an account: so many looks at once, and then one in this time.
	lookBurst = 20
	lookEvery = 6 * time.Second
	// looksAtOnce is how many looks of all accounts run at the same time.
	looksAtOnce = 8
	// maxBudgets is how many accounts are remembered. A stranger cannot make accounts.
	maxBudgets = 10_000
)

// budgets are those of all accounts. The zero value is ready for use.
type budgets struct {
	mu      sync.Mutex
	of      map[string]*rate.Limiter
	running int
	refused int
}

// begin takes a look from the budget of an account. The caller must call end when it has ended.
func (b *budgets) begin(account string, now time.Time) (end func(), err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.running >= looksAtOnce {
		b.refused++
		return nil, &BusyError{"too many domains are being looked at", lookEvery}
	}
	limiter := b.of[account]
	if limiter == nil {
		if b.of == nil || len(b.of) >= maxBudgets {
			b.of = make(map[string]*rate.Limiter)
		}
		limiter = rate.NewLimiter(rate.Every(lookEvery), lookBurst)
		b.of[account] = limiter
	}
	if !limiter.AllowN(now, 1) {
		b.refused++
		return nil, &BusyError{"this account has looked at servers too often", lookEvery}
	}
	b.running++
	return func() {
		b.mu.Lock()
		b.running--
		b.mu.Unlock()
	}, nil
}
