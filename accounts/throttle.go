package accounts

import (
	"context"
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// throttle slows wrong sign-ins. It keeps what it knows in memory, in each process for itself, and needs at most a few megabytes whatever
// strangers do.
//
// Each wrong sign-in makes the next one wait longer, up to a limit: nobody is locked out for good. What counts together is
//
//   - an account and a network: the usual case, somebody who guesses or has forgotten the password;
//   - a network, whatever the account: somebody who tries one password with many names;
//   - an account, whatever the network: many machines that guess together. Then a sign-in takes two seconds longer, but is never refused,
//     because the one who is slowed could be the owner.
//
// Strangers thus cannot keep the owner of an account out: a sign-in from a device or network with which the account has signed in before
// counts for itself, and only its own mistakes slow it.
type throttle struct {
	now func() time.Time

	mutex    sync.Mutex
	pairs    *simplelru.LRU[string, *penalty]
	networks *simplelru.LRU[netip.Prefix, *penalty]
	accounts [4096]penalty // by hash: names are made up by strangers, and must not push out others
	seed     maphash.Seed
	delayed  int // sign-ins that wait at the moment
}

// penalty counts wrong sign-ins.
type penalty struct {
	wrong int
	last  time.Time
	until time.Time // no sign-in is checked before
}

// rule says how penalties grow: after the free mistakes, a second, two, four … up to a limit.
type rule struct {
	free  int
	limit time.Duration
}

var (
	strangerRule = rule{free: 4, limit: 15 * time.Minute}
	knownRule    = rule{free: 9, limit: 30 * time.Second} // own device or network
	networkRule  = rule{free: 30, limit: 5 * time.Minute}
)

const (
	// forgetAfter is how long after the last wrong sign-in a penalty is forgotten.
	forgetAfter = time.Hour
	// After guessedAfter wrong sign-ins to an account by strangers, more take guessedDelay longer, of which maxDelayed can wait at a time.
	guessedAfter = 100
	guessedDelay = 2 * time.Second
	maxDelayed   = 256
	// maxPenalties is how many pairs of account and network, and how many networks, are remembered. The oldest are forgotten first; to push one
	// out takes as many checks of passwords, which take minutes.
	maxPenalties = 8192
)

func newThrottle(now func() time.Time) *throttle {
	pairs, _ := simplelru.NewLRU[string, *penalty](maxPenalties, nil)          // fails only for sizes below 1
	networks, _ := simplelru.NewLRU[netip.Prefix, *penalty](maxPenalties, nil) // likewise
	return &throttle{now: now, pairs: pairs, networks: networks, seed: maphash.MakeSeed()}
}

// attempt is a sign-in that is about to be checked.
type attempt struct {
	account string
	address netip.Addr
	// known is the device or network from which the account has signed in before; empty for strangers.
	known string
	// code is true for a code, of somebody who knows the password. All strangers count together then: there are only a million codes.
	code bool
}

// pair is what an attempt counts as: the octet between the parts is in no name.
func (a attempt) pair() string {
	switch {
	case a.code:
		return a.account + "\x00code\x00" + a.known
	case a.known != "":
		return a.account + "\x00" + a.known
	}
	return a.account + "\x00" + neighbours(a.address).String()
}

func (a attempt) rule() rule {
	if a.known != "" {
		return knownRule
	}
	return strangerRule
}

// outcome is what became of an attempt.
type outcome int

const (
	wrong outcome = iota
	right
	unchecked
)

// neighbours is the network that counts as one client: an IPv4 address, or the /64 of an IPv6 address, which one household has.
func neighbours(address netip.Addr) netip.Prefix { return prefixOf(address, 32, 64) }

// region is the network that counts as one attacker.
func region(address netip.Addr) netip.Prefix { return prefixOf(address, 24, 48) }

func prefixOf(address netip.Addr, v4, v6 int) netip.Prefix {
	address = address.Unmap().WithZone("")
	bits := v6
	if address.Is4() {
		bits = v4
	}
	prefix, err := address.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // no address
	}
	return prefix
}

// begin asks whether a sign-in may be checked now, and counts it as wrong until done is called. The error is a *TryLaterError.
func (t *throttle) begin(ctx context.Context, a attempt) (done func(outcome), err error) {
	wait, counted, err := t.count(a)
	if err != nil {
		return nil, err
	}
	done = func(o outcome) { t.settle(a, counted, o) }
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			err = ctx.Err()
		}
		t.mutex.Lock()
		t.delayed--
		t.mutex.Unlock()
	}
	return done, err
}

// count counts a sign-in as wrong, or refuses it. wait is how long it must be delayed.
func (t *throttle) count(a attempt) (wait time.Duration, counted []*penalty, err error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	now := t.now()
	pair := recall(t.pairs, a.pair(), now)
	if err := pair.refused(now); err != nil {
		return 0, nil, err
	}
	if a.known != "" || a.code {
		pair.add(now, a.rule())
		return 0, []*penalty{pair}, nil
	}
	network := recall(t.networks, region(a.address), now)
	account := &t.accounts[maphash.String(t.seed, a.account)%uint64(len(t.accounts))]
	account.forget(now)
	if err := network.refused(now); err != nil {
		return 0, nil, err
	}
	if account.wrong >= guessedAfter {
		if t.delayed >= maxDelayed {
			return 0, nil, &TryLaterError{After: guessedDelay}
		}
		t.delayed++
		wait = guessedDelay
	}
	pair.add(now, a.rule())
	network.add(now, networkRule)
	account.wrong, account.last = account.wrong+1, now
	return wait, []*penalty{pair, network, account}, nil
}

// recall returns the penalty of a key, and makes it if there is none.
func recall[K comparable](penalties *simplelru.LRU[K, *penalty], key K, now time.Time) *penalty {
	p, ok := penalties.Get(key)
	if !ok {
		p = new(penalty)
		penalties.Add(key, p)
	}
	p.forget(now)
	return p
}

// settle takes back what count has counted, unless it was wrong. After a sign-in that was right, those of the account and its network, or device,
// are forgotten.
func (t *throttle) settle(a attempt, counted []*penalty, o outcome) {
	if o == wrong {
		return
	}
	t.mutex.Lock()
	defer t.mutex.Unlock()
	for _, p := range counted {
		p.wrong = max(0, p.wrong-1)
	}
	if o == right {
		t.pairs.Remove(a.pair())
	}
}

func (p *penalty) forget(now time.Time) {
	if now.Sub(p.last) > forgetAfter {
		*p = penalty{}
	}
}

func (p *penalty) refused(now time.Time) error {
	if now.Before(p.until) {
		return &TryLaterError{After: p.until.Sub(now)}
	}
	return nil
}

func (p *penalty) add(now time.Time, r rule) {
	p.wrong, p.last = p.wrong+1, now
	if more := p.wrong - r.free; more >= 0 {
		p.until = now.Add(min(r.limit, time.Second<<min(more, 20)))
	}
}
