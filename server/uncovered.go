package server

import (
	"iter"
	"slices"
)

// MostUncovered is where Uncovered stops to count, so that a million names that no certificate could ever cover delay nothing.
const MostUncovered = 10_000

// Uncovered counts the host names that no certificate file covers, and returns the first few of them by the alphabet. Programs that ask
// under such a name by https get a certificate for another one and refuse it. Without certificate files there are none: whoever orders
// certificates, or does TLS in front, does so for every name.
func (s *Server) Uncovered(names iter.Seq[string]) (few []string, count int) {
	const enough = 3
	if s.certificates == nil {
		return nil, 0
	}
	choice := s.certificates.choice.Load()
	for name := range names {
		if count == MostUncovered {
			break
		}
		if choice.covering(name) != nil {
			continue
		}
		count++
		if at, _ := slices.BinarySearch(few, name); at < enough {
			few = slices.Insert(few, at, name)
			few = few[:min(len(few), enough)]
		}
	}
	return few, count
}
