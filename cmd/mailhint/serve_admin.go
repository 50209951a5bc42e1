package main

import (
	"context"
	"net/http"
	"strings"
	"time"

	"mailhint/accounts"
	"mailhint/accounts/file"
	"mailhint/accounts/oidc"
	"mailhint/admin"
	"mailhint/admin/api"
	"mailhint/admin/page"
	"mailhint/certs"
	"mailhint/doctor"
	"mailhint/domains"
	"mailhint/edits"
	"mailhint/filestore"
	"mailhint/probe"
	"mailhint/resolver"
	"mailhint/settings"
)

// openAdmin makes the admin page and the API, if there is a listener for them.
func (p *program) openAdmin(config string, s domains.Server, network network) error {
	if s.Admin == "" && s.AdminName == "" {
		return nil
	}
	files, err := filestore.Open(config)
	if err != nil {
		return err
	}
	files.Warn = func(err error) { p.log.Warn("the history of changes", "error", err) }
	kept := file.Open(s.StateDir)
	kept.Warn = func(err error) { p.log.Warn("the accounts are not as they should be", "error", err) }
	var store edits.Store = files
	var accountStore accounts.Store = kept
	if p.database != nil {
		store, accountStore = edits.Beside(files, p.database), p.database.Accounts()
	}
	people := accounts.New(accountStore, accounts.Options{External: func(e accounts.External) (accounts.External, bool) { return p.provider.External(e) }})
	p.people = people
	p.server.Metrics().MustRegister(people.Collector())
	p.provider = oidc.New(people.First)
	p.useProvider(p.current.Load().OIDC)
	service := &admin.Service{Store: store, Current: p.current.Load, Accounts: people, Saved: p.saved, Log: p.log}
	p.look(service, s, network)
	programs := api.New(service, api.Options{Version: versionText(), Log: p.log})
	p.server.Metrics().MustRegister(programs, service.Collector())
	persons := page.New(page.Options{Admin: service, Accounts: people, External: p.provider, Log: p.log})
	p.server.Metrics().MustRegister(persons.Collector())
	p.server.ServeAdmin(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/") {
			programs.ServeHTTP(w, r)
			return
		}
		persons.ServeHTTP(w, r)
	}))
	return nil
}

// useProvider uses the identity provider of a configuration. Without it people still sign in with a password.
func (p *program) useProvider(t domains.OIDC) {
	if p.provider == nil {
		return
	}
	if err := p.provider.Configure(t); err != nil {
		p.log.Warn("the sign-in through an identity provider is not as configured", "error", err)
	}
}

// look gives a service what it needs to look at mail servers and name servers.
func (p *program) look(service *admin.Service, s domains.Server, network network) {
	asked, ok := network.resolver.(admin.Resolver)
	if !ok {
		system, err := resolver.System()
		if err != nil {
			p.log.Warn("the admin page and the API cannot look at servers", "error", err)
			return
		}
		asked = system
	}
	service.Resolver = asked
	service.Prober = &probe.Prober{Resolver: asked, Private: s.ProbePrivate, Greeting: manyGreeting}
	service.Outside = admin.OutsideOnly(&probe.Prober{Resolver: asked, Private: s.ProbePrivate, Greeting: manyGreeting})
	service.Examiner = func(snapshot *domains.Snapshot) *doctor.Doctor {
		d := doctor.New(snapshot, asked, nil)
		for i := range d.Issuers {
			acme := snapshot.Server.ACME
			d.Issuers[i].Account = certs.SavedAccount(context.Background(), certificateFolder(snapshot.Server), acme.CAs[i], acme.Email)
		}
		return d
	}
	service.Seen = func(host string, server settings.Server) (string, time.Time) {
		if p.monitor == nil {
			return "", time.Time{}
		}
		state, at := p.monitor.Seen(host, server)
		return string(state), at
	}
}

// saved makes the server serve a change that was saved here, and waits for that. Changes in the database come to the replica by themselves.
func (p *program) saved(ctx context.Context, result edits.Result) {
	switch {
	case p.replica != nil && result.Files == nil:
		p.awaitReplica(ctx, result.Changes)
	case result.Config != nil:
		if err, done := p.file.Saved(result.Config); done {
			p.refused(err)
		} else {
			p.announced(result.Config.Digest())
		}
	}
}

// awaitReplica waits until the copy of the database has changes, for a second at most.
func (p *program) awaitReplica(ctx context.Context, changes []edits.Change) {
	latest := int64(0)
	for _, c := range changes {
		latest = max(latest, c.Number)
	}
	const pause = 5 * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	for p.replica.Status().Sequence < latest {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}
