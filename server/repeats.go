package server

import (
	"encoding/binary"
	"hash/maphash"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"mailhint/settings"
)

// How often one client may send the same request: 600 at once, and then 5 a second. Apple's setup asks 15 to 20 times a second, and is
// answered for 39 seconds. Some clients keep repeating their last request (KMail), and these have been answered often enough by then.
const (
	repeatBurst  = 600
	repeatPeriod = time.Second / 5
	// repeatRetry is the value of the Retry-After header, in seconds.
	repeatRetry = "10"
)

// repeats limits how often one client may send the same request. It counts requests, not clients: any number of people behind one
// address who ask for different things do not notice each other.
//
// The table has a fixed size. Its slots are in groups; when all of a group are in use, the slot whose client has used least of its
// allowance is lost. So requests that differ cannot drive out the one that is repeated endlessly.
type repeats struct {
	seed    maphash.Seed
	began   time.Time         // time in the slots counts from here, so that it does not depend on the clock being set
	proxies settings.Networks // these send other people's requests
	refused atomic.Uint64
	groups  [1 << 14]repeatGroup
}

type repeatGroup struct {
	mu    sync.Mutex
	slots [4]repeatSlot
}

// repeatSlot counts one request of one client. Each one that is answered uses up repeatPeriod of its time.
type repeatSlot struct {
	request uint64        // a hash
	until   time.Duration // when the client has its whole allowance again; the slot is free then
	refused bool          // the last one was
}

func newRepeats(proxies []netip.Prefix) *repeats {
	return &repeats{seed: maphash.MakeSeed(), began: time.Now(), proxies: proxies}
}

// allow reports whether to answer a request now, and if not, whether it is the first one that is refused. The body is read in advance if the
// route takes it.
func (p *repeats) allow(v *visit) (ok, first bool) {
	if !p.limited(v.from) {
		return true, false
	}
	ok, first = p.count(p.hash(v), v.start.Sub(p.began))
	if !ok {
		p.refused.Add(1)
	}
	return ok, first
}

// hash returns a number for everything that makes two requests the same. A POST asks in its body: every address of a domain has the same
// URL. An IPv6 client is a network of 64 bits, in which one customer can have any number of addresses.
func (p *repeats) hash(v *visit) uint64 {
	var space [512]byte // enough for nearly all
	r, from := &v.request, v.from.As16()
	client := from[:]
	if v.from.Is6() {
		client = from[:8]
	}
	text := append(space[:0], client...)
	for _, part := range [...]string{knownMethod(r.Method), r.Host, r.URL.Path, r.URL.RawQuery} {
		text = append(append(text, part...), 0)
	}
	if r.Method == http.MethodPost && v.route.readsBody(r) {
		v.body.readAhead(r)
		text = binary.NativeEndian.AppendUint64(text, maphash.Bytes(p.seed, v.body.data))
	}
	return maphash.Bytes(p.seed, text)
}

// count counts a request, given its hash.
func (p *repeats) count(request uint64, now time.Duration) (ok, first bool) {
	g := &p.groups[request%uint64(len(p.groups))]
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.slot(request)
	s.until = max(s.until, now)
	if s.until-now > (repeatBurst-1)*repeatPeriod {
		first, s.refused = !s.refused, true
		return false, first
	}
	s.until, s.refused = s.until+repeatPeriod, false
	return true, false
}

// slot returns the slot of a request, which may be one that another request loses.
func (g *repeatGroup) slot(request uint64) *repeatSlot {
	least := &g.slots[0]
	for i := range g.slots {
		s := &g.slots[i]
		if s.request == request {
			return s
		}
		if s.until < least.until {
			least = s
		}
	}
	*least = repeatSlot{request: request}
	return least
}

// limited reports whether a client has a limit. This machine has none, and neither has a trusted proxy that does not say who asks, because
// they may send anybody's requests; nor has a client that is not known.
func (p *repeats) limited(client netip.Addr) bool {
	return client.IsValid() && !client.IsLoopback() && !p.proxies.Contain(client)
}

// readsBody reports whether the handler of a request reads its body.
func (rt *route) readsBody(r *http.Request) bool {
	return slices.Contains(rt.methods, r.Method) && r.ContentLength <= rt.router.maxBody && !(rt.redirectsHTTP && r.URL.Scheme == "http")
}
