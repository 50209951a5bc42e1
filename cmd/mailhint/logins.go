package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"mailhint/domains"
	"mailhint/logins"
	"mailhint/logins/file"
	"mailhint/logins/ldap"
	"mailhint/logins/sql"
	"mailhint/settings"
)

// openSource opens what a table [lookups.…] describes.
func openSource(l domains.LoginLookup, log *slog.Logger) (logins.Source, error) {
	switch l.Type {
	case "file":
		return file.Open(l.File, log)
	case "ldap":
		return ldap.Open(ldap.Config{URLs: l.URLs, CA: l.CA, BindDN: l.BindDN, PasswordFile: l.PasswordFile, Cert: l.Cert, Key: l.Key, Base: l.Base, Filter: l.Filter, Attribute: l.Attribute})
	default:
		return sql.Open(sql.Config{URL: l.URLs[0], CA: l.CA, PasswordFile: l.PasswordFile, Query: l.Query})
	}
}

func lookupProblem(l domains.LoginLookup, err error) domains.Problem {
	return domains.Problem{Position: l.At, Key: "lookups." + l.Name, Text: err.Error()}
}

// lookupConfigs are the look-ups of a configuration, for package logins.
func lookupConfigs(s *domains.Snapshot, log *slog.Logger) []logins.Config {
	var configs []logins.Config
	for _, l := range s.Lookups {
		content := l
		content.At = domains.Position{}
		configs = append(configs, logins.Config{Name: l.Name, Content: fmt.Sprintf("%#v", content),
			Open: func() (logins.Source, error) {
				source, err := openSource(l, log)
				if err != nil {
					return nil, domains.Problems{lookupProblem(l, err)}
				}
				return source, nil
			}})
	}
	return configs
}

// checkLookups finds what would keep serve from using the look-ups of a configuration. It asks no server.
func checkLookups(s *domains.Snapshot) (problems domains.Problems) {
	for _, l := range s.Lookups {
		source, err := openSource(l, slog.New(slog.DiscardHandler))
		if err != nil {
			problems = append(problems, lookupProblem(l, err))
			continue
		}
		source.Close() // nothing has been asked
		if l.Type == "file" {
			_, lines, _ := file.Read(l.File) // it has just been read
			for _, line := range lines {
				problems = append(problems, domains.Problem{Position: domains.Position{File: l.File, Line: line.Line}, Text: line.Text})
			}
		}
	}
	return problems
}

// trial is how a look-up has answered a question for an admin.
type trial struct {
	Lookup string `json:"lookup"`
	Login  string `json:"login,omitempty"`
	Error  string `json:"error,omitempty"`
	TookMS int64  `json:"took_ms"`

	took time.Duration
}

func (t trial) String() string {
	text := fmt.Sprintf("look-up %s: %q", t.Lookup, t.Login)
	if t.Error != "" {
		text = fmt.Sprintf("look-up %s: %s; the answer has the login name for unknown addresses", t.Lookup, t.Error)
	}
	text += fmt.Sprintf(" (%.1f ms)", float64(t.took.Microseconds())/1000)
	if t.took > logins.Deadline {
		text += fmt.Sprintf("; a request waits for %s only", logins.Deadline)
	}
	return text
}

// lookUps asks the look-ups of a configuration for admins, and reads each file once.
type lookUps struct {
	all   []domains.LoginLookup
	files map[string]func() (*file.Source, error)
}

func newLookUps(s *domains.Snapshot) lookUps {
	l := lookUps{s.Lookups, make(map[string]func() (*file.Source, error))}
	for _, of := range l.all {
		l.files[of.Name] = sync.OnceValues(func() (*file.Source, error) { return file.OpenOnce(of.File, slog.New(slog.DiscardHandler)) })
	}
	return l
}

// ask is a doctor.LookUp.
func (l lookUps) ask(ctx context.Context, name string, q settings.PersonQuestion) (login string, took time.Duration, err error) {
	i := slices.IndexFunc(l.all, func(of domains.LoginLookup) bool { return of.Name == name })
	if i < 0 { // settings refer to those that there are
		return "", 0, fmt.Errorf("there is no look-up %q", name)
	}
	if l.all[i].Type == "file" {
		source, err := l.files[name]()
		if err != nil {
			return "", 0, err
		}
		return logins.Try(ctx, source, q)
	}
	source, err := openSource(l.all[i], slog.New(slog.DiscardHandler))
	if err != nil {
		return "", 0, err
	}
	defer source.Close() // it has answered, or the error says why not
	return logins.Try(ctx, source, q)
}

// tryLookups looks the login names of a person up for settings, and says how it went.
func tryLookups(ctx context.Context, s *domains.Snapshot, q settings.Question, found settings.Found) (settings.Found, []trial) {
	if q.Address.IsZero() || !q.Address.Plausible() {
		return found, nil
	}
	var names []string
	var trials []trial
	ask := newLookUps(s).ask
	for _, name := range found.Lookups {
		login, took, err := ask(ctx, name, settings.PersonQuestion{Address: q.Address, Primary: found.Primary, Client: q.Client})
		t := trial{Lookup: name, Login: login, TookMS: took.Milliseconds(), took: took}
		if err != nil {
			t.Error = err.Error()
		}
		names, trials = append(names, login), append(trials, t)
	}
	return found.WithNames(names), trials
}

// keptLookUps finds login names in the look-ups of a configuration for a command that asks about many people: each source is opened once. A look-up
// that fails is reported once; its login names are those for unknown addresses.
func keptLookUps(s *domains.Snapshot, report func(text string)) (find settings.FindLoginNames, closeAll func()) {
	type kept struct {
		source logins.Source
		failed func(error)
	}
	all := make(map[string]kept)
	for _, l := range s.Lookups {
		var once sync.Once
		failed := func(err error) {
			once.Do(func() {
				report(fmt.Sprintf("look-up %s: %v; the login names are those for unknown addresses", l.Name, err))
			})
		}
		source, err := openSource(l, slog.New(slog.DiscardHandler))
		if err != nil {
			failed(err)
			continue
		}
		all[l.Name] = kept{source, failed}
	}
	find = func(ctx context.Context, names []string, q settings.PersonQuestion) []string {
		found := make([]string, len(names))
		for i, name := range names {
			k, open := all[name]
			if !open {
				continue
			}
			login, _, err := logins.Try(ctx, k.source, q)
			if err != nil && !errors.Is(err, logins.ErrUnknown) {
				k.failed(err)
			}
			found[i] = login
		}
		return found
	}
	return find, func() {
		for _, k := range all {
			k.source.Close() // all questions have been answered
		}
	}
}

// useLogins makes a configuration find login names in its look-ups.
func (p *program) useLogins(s *domains.Snapshot) error {
	find, err := p.logins.Use(lookupConfigs(s, p.log))
	if err != nil {
		return err
	}
	s.FindLoginNames(find)
	return nil
}
