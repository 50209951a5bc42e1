// Package edgetest helps to test the HTTP edges of the answers.
package edgetest

import (
	"context"

	"mailhint/settings"
)

// Lookup returns a settings.Lookup that knows the given domains: the address's domain answers, else the Host's.
func Lookup(known map[settings.Domain]settings.Found) settings.Lookup {
	return func(_ context.Context, q settings.Question) (settings.Found, error) {
		for _, d := range []settings.Domain{q.Address.Domain, q.Host} {
			if found, ok := known[d]; ok {
				return found, nil
			}
		}
		return settings.Found{}, settings.ErrDomainNotFound
	}
}
