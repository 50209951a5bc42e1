package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"mailhint/domains"
	"mailhint/logins"
	"mailhint/logins/file"
	"mailhint/logins/ldap"
	"mailhint/logins/sql"
	"mailhint/settings"
)

// openLookup opens what a table [lookups.…] describes. The error is a domains.Problem with the table's line.
func openLookup(l domains.LoginLookup, log *slog.Logger) (source logins.Source, err error) {
	switch l.Type {
	case "file":
		source, err = file.Open(l.File, log)
	case "ldap":
		source, err = ldap.Open(ldap.Config{URLs: l.URLs, CA: l.CA, BindDN: l.BindDN, PasswordFile: l.PasswordFile, Base: l.Base, Filter: l.Filter, Attribute: l.Attribute})
	default:
		source, err = sql.Open(sql.Config{URL: l.URLs[0], CA: l.CA, PasswordFile: l.PasswordFile, Query: l.Query})
	}
	if err != nil {
		return nil, lookupProblem(l, err)
	}
	return source, nil
}

func lookupProblem(l domains.LoginLookup, err error) domains.Problems {
	return domains.Problems{{Position: l.At, Key: "lookups." + l.Name, Text: err.Error()}}
}

// lookupConfigs are the look-ups of a configuration, for package logins.
func lookupConfigs(s *domains.Snapshot, log *slog.Logger) []logins.Config {
	var configs []logins.Config
	for _, l := range s.Lookups {
		content := l
		content.At = domains.Position{}
		configs = append(configs, logins.Config{Name: l.Name, Content: fmt.Sprintf("%#v", content),
			Open: func() (logins.Source, error) { return openLookup(l, log) }})
	}
	return configs
}

// checkLookups finds what would keep serve from using the look-ups of a configuration. It asks no server.
func checkLookups(s *domains.Snapshot) (problems domains.Problems) {
	for _, l := range s.Lookups {
		source, err := openLookup(l, slog.New(slog.DiscardHandler))
		if err != nil {
			var found domains.Problems
			errors.As(err, &found) // which is all that openLookup returns
			problems = append(problems, found...)
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

// tryLookups looks the login names of a person up for settings, and says how it went.
func tryLookups(ctx context.Context, s *domains.Snapshot, q settings.Question, found settings.Found) (settings.Found, []trial, error) {
	if len(found.Lookups) == 0 || q.Address.IsZero() || !q.Address.Plausible() {
		return found, nil, nil
	}
	var names []string
	var trials []trial
	for _, name := range found.Lookups {
		for _, l := range s.Lookups {
			if l.Name != name {
				continue
			}
			source, err := openLookup(l, slog.New(slog.DiscardHandler))
			if err != nil {
				return found, nil, err
			}
			login, took, err := logins.Try(ctx, source, settings.PersonQuestion{Address: q.Address, Primary: found.Primary, Client: q.Client})
			source.Close() // it has answered, or the error says why not
			t := trial{Lookup: name, Login: login, TookMS: took.Milliseconds(), took: took}
			if err != nil {
				t.Error = err.Error()
			}
			names, trials = append(names, login), append(trials, t)
		}
	}
	return found.WithNames(names), trials, nil
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
