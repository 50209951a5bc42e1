package pacc

import "mailhint/settings"

// Path is where clients ask.
const Path = "/.well-known/user-agent-configuration.json"

// Host returns the name at which clients ask for a domain.
func Host(d settings.Domain) string { return settings.PACCPrefix + string(d) }

// Request returns what clients send. It is the same for every address.
func Request(d settings.Domain) settings.Request { return settings.NewRequest(Host(d), Path, nil) }
