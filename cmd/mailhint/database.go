package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"mailhint/domains"
	"mailhint/postgres"
	"mailhint/untrusted"
)

// openDatabase opens the database of [store]; nil if there is none.
func openDatabase(cmd *cobra.Command) (*postgres.Store, error) {
	config, err := databaseConfig(configName(cmd))
	if config == nil || err != nil {
		return nil, problem(err)
	}
	s, err := postgres.Open(cmd.Context(), *config)
	if err != nil {
		return nil, problem(databaseError(err))
	}
	context.AfterFunc(cmd.Context(), s.Close)
	return s, nil
}

// databaseConfig says where the database of [store] in a main file is; nil if there is none.
func databaseConfig(file string) (*postgres.Config, error) {
	s, err := domains.StoreOf(file)
	if err != nil || s.Type == "" {
		return nil, err
	}
	return &postgres.Config{URL: s.URL, PasswordFile: s.PasswordFile, Files: func() (*domains.Snapshot, error) { return domains.Load(file) }}, nil
}

// unverifiedText is the warning about a host of postgres.UnverifiedHost.
const unverifiedText = "anybody on the way to the database can be it, and give wrong answers; write sslmode=verify-full in url"

func databaseError(err error) error { return fmt.Errorf("the database of [store]: %w", err) }

// loadConfig reads the configuration: the files, and what the database has of the names that it is asked for.
func loadConfig(cmd *cobra.Command) (*domains.Snapshot, error) {
	snapshot, err := domains.Load(configName(cmd))
	if err != nil {
		return nil, problem(err)
	}
	database, err := openDatabase(cmd)
	if database == nil || err != nil {
		return snapshot, err
	}
	records, err := database.Records(cmd.Context())
	if err != nil {
		return nil, problem(databaseError(err))
	}
	records.Warn = func(err error) {
		fmt.Fprintln(cmd.ErrOrStderr(), "warning:", untrusted.Printable(databaseError(err).Error()))
	}
	return snapshot.With(records), nil
}

// checkDatabase adds what is wrong with the records of the database of [store] to a report.
func checkDatabase(cmd *cobra.Command, file string, report *domains.Report) error {
	config, err := databaseConfig(file)
	if config == nil || err != nil {
		return err
	}
	if host := postgres.UnverifiedHost(config.URL); host != "" {
		report.Warnings = append(report.Warnings, domains.Problem{Position: domains.Position{File: file}, Key: "store.url", Text: host + ": " + unverifiedText})
	}
	failed := func(err error) error {
		report.Fail(domains.Problem{Position: domains.Position{File: domains.StorePlace}, Text: "cannot be checked: " + err.Error()})
		report.Unread = true
		return nil
	}
	s, err := postgres.Open(cmd.Context(), *config)
	if err != nil {
		return failed(err)
	}
	defer s.Close()
	problems, err := s.Check(cmd.Context())
	if err != nil {
		return failed(err)
	}
	report.Fail(problems...)
	status, err := s.Status(cmd.Context())
	if err != nil {
		return failed(err)
	}
	report.Domains += status.Domains
	report.Profiles += status.Profiles
	return nil
}
