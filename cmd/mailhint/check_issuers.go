package main

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"mailhint/domains"
	"mailhint/oauth"
	"mailhint/probe"
	"mailhint/settings"
)

// issuerProber asks authorization servers with the DNS resolver and the private networks of the flags.
func issuerProber(cmd *cobra.Command) (oauth.Prober, error) {
	r, err := resolverOf(cmd)
	if err != nil {
		return nil, err
	}
	private, err := privateNetworks(cmd)
	if err != nil {
		return nil, err
	}
	return &probe.Prober{Resolver: r, Private: private}, nil
}

// oauth2Use is a table oauth2, where it is written, and whether some mail server takes nothing else.
type oauth2Use struct {
	table *settings.OAuth2
	at    domains.Position
	only  bool
}

// oauth2Uses are the different tables oauth2 that mail programs depend on, in the order of the entries.
func oauth2Uses(s *domains.Snapshot) (uses []oauth2Use) {
	index := make(map[string]int)
	use := func(e domains.Entry, c domains.Choice) {
		if c.Settings == nil || c.Settings.OAuth2 == nil {
			return
		}
		found := settings.Found{Settings: c.Settings}
		if len(e.Names) > 0 {
			found.Domain, found.Primary = e.Names[0], e.Names[0]
		}
		needs, only := found.NeedsOAuth2()
		if !needs {
			return
		}
		u := oauth2Use{table: c.Settings.OAuth2, only: only}
		for _, o := range s.Explain(c.Settings) {
			if o.Key == "oauth2" {
				u.at = o.Position
			}
		}
		key := fmt.Sprintf("%s %+v", u.at, *u.table)
		if i, known := index[key]; known {
			uses[i].only = uses[i].only || only
			return
		}
		index[key] = len(uses)
		uses = append(uses, u)
	}
	for _, e := range s.Entries() {
		use(e, e.Choice)
		for _, rule := range e.Rules {
			use(e, rule.Choice)
		}
	}
	return uses
}

// issuersAtOnce is how many authorization servers are asked at a time.
const issuersAtOnce = 8

// checkIssuers asks each authorization server once. What is wrong is a mistake if people can sign in to a mail server in no other way, and a
// warning otherwise. Unknown scopes are always a warning: a server need not list all. An issuer that cannot be asked makes the report unread.
func checkIssuers(ctx context.Context, p oauth.Prober, s *domains.Snapshot, report *domains.Report) {
	uses := oauth2Uses(s)
	found := make(map[string]*oauth.Observation)
	var asking sync.WaitGroup
	slots := make(chan struct{}, issuersAtOnce)
	for _, u := range uses {
		issuer := u.table.IssuerURL()
		if found[issuer] != nil {
			continue
		}
		o := new(oauth.Observation)
		found[issuer] = o
		asking.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			*o = oauth.Look(ctx, p, issuer)
		})
	}
	asking.Wait()
	for _, u := range uses {
		o := *found[u.table.IssuerURL()]
		if o.Unknown != nil {
			report.Fail(domains.Problem{Position: u.at, Key: "oauth2", Text: fmt.Sprintf("the issuer cannot be asked: %v", o.Unknown)})
			report.Unread = true
			continue
		}
		for _, f := range oauth.Judge(u.table, o) {
			problem := domains.Problem{Position: u.at, Key: "oauth2", Text: strings.TrimRight(f.Text+". "+f.Fix+" "+strings.ReplaceAll(f.Paste, "\n", ", "), " :.")}
			if u.only && f.Point != oauth.Scopes {
				report.Fail(problem)
			} else {
				report.Warnings = append(report.Warnings, problem)
			}
		}
	}
}
