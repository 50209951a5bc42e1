package certs

import "errors"

// There is no end of names below a wildcard: a stranger can make them up, and where the DNS has the same wildcard they even point here.
// So only a limited number of them may have a certificate at a time, failed orders count like certificates, and they are renewed only if
// a client has asked for them since the last time. A stranger who uses up the limit takes nothing from names that are listed.

// errWildcardsFull means that as many names below wildcards have certificates as may.
var errWildcardsFull = errors.New("too many names below wildcards have certificates; list the ones you need in the configuration")

func (c *Certificates) listed(name string) bool {
	return c.config.Listed == nil || c.config.Listed(name)
}

// roomFor reports whether a name may get a certificate besides the existing ones.
func (c *Certificates) roomFor(name string) bool {
	return c.listed(name) || c.unlisted.Load() < int64(c.config.Unlisted) || c.known.get(name) != nil
}

// takeRoom is roomFor, and counts the name until countUnlisted counts what became of the order.
func (c *Certificates) takeRoom(name string) error {
	if c.listed(name) || c.known.get(name) != nil {
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
	n := 0
	for name := range c.known.all() {
		if c.allowed(name) && !c.listed(name) {
			n++
		}
	}
	for name, failure := range c.failures.all() {
		if c.known.get(name) == nil && failure.Times > 0 && c.allowed(name) && !c.listed(name) {
			n++
		}
	}
	before := c.unlisted.Swap(int64(n))
	if limit := int64(c.config.Unlisted); before < limit && int64(n) >= limit {
		c.log.Warn("no more names below wildcards get certificates; list the ones you need in the configuration", "limit", limit)
	}
}
