package certs

import "errors"

// Names below a wildcard have no end: whoever asks makes them up, and where the DNS has the same wildcard they even lead here. So
// only so many of them may have a certificate at a time, the failed orders of others count like certificates, and they are renewed
// only if somebody has asked for them since the last time. One who fills all places takes none from names that are listed.

// errWildcardsFull means that as many names below wildcards as may have certificates have them.
var errWildcardsFull = errors.New("too many names below wildcards have certificates; list in the configuration those that matter")

func (c *Certificates) listed(name string) bool {
	return c.config.Listed == nil || c.config.Listed(name)
}

// roomFor reports whether a name may get a certificate besides those there are.
func (c *Certificates) roomFor(name string) bool {
	return c.listed(name) || c.unlisted.Load() < int64(c.config.Unlisted) || c.entry(name) != nil
}

// takeRoom is roomFor, and counts the name. What comes of the order is counted anew by countUnlisted.
func (c *Certificates) takeRoom(name string) error {
	if c.listed(name) || c.entry(name) != nil {
		return nil
	}
	if c.unlisted.Add(1) > int64(c.config.Unlisted) {
		c.unlisted.Add(-1)
		return errWildcardsFull
	}
	return nil
}

// countUnlisted counts the names that are not listed and have a certificate, or a failed order.
func (c *Certificates) countUnlisted() {
	if c.config.Listed == nil {
		return
	}
	names := c.entries()
	n := 0
	for name := range names {
		if c.allowed(name) && !c.listed(name) {
			n++
		}
	}
	for name, failure := range c.failures.all() {
		if names[name] == nil && failure.Times > 0 && c.allowed(name) && !c.listed(name) {
			n++
		}
	}
	before := c.unlisted.Swap(int64(n))
	if most := int64(c.config.Unlisted); before < most && int64(n) >= most {
		c.log.Warn("no more names below wildcards get certificates; list in the configuration those that matter", "most", most)
	}
}
