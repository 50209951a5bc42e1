package logins

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func TestMetrics(t *testing.T) {
	ls, find := use(t, quiet, map[string]*fake{"people": {find: directory}})
	for range 3 {
		expect(t, find, ask("ann", 0), "ab123", time.Minute)
	}
	expect(t, find, ask("bob", 0), "", time.Minute)
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(ls.Collector())
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]float64)
	for _, family := range families {
		for _, m := range family.GetMetric() {
			name := family.GetName()
			for _, label := range m.GetLabel() {
				name += " " + label.GetValue()
			}
			got[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	want := map[string]float64{
		"mailhint_login_requests_total people found": 3, "mailhint_login_requests_total people unknown": 1,
		"mailhint_login_cached yes people": 1, "mailhint_login_cached no people": 1,
		"mailhint_login_lookup_seconds people": 2, "mailhint_login_lookup_failing people": 0,
		"mailhint_login_limited_total client people": 0, "mailhint_login_limited_total network people": 0,
	}
	for _, result := range results[2:] {
		want["mailhint_login_requests_total people "+result] = 0
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}
