package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"mailhint/edits"
	"mailhint/postgres/postgrestest"
)

// Lists of many domains stay quick: pages, searches and totals use indexes.
func BenchmarkList(b *testing.B) {
	server := postgrestest.Shared(b)
	s, database := open(b)
	const domains = 1_000_000
	timed := func(what string, statements ...string) {
		start := time.Now()
		server.Exec(b, database, statements...)
		b.Logf("%s: %.1f s", what, time.Since(start).Seconds())
	}
	timed("dropping the index for searches", "DROP INDEX mailhint.records_search")
	timed("writing a million domains, without history", "SET mailhint.recorded = on", fmt.Sprintf(
		"INSERT INTO mailhint.records (kind, name, profile) SELECT 'domain', 'customer-' || md5(n::text) || '.example', 'p' || n %% 10 FROM generate_series(1, %d) n", domains))
	timed("making the index", "SET maintenance_work_mem = '256MB'", "CREATE INDEX records_search ON mailhint.records USING gin (name mailhint.gin_trgm_ops)", "ANALYZE mailhint.records")
	for name, q := range map[string]edits.Query{
		"first": {Limit: 50}, "later": {Limit: 50, After: "customer-8"}, "profile": {Limit: 50, Profile: "p3"},
		"search=one": {Limit: 50, Search: "c4ca4238a0"}, "search=some": {Limit: 50, Search: "abc"}, "search=all": {Limit: 50, Search: "customer"},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := s.List(b.Context(), q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
