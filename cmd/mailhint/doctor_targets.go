package main

import (
	"fmt"
	"io"
	"iter"
	"slices"

	"mailhint/doctor"
	"mailhint/domains"
	"mailhint/settings"
)

// doctorTargets returns the domains to examine, and how many there are.
func doctorTargets(snapshot *domains.Snapshot, live *liveExchangers, args []string, all bool) (iter.Seq[doctor.Domain], int, error) {
	named := namedDomains(snapshot)
	if !all && len(args) == 0 {
		if len(named) != 1 {
			return nil, 0, fmt.Errorf("%d domains are configured by name; say which one, or --all", len(named))
		}
		args = []string{string(named[0])}
	}
	if all {
		return func(yield func(doctor.Domain) bool) {
			for _, name := range named {
				if target, err := doctorTarget(snapshot, live, name); err == nil && !yield(target) {
					return
				}
			}
		}, len(named), nil
	}
	var targets []doctor.Domain
	known := make(map[settings.Domain]bool)
	for _, arg := range args {
		name, err := settings.ParseDomain(arg)
		if err != nil {
			return nil, 0, fmt.Errorf("%q: %w; write it like example.com", arg, err)
		}
		if known[name] {
			continue
		}
		known[name] = true
		target, err := doctorTarget(snapshot, live, name)
		if err != nil {
			return nil, 0, err
		}
		targets = append(targets, target)
	}
	return slices.Values(targets), len(targets), nil
}

// namedDomains lists the domains that stand in the configuration by name and are answered for.
func namedDomains(snapshot *domains.Snapshot) []settings.Domain {
	var named []settings.Domain
	for _, e := range snapshot.Entries() {
		if !e.Disabled && (e.Kind == domains.Single || e.Kind == domains.List) {
			named = append(named, e.Names...)
		}
	}
	return named
}

// doctorTarget finds what a domain's programs should end up with. Settings that are told to some networks only are those for them.
func doctorTarget(snapshot *domains.Snapshot, live *liveExchangers, name settings.Domain) (doctor.Domain, error) {
	if found, ok := snapshot.Lookup(settings.Question{Host: name}); ok {
		return doctor.Domain{Found: found}, nil
	}
	entries, err := snapshot.EntriesFor([]settings.Domain{name})
	if err != nil {
		return doctor.Domain{}, live.notFound(snapshot, name)
	}
	for _, e := range entries {
		if e.Disabled {
			return doctor.Domain{}, problem(fmt.Errorf("%s is switched off: remove enabled = false, or leave it alone", name))
		}
		for _, network := range e.Networks {
			if found, ok := snapshot.Lookup(settings.Question{Host: name, Client: network.Addr()}); ok {
				return doctor.Domain{Found: found, Limited: true}, nil
			}
		}
	}
	return doctor.Domain{}, live.notFound(snapshot, name)
}

// leftOut says what --all does not examine.
func leftOut(stderr io.Writer, snapshot *domains.Snapshot) {
	for _, e := range snapshot.Entries() {
		switch e.Kind {
		case domains.Wildcard:
			fmt.Fprintf(stderr, "not examined: the names below *.%s; name one of them\n", e.Names[0])
		case domains.Fallback:
			fmt.Fprintln(stderr, "not examined: the names that [fallback] answers for; name one of them")
		}
	}
}
