package logins

import (
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"mailhint/settings"
)

const (
	// keepFresh is how long what was found counts, and also that nothing was found: if one were shorter, the time of an answer would tell
	// which of the two it is.
	keepFresh = 5 * time.Minute
	// keepStale is how long a login name is used for while the Source cannot be asked.
	keepStale = time.Hour

	// maxHits and maxMisses are how many addresses of one look-up are remembered that were found and not found, so that made-up addresses do
	// not push out those of people. An entry has about 200 octets.
	maxHits   = 20_000
	maxMisses = 20_000
)

// person is what is asked about.
type person struct {
	address settings.Address
	primary settings.Domain
}

// newPerson returns a person with the address in lower case, as nearly all directories compare it.
func newPerson(q settings.PersonQuestion) person {
	local := strings.Clone(strings.ToLower(q.Address.Local)) // a part of a request would keep all of it in memory
	return person{settings.Address{Local: local, Domain: settings.Domain(strings.Clone(string(q.Address.Domain)))}, q.Primary}
}

// cached is what a Source has said about a person.
type cached struct {
	name    string // "" if there is none that can be used
	at      time.Time
	version uint64
}

// cache remembers what a Source has said. It may be used by several goroutines at once.
type cache struct {
	hits, misses *lru.Cache[person, cached]
}

func newCache() cache {
	hits, _ := lru.New[person, cached](maxHits) // fails for a size below 1 only
	misses, _ := lru.New[person, cached](maxMisses)
	return cache{hits, misses}
}

// get returns what was said about a person, and whether it still counts. What does not may be used if the Source cannot be asked.
func (c cache) get(p person, version uint64, now time.Time) (said cached, fresh bool) {
	said, ok := c.hits.Get(p)
	if !ok {
		said, ok = c.misses.Get(p)
	}
	age := now.Sub(said.at)
	if !ok || age > keepStale || said.version != version {
		return cached{}, false
	}
	return said, age <= keepFresh
}

func (c cache) add(p person, said cached) {
	if said.name == "" {
		c.hits.Remove(p)
		c.misses.Add(p, said)
		return
	}
	c.misses.Remove(p)
	c.hits.Add(p, said)
}
