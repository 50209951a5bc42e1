package server

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// What other parts of the program say is shown, limited and without control characters, and does not change the status.
func TestParts(t *testing.T) {
	counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "mailhint_part_total", Help: "A part's."})
	counter.Inc()
	s := run(t, offline(), func(s *Server) {
		s.ShowLines(func() []string {
			return []string{"mail servers: 3 good", "banner \x1b[2J\n\u202eevil" + strings.Repeat("x", 1000)}
		})
		s.ShowLines(func() []string {
			var lines []string
			for i := range 100 {
				lines = append(lines, fmt.Sprint("line ", i))
			}
			return lines
		})
		s.Metrics().MustRegister(counter)
	})
	status, body := get(t, "http://"+s.admin+"/-/readyz")
	if status != http.StatusOK || !strings.Contains(body, "\nmail servers: 3 good\nbanner \uFFFD[2J \uFFFDevilxxx") {
		t.Errorf("%d %q", status, body)
	}
	if strings.ContainsAny(body, "\x1b\u202e") || strings.Contains(body, "line 30") || !strings.Contains(body, "line 29\nand 70 more lines\n") || len(body) > 2000 {
		t.Errorf("%d octets: %q", len(body), body)
	}
	if _, body := get(t, "http://"+s.admin+"/-/metrics"); !strings.Contains(body, "\nmailhint_part_total 1\n") {
		t.Error("the metric of a part is not shown")
	}
}
