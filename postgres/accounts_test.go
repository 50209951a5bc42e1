package postgres_test

import (
	"testing"

	"mailhint/accounts"
	"mailhint/accounts/accountstest"
	"mailhint/postgres"
	"mailhint/postgres/postgrestest"
)

func TestAccounts(t *testing.T) {
	server := postgrestest.Shared(t)
	accountstest.Run(t, func(t testing.TB) accountstest.Place {
		config := postgres.Config{URL: server.URL(server.Database(t))}
		if _, _, err := postgres.Migrate(t.Context(), config, true); err != nil {
			t.Fatal(err)
		}
		return accountstest.Place{Open: func(t testing.TB) accounts.Store { return reopen(t, config).Accounts() }}
	})
}
