package postgres_test

import (
	"testing"

	"mailhint/postgres"
)

func TestUnverifiedHost(t *testing.T) {
	for _, name := range []string{"PGSSLMODE", "PGSSLROOTCERT", "PGHOST", "PGSERVICE"} {
		t.Setenv(name, "")
	}
	for url, want := range map[string]string{
		"postgres://m@db.example/m?sslmode=verify-full":            "",
		"postgres://m@db.example/m":                                "db.example",
		"postgres://m@db.example/m?sslmode=disable":                "db.example",
		"postgres://m@db.example/m?sslmode=require":                "db.example",
		"postgres://m@192.0.2.1,192.0.2.2/m?sslmode=prefer":        "192.0.2.1",
		"postgres://m@127.0.0.1,db2.example/m?sslmode=allow":       "db2.example",
		"postgres://m@localhost,127.0.0.1,[::1]/m?sslmode=disable": "",
		"postgres:///m?host=/run/postgresql":                       "",
		"host=db.example user=m sslmode=require":                   "db.example",
		"host=/run/postgresql user=m":                              "",
		"host=db.example user=m sslmode=verify-full":               "",
		"host=db.example sslmode=nonsense":                         "",
	} {
		if got := postgres.UnverifiedHost(url); got != want {
			t.Errorf("%s: %q, want %q", url, got, want)
		}
	}
	t.Setenv("PGSSLMODE", "verify-full")
	if got := postgres.UnverifiedHost("postgres://m@db.example/m"); got != "" {
		t.Errorf("with PGSSLMODE: %q", got)
	}
}
