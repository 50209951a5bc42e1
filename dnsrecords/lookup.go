package dnsrecords

import (
	"context"

	"mailhint/settings"
)

// Wanted are the records that a domain should publish.
type Wanted struct {
	Domain settings.Domain
	// Zone contains the records: the domain itself or one above it. It is empty for records of several zones.
	Zone    settings.Domain
	Records []Record
}

// DomainDifferences are the differences of one domain, or why they are not known.
type DomainDifferences struct {
	Domain      settings.Domain
	Differences []Difference
	Err         error
}

// domainsAtOnce is how many domains are looked up at a time.
const domainsAtOnce = 8

// LookUp looks up what domains publish, eight at a time, and returns the Differences of each, in the same order. An error of one of them
// says nothing about the others. The options are those of Differences. After each domain, LookUp calls step, never twice at once.
func LookUp(ctx context.Context, r Resolver, all []Wanted, o Options, step func()) []DomainDifferences {
	found := make([]DomainDifferences, len(all))
	next, ended := make(chan int), make(chan bool)
	for range min(domainsAtOnce, len(all)) {
		go func() {
			for i := range next {
				found[i].Domain = all[i].Domain
				found[i].Differences, found[i].Err = Differences(ctx, r, all[i].Records, o)
				ended <- true
			}
		}()
	}
	go func() {
		for i := range all {
			next <- i
		}
		close(next)
	}()
	for range all {
		<-ended
		step()
	}
	return found
}
