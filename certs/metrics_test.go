package certs

import (
	"os"
	"regexp"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// Every metric is in the documentation.
func TestMetricsAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/certificates.md")
	if err != nil {
		t.Fatal(err)
	}
	descs := make(chan *prometheus.Desc, 100)
	pending(t, nil).Collector().Describe(descs)
	NewAskLimit(0).Describe(descs)
	close(descs)
	name := regexp.MustCompile(`fqName: "([a-z_]+)"`)
	n := 0
	for d := range descs {
		m := name.FindStringSubmatch(d.String())
		if m == nil || !regexp.MustCompile("(?m)^\\| `"+m[1]+"[`{]").Match(text) {
			t.Errorf("docs/certificates.md lacks %s", d)
		}
		n++
	}
	if n < 11 {
		t.Errorf("only %d metrics are described", n)
	}
}
