package replica

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestMetrics(t *testing.T) {
	d := newDatabase()
	d.change(everything()...)
	r := start(t, d, "", files)
	r.await(t, d)
	r.awaitState(t, func() bool { return r.Status().State == Following })
	want := `
# HELP mailhint_store_domains Names of the database that are answered, with aliases and wildcards.
# TYPE mailhint_store_domains gauge
mailhint_store_domains 6
# HELP mailhint_store_refused_records Records of the database whose newest form is not served, because it does not check.
# TYPE mailhint_store_refused_records gauge
mailhint_store_refused_records 1
# HELP mailhint_store_sequence Number of the latest change of the database that this replica has.
# TYPE mailhint_store_sequence gauge
mailhint_store_sequence 7
# HELP mailhint_store_state Whether the database is followed: 1 for the state that it is in.
# TYPE mailhint_store_state gauge
mailhint_store_state{state="away"} 0
mailhint_store_state{state="copying"} 0
mailhint_store_state{state="following"} 1
mailhint_store_state{state="held back"} 0
`
	err := testutil.CollectAndCompare(r.Collector(), strings.NewReader(want), "mailhint_store_domains", "mailhint_store_refused_records", "mailhint_store_sequence", "mailhint_store_state")
	if err != nil {
		t.Error(err)
	}
}
