package main

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"mailhint/domains"
	"mailhint/exchangers"
	"mailhint/resolver"
	"mailhint/settings"
)

// addMXResolver adds the flag that mxResolver reads.
func addMXResolver(cmd *cobra.Command) {
	cmd.Flags().String("resolver", "", resolverUsage)
}

func mxResolver(cmd *cobra.Command) (exchangers.Resolver, error) {
	r, err := namedResolver(cmd)
	if r == nil || err != nil {
		return resolver.SystemNow{}, err
	}
	return r, nil
}

// loadLive loads the configuration, and lets its fallback look up MX records when it is asked about a name.
func loadLive(cmd *cobra.Command) (*domains.Snapshot, *exchangers.Live, error) {
	snapshot, err := loadConfig(cmd)
	if err != nil {
		return nil, nil, err
	}
	mx, err := mxResolver(cmd)
	if err != nil {
		return nil, nil, err
	}
	live := exchangers.NewLive(cmd.Context(), mx)
	snapshot.AskExchangers(live.Ours)
	return snapshot, live, nil
}

// fallbackFile is where serve keeps the domains that the fallback answers for.
func fallbackFile(s domains.Server) string { return filepath.Join(s.StateDir, "fallback-domains.txt") }

// loadExchangers reads the domains that the last run of the program has kept.
func (p *program) loadExchangers(s domains.Server) {
	file := fallbackFile(s)
	skipped, err := p.exchangers.Load(file)
	switch {
	case err != nil:
		p.log.Warn("cannot read all the domains that the fallback answered for; the first requests for the others will not be answered", "error", err)
	case skipped > 0:
		p.log.Warn("skipped damaged lines among the domains that the fallback answered for", "file", file, "lines", skipped)
	}
}

// notFound is the error for a name that nothing answers for.
func notFound(snapshot *domains.Snapshot, live *exchangers.Live, d settings.Domain) error {
	if err := live.Unanswered(d, snapshot.FallbackMX()); err != nil {
		return problem(err)
	}
	return problem(snapshot.Unanswered(d))
}
